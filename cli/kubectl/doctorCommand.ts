/**
 * `kubectl healthconsumer doctor`: what is wrong with a HealthConsumer of a cluster, and what to do: its status, pods and
 * events, then every pod asked as `healthconsumer doctor --url` asks it. It mends nothing.
 */
import type { Command } from 'commander'
import { type AlertName, thresholds } from '../../crds/monitoring.ts'
import { metricsPort } from '../../operator/desired/child.ts'
import { parseAddress } from '../doctor/address.ts'
import type { Questions } from '../doctor/gather.ts'
import type { Check } from '../doctor/report.ts'
import { addressesOf, type ServerFlags, withWatchers } from '../doctor/servers.ts'
import { type CommandIo, type OutputFormat, outputOption, wholeNumber } from '../io.ts'
import { clusterChecks } from './clusterChecks.ts'
import { type Consumer, getConsumer, getEvents, getPods } from './consumer.ts'
import { type ClusterFlags, type Kubectl, kubectlOf, withClusterFlags } from './kubectl.ts'

interface Flags extends ClusterFlags, Pick<ServerFlags, 'prometheus' | 'alertmanager'> {
  readonly timeout: number
  readonly output: OutputFormat
}

const examples = `
Prometheus and Alertmanager are asked from this machine, as \`kubectl port-forward\` brings them here.

Example:
  kubectl healthconsumer doctor health -n data
  kubectl healthconsumer doctor health -n data --prometheus http://127.0.0.1:9090`

export function register(program: Command, io: CommandIo): void {
  const command = program
    .command('doctor <name>')
    .summary('what is wrong, why, and what to do')
    .description(
      'Checks the status, pods and events of a HealthConsumer, then asks each of its pods through a forwarded port.\n' +
        'It changes nothing. Exit codes: 0 no problem, 3 problems found, 2 the input is wrong, 1 it failed itself.',
    )
    .option('--timeout <seconds>', 'how long to wait for each answer', wholeNumber(1, 600), 10)
    .addOption(outputOption())
    .addHelpText('after', examples)
  withWatchers(command)
  withClusterFlags(command).action((name: string, flags: Flags, self: Command) => doctor(name, flags, self, io))
}

async function doctor(name: string, flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const addresses = addressesOf(flags, command)
  const kubectl = kubectlOf(flags, command)
  const consumer = await getConsumer(kubectl, name)
  const [pods, events] = await Promise.all([getPods(kubectl, name), getEvents(kubectl, name)])
  const { renderTable, summaryOf } = await import('../doctor/render.ts')
  const nowMs = Date.now()
  const ofCluster = clusterChecks(consumer, { pods, events }, nowMs)
  const ofPods: { readonly pod: string; readonly checks: readonly Check[] }[] = []
  // One after another: each takes a forwarded port, and a crowd of them tells no more.
  for (const { metadata } of pods)
    ofPods.push({
      pod: metadata.name,
      checks: await checksOfPod(kubectl, metadata.name, consumer, flags.timeout * 1000),
    })
  const ofWatchers = await checksOfWatchers(addresses, consumer, flags.timeout * 1000)
  const all = [...ofCluster, ...ofPods.flatMap(({ checks }) => checks), ...ofWatchers]
  if (flags.output === 'json') {
    const checkedAt = new Date(nowMs).toISOString()
    const told = { checkedAt, summary: summaryOf(all), checks: ofCluster, pods: ofPods, watchers: ofWatchers }
    io.out(`${JSON.stringify(told)}\n`)
  } else {
    const tables = ofPods.map(({ pod, checks }) => `pod ${pod}\n${renderTable(checks)}`)
    const last = ofWatchers.length > 0 ? [`Prometheus\n${renderTable(ofWatchers)}`] : []
    io.out([renderTable(ofCluster), ...tables, ...last].join('\n'))
  }
  if (all.some(({ state }) => state === 'problem')) io.exitCode = 3
}

interface Monitored {
  readonly monitoring?: {
    readonly prometheusRule?: {
      readonly thresholds?: Readonly<Record<string, number>>
      readonly disabledAlerts?: readonly AlertName[]
    }
  }
}

/** Those that the pod itself can answer. */
async function checksOfPod(
  kubectl: Kubectl,
  pod: string,
  consumer: Consumer,
  timeoutMs: number,
): Promise<readonly Check[]> {
  const forwarded = await kubectl.forward(pod, metricsPort)
  try {
    return await checks({ url: parseAddress(`http://127.0.0.1:${forwarded.port}`)! }, consumer, timeoutMs)
  } finally {
    await forwarded.close()
  }
}

/** Of the whole consumer, by what watches it; none where no address was given. */
const checksOfWatchers = async (
  { prometheus, alertmanager }: Pick<Questions, 'prometheus' | 'alertmanager'>,
  consumer: Consumer,
  timeoutMs: number,
): Promise<readonly Check[]> =>
  prometheus || alertmanager ? checks({ prometheus, alertmanager }, consumer, timeoutMs) : []

/** What was not asked for is left out. */
async function checks(
  servers: Pick<Questions, 'url' | 'prometheus' | 'alertmanager'>,
  { metadata, spec }: Consumer,
  timeoutMs: number,
): Promise<readonly Check[]> {
  const [{ gather }, { diagnose }] = await Promise.all([import('../doctor/gather.ts'), import('../doctor/diagnose.ts')])
  const watched = {
    job: 'flink-health-consumer',
    resource: { namespace: metadata.namespace ?? 'default', name: metadata.name },
  }
  const rule = (spec as Monitored | undefined)?.monitoring?.prometheusRule
  const told = diagnose({
    ...(await gather({ ...watched, ...servers, timeoutMs })),
    ...watched,
    nowMs: Date.now(),
    thresholds: thresholds.parse(rule?.thresholds ?? {}),
    disabledAlerts: rule?.disabledAlerts ?? [],
    manifest: null,
  })
  return told.filter(({ state }) => state !== 'skipped')
}
