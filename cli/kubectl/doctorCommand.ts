/**
 * `kubectl healthconsumer doctor`: what is wrong with a HealthConsumer of a cluster, and what to do: its status, pods and
 * events, then every pod asked as `healthconsumer doctor --url` asks it. It mends nothing.
 */
import type { Command } from 'commander'
import { thresholds } from '../../crds/monitoring.ts'
import { metricsPort } from '../../operator/desired/child.ts'
import { parseAddress } from '../doctor/address.ts'
import type { Check } from '../doctor/report.ts'
import { type CommandIo, type OutputFormat, outputOption, wholeNumber } from '../io.ts'
import { clusterChecks } from './clusterChecks.ts'
import { type Consumer, getConsumer, getEvents, getPods } from './consumer.ts'
import { type ClusterFlags, type Kubectl, kubectlOf, withClusterFlags } from './kubectl.ts'

interface Flags extends ClusterFlags {
  readonly timeout: number
  readonly output: OutputFormat
}

export function register(program: Command, io: CommandIo): void {
  const command = program
    .command('doctor <name>')
    .summary('what is wrong, why, and what to do')
    .description(
      'Checks the status, pods and events of a HealthConsumer, then asks each of its pods through a forwarded port.\n' +
        'It changes nothing. Exit codes: 0 no problem, 3 problems found, 2 the input is wrong, 1 it failed itself.',
    )
    .option('--timeout <seconds>', 'how long to wait for each answer of a pod', wholeNumber(1, 600), 10)
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  kubectl healthconsumer doctor health -n data')
  withClusterFlags(command).action((name: string, flags: Flags, self: Command) => doctor(name, flags, self, io))
}

async function doctor(name: string, flags: Flags, command: Command, io: CommandIo): Promise<void> {
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
  const all = [...ofCluster, ...ofPods.flatMap(({ checks }) => checks)]
  if (flags.output === 'json')
    io.out(
      `${JSON.stringify({ checkedAt: new Date(nowMs).toISOString(), summary: summaryOf(all), checks: ofCluster, pods: ofPods })}\n`,
    )
  else
    io.out(
      [renderTable(ofCluster), ...ofPods.map(({ pod, checks }) => `pod ${pod}\n${renderTable(checks)}`)].join('\n'),
    )
  if (all.some(({ state }) => state === 'problem')) io.exitCode = 3
}

interface Monitored {
  readonly monitoring?: {
    readonly prometheusRule?: { readonly thresholds?: Readonly<Record<string, number>> }
  }
}

/** Those that the pod itself can answer. */
async function checksOfPod(
  kubectl: Kubectl,
  pod: string,
  consumer: Consumer,
  timeoutMs: number,
): Promise<readonly Check[]> {
  const [{ gather }, { diagnose }] = await Promise.all([import('../doctor/gather.ts'), import('../doctor/diagnose.ts')])
  const forwarded = await kubectl.forward(pod, metricsPort)
  try {
    const url = parseAddress(`http://127.0.0.1:${forwarded.port}`)!
    const job = 'flink-health-consumer'
    const gathered = await gather({ url, job, timeoutMs })
    const rule = (consumer.spec as Monitored | undefined)?.monitoring?.prometheusRule
    const checks = diagnose({
      ...gathered,
      nowMs: Date.now(),
      job,
      thresholds: thresholds.parse(rule?.thresholds ?? {}),
      disabledAlerts: [],
      manifest: null,
    })
    return checks.filter(({ state }) => state !== 'skipped')
  } finally {
    await forwarded.close()
  }
}
