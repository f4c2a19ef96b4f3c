#!/usr/bin/env node
/**
 * The operator's process: environment, signals, real parts. It runs until SIGTERM or SIGINT (exit code 0), or until
 * another process leads in its place (1): then it is started again, as one that waits.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { setupLogging } from '../runtime/telemetry/logging.ts'
import { LoggingError, loggingFromEnvironment } from '../runtime/telemetry/logOptions.ts'
import { logProcessWarnings } from '../runtime/telemetry/processWarnings.ts'
import { packageVersion } from '../runtime/version.ts'
import { systemClock } from './clock.ts'
import { ClusterAccess, defaultKubeConfig } from './clusterAccess.ts'
import { healthConsumerKind } from './clusterState.ts'
import { OperatorConfigError, operatorConfig } from './config.ts'
import { childKinds } from './desired/index.ts'
import { eventKind } from './events.ts'
import { KubernetesClient } from './kubernetesClient.ts'
import { leaseKind } from './lease.ts'
import { createOperatorMetrics } from './metrics.ts'
import { runOperator } from './operator.ts'
import { askPod } from './pipelinePoller.ts'
import { dependencyKinds } from './providedObjects.ts'

const usage = `Runs the HealthConsumer operator against the cluster of $KUBECONFIG, ~/.kube/config or the pod it runs in.

  node operator/main.ts

Settings are environment variables: RUNTIME_IMAGE (required), RUNTIME_IMAGE_PULL_POLICY, RUNBOOK_BASE_URL,
WATCH_NAMESPACES (comma-separated; all by default), LEADER_ELECTION (true), LEADER_ELECTION_NAME, POD_NAMESPACE,
POD_NAME, METRICS_HOST (0.0.0.0), METRICS_PORT (8080), WORKERS (8), STATUS_INTERVAL_SECONDS (30), LOG_LEVEL (INFO),
JSON_FORMAT (true), LOG_FILE. docs/operator.md says what each means.
`

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } })
  if (values.help) return void process.stdout.write(usage)
  const identity = `${hostname()}_${randomUUID()}`
  const config = operatorConfig(process.env, identity)
  const logger = setupLogging(loggingFromEnvironment(process.env))
  logProcessWarnings(logger)
  const metrics = createOperatorMetrics(config.leaderElection.name)
  const connection = {
    access: new ClusterAccess(defaultKubeConfig, systemClock),
    version: packageVersion(),
    clock: systemClock,
    observer: metrics.requested,
  }
  const kinds = [healthConsumerKind, eventKind, ...Object.values(childKinds), ...Object.values(dependencyKinds)]
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort())
  await runOperator(
    {
      kubernetes: new KubernetesClient({ ...connection, kinds, requestsPerSecond: 400, burst: 800 }),
      leases: new KubernetesClient({ ...connection, kinds: [leaseKind] }),
      config,
      metrics,
      logger,
      clock: systemClock,
      random: Math.random,
      ask: askPod,
      listening: port =>
        logger.info(`Metrics and probes on :${port}`, { context: { port, version: packageVersion() } }),
    },
    stopping.signal,
  )
}

try {
  await main()
} catch (error) {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  const isInput =
    error instanceof OperatorConfigError || error instanceof LoggingError || /^ERR_PARSE_ARGS/.test(code ?? '')
  process.stderr.write(`error[${isInput ? code : 'FAILED'}]: ${message ?? error}\n`)
  process.exit(isInput ? 2 : 1)
}
// Whatever a library still holds open must not keep the process.
process.exit(0)
