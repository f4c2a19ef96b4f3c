/** What a reconcile may have seen, for tests of what is made of it: one in which all is well, changed field by field. */
import { checkHealthConsumer } from '../../crds/problems.ts'
import type { Observation } from '../../operator/observation.ts'
import { pipelineFacts } from '../../operator/pipelineFacts.ts'
import type { DeploymentFacts, PodFacts } from '../../operator/workload.ts'
import { consumer, told } from './consumers.ts'

export const resourceOf = (spec: object = {}) => {
  const { resource, problems } = checkHealthConsumer(consumer('team', 'one', spec))
  if (!resource) throw new Error(JSON.stringify(problems))
  return resource
}

export const deployed = (changes: Partial<DeploymentFacts> = {}): DeploymentFacts => ({
  uid: 'deployment',
  generation: 3,
  observedGeneration: 3,
  desired: 2,
  replicas: 2,
  updated: 2,
  ready: 2,
  available: 2,
  revision: 'one-0123456789',
  deadlineExceeded: false,
  refusal: undefined,
  ...changes,
})

export const pod = (changes: Partial<PodFacts> = {}): PodFacts => ({
  name: 'one-consumer-a',
  namespace: 'team',
  consumer: 'one',
  address: '10.0.0.1',
  ready: true,
  terminating: false,
  reason: undefined,
  message: undefined,
  ...changes,
})

export const seen = (changes: Partial<Observation> = {}): Observation => ({
  name: 'one',
  generation: 5,
  previous: undefined,
  resource: resourceOf(),
  problems: [],
  leftOut: [],
  missing: [],
  applied: {
    children: [
      { kind: 'Deployment', name: 'one-consumer', state: 'Unchanged' },
      { kind: 'ServiceMonitor', name: 'one-consumer', state: 'Applied' },
    ],
    pruned: [],
  },
  revision: { applied: '0123456789', wanted: '0123456789' },
  deployment: deployed(),
  pods: [pod(), pod({ name: 'one-consumer-b', address: '10.0.0.2' })],
  pipeline: pipelineFacts([told({ lags: [3] }), told({ lags: [4] })], 2, '2026-01-01T00:00:00.000Z'),
  ...changes,
})
