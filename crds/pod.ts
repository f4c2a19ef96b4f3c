/**
 * The part of the HealthConsumer that is passed on to its pods: resources, placement, metadata, environment. The words
 * are Kubernetes' own (core/v1 PodSpec). Data only.
 */
import { z } from 'zod'
import {
  bounded,
  environmentPrefix,
  int32,
  int64,
  keyedMapOf,
  labelKey,
  labelValue,
  listMapOf,
  listOf,
  objectName,
  passedOn,
  quantity,
  reference,
} from './fields.ts'
import { withRules } from './rules.ts'

const resources = z.strictObject({
  requests: keyedMapOf(quantity(), 16).optional().describe('What is reserved for a pod, such as cpu and memory.'),
  limits: keyedMapOf(quantity(), 16).optional().describe('What a pod may use at most.'),
})

const toleration = z.strictObject({
  key: labelKey().optional().describe('Taint that is tolerated; without it every one.'),
  operator: z.enum(['Exists', 'Equal']).optional().describe('Whether the value counts.'),
  value: labelValue().optional().describe('Value of the taint.'),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional().describe('Effect; without it every one.'),
  tolerationSeconds: int64(0).optional().describe('How long a NoExecute taint is tolerated, in seconds.'),
})

const affinity = z.strictObject({
  nodeAffinity: passedOn().optional().describe('Nodes to prefer or require (core/v1 NodeAffinity).'),
  podAffinity: passedOn().optional().describe('Pods to be near (core/v1 PodAffinity).'),
  podAntiAffinity: passedOn().optional().describe('Pods to be away from (core/v1 PodAntiAffinity).'),
})

const topologySpreadConstraint = z.strictObject({
  maxSkew: int32(1, 1000).describe('How uneven the spread may be.'),
  topologyKey: labelKey().describe('Node label that the pods are spread over.'),
  whenUnsatisfiable: z.enum(['DoNotSchedule', 'ScheduleAnyway']).describe('What to do where it cannot be met.'),
  minDomains: int32(1, 1000).optional().describe('Least number of domains.'),
  labelSelector: reference(passedOn())
    .optional()
    .describe('Pods that count (meta/v1 LabelSelector); without it those of this consumer.'),
})

const source = (kind: string) =>
  reference(
    z.strictObject({
      name: objectName().describe(`Name of the ${kind}.`),
      optional: z.boolean().optional().describe(`Start without the ${kind} where it does not exist.`),
    }),
  )

const environmentSource = withRules(
  z.strictObject({
    prefix: environmentPrefix().optional().describe('Put before each name.'),
    secretRef: source('Secret').optional().describe('A Secret whose keys become variables.'),
    configMapRef: source('ConfigMap').optional().describe('A ConfigMap whose keys become variables.'),
  }),
  [
    {
      cel: 'has(self.secretRef) != has(self.configMapRef)',
      what: 'needs exactly one source',
      fix: 'set either secretRef or configMapRef',
      reads: ['secretRef', 'configMapRef'],
      check: self => (self.secretRef === undefined) !== (self.configMapRef === undefined),
    },
  ],
)

export const pod = z.strictObject({
  resources: resources.optional().describe('CPU and memory; modest ones by default.'),
  nodeSelector: keyedMapOf(labelValue(), 64).optional().describe('Labels that a node must have.'),
  tolerations: listOf(toleration, 64).optional().describe('Taints that the pods tolerate.'),
  affinity: affinity
    .optional()
    .describe('Which nodes and neighbours the pods want; the API server checks it with the pods.'),
  topologySpreadConstraints: listMapOf(topologySpreadConstraint, ['topologyKey', 'whenUnsatisfiable'], 16)
    .optional()
    .describe('How the pods are spread.'),
  serviceAccountName: objectName().optional().describe('An existing ServiceAccount; by default one is created.'),
  labels: keyedMapOf(labelValue(), 64).optional().describe('More labels of the pods.'),
  annotations: keyedMapOf(bounded(65_536), 64).optional().describe('More annotations of the pods.'),
  extraEnvFrom: listOf(environmentSource, 32).optional().describe('More environment variables.'),
  priorityClassName: objectName().optional().describe('PriorityClass of the pods.'),
})
