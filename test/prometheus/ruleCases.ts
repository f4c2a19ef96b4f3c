/**
 * When each alert fires and when it does not: series as a scrape every 15 s would bring them, and what must be firing at
 * which time. Rules are evaluated every 30 s, so an alert that waits 5 minutes from the start fires at 5m.
 *
 * Values as promtool takes them: `5x3` is 5 four times, `0+2x3` is 0 2 4 6, `stale` ends a series, `_x3` are three
 * scrapes without a value.
 */
import type { AlertName } from '../../crds/monitoring.ts'
import { type MetricDefinition, metrics } from '../../runtime/contract/metrics.ts'

/** How a case proves its alert: past the threshold, just not past it, over a restart, without any series. */
export type CaseKind = 'fires' | 'quiet' | 'restart' | 'absent' | 'pods'

type Labels = Readonly<Record<string, string>>

export interface Firing {
  /** Beside severity and those of the consumer. */
  readonly labels?: Labels
  /** The alert is about what is not there, so it has no labels but those that the rule names. */
  readonly absent?: boolean
  description(who: string): string
}

export interface RuleCase {
  readonly alert: AlertName
  readonly kind: CaseKind
  readonly name: string
  readonly series: readonly { readonly name: string; readonly labels: Labels; readonly values: string }[]
  /** What fires, by time; nothing where it is empty. */
  readonly at: Readonly<Record<string, readonly Firing[]>>
}

type Series = RuleCase['series'][number]

const on = (instance: string, metric: MetricDefinition | string, values: string, labels: Labels = {}): Series => ({
  name: typeof metric === 'string' ? metric : metric.name,
  labels: { instance, ...labels },
  values,
})
const a = (metric: MetricDefinition | string, values: string, labels?: Labels) => on('a:9249', metric, values, labels)
const b = (metric: MetricDefinition | string, values: string, labels?: Labels) => on('b:9249', metric, values, labels)

const says = (description: Firing['description'], labels: Labels = {}): [Firing] => [{ labels, description }]
const onA = { instance: 'a:9249' }
const none: readonly Firing[] = []

const partition = (number: number): Labels => ({ topic: 'samples', partition: String(number) })

const tookLong = (ms: number) => says(() => `Checkpoint duration is ${ms}ms`, onA)
const highCheckpointDuration: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'above 300000 ms, after its 5 minutes',
    series: [a(metrics.lastCheckpointDuration, '300001x40')],
    at: { '4m30s': none, '5m': tookLong(300001) },
  },
  {
    kind: 'quiet',
    name: 'at 300000 ms',
    series: [a(metrics.lastCheckpointDuration, '300000x60')],
    at: { '10m': none },
  },
  {
    kind: 'restart',
    name: 'a pod that goes and returns waits again',
    series: [a(metrics.lastCheckpointDuration, '300001x16 stale _x3 300001x40')],
    at: { '10m': none, '10m30s': tookLong(300001) },
  },
  { kind: 'absent', name: 'no checkpoint measured', series: [a('up', '1x60')], at: { '10m': none } },
  {
    kind: 'pods',
    name: 'one of two pods',
    series: [a(metrics.lastCheckpointDuration, '400000x40'), b(metrics.lastCheckpointDuration, '1000x40')],
    at: { '10m': tookLong(400000) },
  },
]

const behind = (messages: string) => says(who => `${who} is ${messages} messages behind`)
const highKafkaLag: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'above 100000, after its 5 minutes',
    series: [a(metrics.consumerLag, '100001x40', partition(0))],
    at: { '4m30s': none, '5m': behind('100k') },
  },
  {
    kind: 'quiet',
    name: 'at 100000',
    series: [a(metrics.consumerLag, '100000x60', partition(0))],
    at: { '10m': none },
  },
  {
    kind: 'restart',
    name: 'a pod that goes and returns waits again',
    series: [a(metrics.consumerLag, '250000x16 stale _x3 250000x40', partition(0))],
    at: { '10m': none, '10m30s': behind('250k') },
  },
  { kind: 'absent', name: 'lag not measured', series: [a('up', '1x60')], at: { '10m': none } },
  {
    kind: 'pods',
    name: 'the lag of two pods is one sum',
    series: [
      a(metrics.consumerLag, '60000x40', partition(0)),
      a(metrics.consumerLag, '20000x40', partition(1)),
      b(metrics.consumerLag, '40000x40', partition(2)),
    ],
    at: { '5m': behind('120k') },
  },
]

const errors = (rate: string) => says(who => `${who} finds ${rate} errors/second`)
const highErrorRate: readonly Omit<RuleCase, 'alert'>[] = [
  { kind: 'fires', name: 'above 10/s', series: [a(metrics.invalidRecords, '0+153x40')], at: { '5m': errors('10.2') } },
  {
    kind: 'quiet',
    name: 'below 10/s',
    series: [a(metrics.invalidRecords, '0+149x60')],
    at: { '5m': none, '10m': none },
  },
  {
    kind: 'restart',
    name: 'a counter that starts again is no error',
    series: [a(metrics.invalidRecords, '90000+149x20 149+149x40')],
    at: { '5m': none, '5m30s': none, '8m': none },
  },
  {
    kind: 'restart',
    name: 'errors go on through a restart',
    series: [a(metrics.invalidRecords, '0+300x20 300+300x40')],
    at: { '5m': errors('20.0'), '7m': errors('20.0') },
  },
  { kind: 'absent', name: 'no counter', series: [a('up', '1x40')], at: { '5m': none } },
  {
    kind: 'pods',
    name: 'two pods together',
    series: [a(metrics.invalidRecords, '0+90x40'), b(metrics.invalidRecords, '0+90x40')],
    at: { '5m': errors('12.0') },
  },
]

const failedCheckpoints = (count: number) => says(who => `${count} checkpoints of ${who} failed in 10m`)
const checkpointFailures: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: '4 failures in 10 minutes, and no longer than those',
    series: [a(metrics.failedCheckpoints, '0x20 1x3 2x3 3x3 4x80')],
    at: { '8m': none, '8m30s': failedCheckpoints(4), '14m': failedCheckpoints(4), '15m30s': none },
  },
  {
    kind: 'quiet',
    name: '3 failures, whatever is extrapolated',
    // Without a scrape at its beginning, a window of 10 minutes is 585 s that are extrapolated.
    series: [a(metrics.failedCheckpoints, '_ 50x3 53x60')],
    at: { '1m30s': none, '5m': none, '9m30s': none, '10m': none, '10m30s': none },
  },
  {
    kind: 'restart',
    name: '2 failures before a restart and 2 after it',
    series: [a(metrics.failedCheckpoints, '0x10 2x10 0x5 2x40')],
    at: { '6m': none, '7m': failedCheckpoints(4) },
  },
  {
    kind: 'restart',
    name: 'a counter that starts at 4',
    series: [a(metrics.failedCheckpoints, '2x50 4x40')],
    at: { '12m': none, '13m': none },
  },
  {
    kind: 'restart',
    name: 'a counter that falls to 4',
    series: [a(metrics.failedCheckpoints, '9x50 4x40')],
    at: { '12m': none, '13m': failedCheckpoints(4) },
  },
  {
    kind: 'restart',
    name: 'a counter that falls to 0',
    series: [a(metrics.failedCheckpoints, '100x50 0x40')],
    at: { '13m': none },
  },
  { kind: 'absent', name: 'no counter', series: [a('up', '1x60')], at: { '10m': none } },
  {
    kind: 'pods',
    name: 'two pods together',
    series: [a(metrics.failedCheckpoints, '0x10 2x40'), b(metrics.failedCheckpoints, '0x10 2x40')],
    at: { '10m': failedCheckpoints(4) },
  },
]

const processes = (rate: string) => says(who => `${who} processes ${rate} records/second`)
const lowThroughput: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'below 100/s, 5 minutes after the first rate',
    series: [a(metrics.throughput, '0+1485x60')],
    at: { '5m': none, '5m30s': processes('99.0') },
  },
  {
    kind: 'quiet',
    name: 'above 100/s, from its start on',
    series: [a(metrics.throughput, '0+1515x80')],
    at: { '5m': none, '5m30s': none, '20m': none },
  },
  {
    kind: 'restart',
    name: 'a counter that starts again is no fall',
    series: [a(metrics.throughput, '0+1530x60 1530+1530x60')],
    at: { '16m': none, '20m': none, '25m': none },
  },
  { kind: 'absent', name: 'no counter', series: [a('up', '1x60')], at: { '10m': none } },
  { kind: 'fires', name: 'nothing at all', series: [a(metrics.throughput, '0x60')], at: { '10m': processes('0.0') } },
  {
    kind: 'pods',
    name: 'two pods together are fast enough',
    series: [a(metrics.throughput, '0+1050x80'), b(metrics.throughput, '0+1050x80')],
    at: { '15m': none },
  },
]

const fails = (share: string) => says(who => `${share} of the records of ${who} fail validation`)
const highValidationFailureRate: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'above 10 %, 5 minutes after the first rate',
    series: [a(metrics.invalidRecords, '0+101x60'), a(metrics.validRecords, '0+899x60')],
    at: { '5m': none, '5m30s': fails('10.1%') },
  },
  {
    kind: 'quiet',
    name: 'below 10 %',
    series: [a(metrics.invalidRecords, '0+99x60'), a(metrics.validRecords, '0+901x60')],
    at: { '10m': none },
  },
  {
    kind: 'restart',
    name: 'counters that start again change no share',
    series: [a(metrics.invalidRecords, '90000+99x20 99+99x60'), a(metrics.validRecords, '200000+901x20 901+901x60')],
    at: { '10m30s': none, '15m': none },
  },
  { kind: 'absent', name: 'no counters', series: [a('up', '1x60')], at: { '10m': none } },
  {
    kind: 'quiet',
    name: 'no records: a share of nothing',
    series: [a(metrics.invalidRecords, '0x60'), a(metrics.validRecords, '0x60')],
    at: { '10m': none },
  },
  {
    kind: 'pods',
    name: 'the share of two pods together',
    series: [
      a(metrics.invalidRecords, '0+400x60'),
      a(metrics.validRecords, '0+100x60'),
      b(metrics.invalidRecords, '0x60'),
      b(metrics.validRecords, '0+1500x60'),
    ],
    at: { '10m': fails('20%') },
  },
]

const failedWrites = (count: number) => says(who => `${count} writes of ${who} failed in 5m`)
const raw = { table: 'health_data_raw' }
const icebergWriteFailures: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: '6 failures in 5 minutes, and no longer than those',
    series: [a(metrics.icebergWriteFailures, '0x20 6x60', raw)],
    at: { '5m': none, '5m30s': failedWrites(6), '10m30s': none },
  },
  {
    kind: 'quiet',
    name: '5 failures, whatever is extrapolated',
    series: [a(metrics.icebergWriteFailures, '_ 50x3 55x60', raw)],
    at: { '1m30s': none, '3m': none, '5m': none, '5m30s': none },
  },
  {
    kind: 'restart',
    name: '3 failures before a restart and 3 after it',
    series: [a(metrics.icebergWriteFailures, '0x6 3x5 0x2 3x40', raw)],
    at: { '3m': none, '4m': failedWrites(6) },
  },
  {
    kind: 'restart',
    name: 'a counter that falls to 0',
    series: [a(metrics.icebergWriteFailures, '100x30 0x40', raw)],
    at: { '9m': none },
  },
  { kind: 'absent', name: 'no counter', series: [a('up', '1x60')], at: { '10m': none } },
  {
    kind: 'pods',
    name: 'two pods and two tables together',
    series: [
      a(metrics.icebergWriteFailures, '0x6 2x40', raw),
      a(metrics.icebergWriteFailures, '0x6 2x40', { table: 'health_data_errors' }),
      b(metrics.icebergWriteFailures, '0x6 3x40', raw),
    ],
    at: { '5m': failedWrites(7) },
  },
]

/** Of the records of 15 s: how many take at most 5, 10 and 15 s. */
const latencies = (pod: typeof a, counts: readonly [number, number, number], values: (step: number) => string) =>
  ['5000', '10000', '15000', '+Inf'].map((le, index) =>
    pod(`${metrics.processingLatency.name}_bucket`, values(counts[Math.min(index, 2)]!), { le }),
  )
const slow = (ms: number) => says(who => `P95 processing latency of ${who} is ${ms}ms`)
const highProcessingLatency: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'P95 above 10 s, 5 minutes after the first rate',
    series: latencies(a, [50, 94, 100], step => `0+${step}x60`),
    at: { '5m': none, '5m30s': slow(10833) },
  },
  {
    kind: 'quiet',
    name: 'P95 below 10 s',
    series: latencies(a, [500, 951, 1000], step => `0+${step}x60`),
    at: { '10m': none },
  },
  {
    kind: 'restart',
    name: 'counters that start again change no percentile',
    series: latencies(a, [500, 951, 1000], step => `${step * 100}+${step}x20 ${step}+${step}x60`),
    at: { '10m30s': none, '15m': none },
  },
  { kind: 'absent', name: 'no histogram', series: [a('up', '1x60')], at: { '10m': none } },
  { kind: 'quiet', name: 'no records', series: latencies(a, [0, 0, 0], () => '0x60'), at: { '10m': none } },
  {
    kind: 'pods',
    name: 'the percentile of two pods together',
    series: [
      ...latencies(a, [0, 0, 100], step => `0+${step}x60`),
      ...latencies(b, [100, 100, 100], step => `0+${step}x60`),
    ],
    at: { '10m': slow(14500) },
  },
]

const unreachable = (instance: string) =>
  says(who => `TaskManager ${instance} of ${who} does not answer (up is 0)`, { instance })
const vanished: [Firing] = [
  { absent: true, description: who => `Prometheus has no TaskManager of ${who} to scrape (absent is 1)` },
]
const taskManagerDown: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'unreachable for a minute',
    series: [a('up', '0x20')],
    at: { '30s': none, '1m': unreachable('a:9249') },
  },
  { kind: 'quiet', name: 'reachable', series: [a('up', '1x20')], at: { '5m': none } },
  {
    kind: 'restart',
    name: 'back within the minute',
    series: [a('up', '1x7 0x2 1x20')],
    at: { '2m30s': none, '3m': none, '5m': none },
  },
  { kind: 'absent', name: 'never there', series: [], at: { '30s': none, '1m': vanished } },
  {
    kind: 'absent',
    name: 'a target that vanished',
    series: [a('up', '1x8 stale')],
    at: { '2m': none, '3m': none, '3m30s': vanished },
  },
  {
    kind: 'absent',
    name: 'targets of others say nothing',
    series: [a('up', '1x20', { job: 'others', namespace: 'others', healthconsumer: 'others' })],
    at: { '1m': vanished },
  },
  {
    kind: 'pods',
    name: 'one of two pods',
    series: [a('up', '1x20'), b('up', '0x20')],
    at: { '1m': unreachable('b:9249') },
  },
]

const heap = (pod: typeof a, used: string) => [
  pod(metrics.heapUsed, used),
  pod(metrics.heapMax, used.replaceAll(/\d+x/g, '1000x')),
]
const nearlyFull = (share: string) => says(who => `TaskManager a:9249 of ${who} uses ${share} of its heap`, onA)
const highMemoryUsage: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'above 90 %, after its 5 minutes',
    series: heap(a, '901x40'),
    at: { '4m30s': none, '5m': nearlyFull('90.1%') },
  },
  { kind: 'quiet', name: 'at 90 %', series: heap(a, '900x60'), at: { '10m': none } },
  {
    kind: 'restart',
    name: 'a pod that goes and returns waits again',
    series: heap(a, '950x16 stale _x3 950x40'),
    at: { '10m': none, '10m30s': nearlyFull('95%') },
  },
  { kind: 'absent', name: 'no heap measured', series: [a('up', '1x60')], at: { '10m': none } },
  {
    kind: 'pods',
    name: 'one of two pods',
    series: [...heap(a, '990x40'), ...heap(b, '100x40')],
    at: { '10m': nearlyFull('99%') },
  },
]

const halted = (code: string) =>
  says(who => `${who} takes in nothing: halted with ${code} (healthconsumer_halted is 1)`, { code })
const consumerHalted: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'halted for a minute, with its code',
    series: [a(metrics.halted, '1x20', { code: 'OffsetGap' }), a(metrics.halted, '0x20', { code: 'TableOwned' })],
    at: { '30s': none, '1m': halted('OffsetGap') },
  },
  { kind: 'quiet', name: 'not halted', series: [a(metrics.halted, '0x20', { code: 'OffsetGap' })], at: { '5m': none } },
  {
    kind: 'restart',
    name: 'over after a restart',
    series: [a(metrics.halted, '1x3 stale _x3 0x20', { code: 'OffsetGap' })],
    at: { '1m': none, '3m': none },
  },
  { kind: 'absent', name: 'no gauge', series: [a('up', '1x20')], at: { '5m': none } },
  {
    kind: 'pods',
    name: 'two pods halted alike are one alert',
    series: [a(metrics.halted, '1x20', { code: 'OffsetGap' }), b(metrics.halted, '1x20', { code: 'OffsetGap' })],
    at: { '1m': halted('OffsetGap') },
  },
]

/** Time begins at 0, which for a commit means that there was none. */
const processStart = 'process_start_time_seconds'
const uncommitted = (duration: string) =>
  says(who => `${who} has records waiting and made no durable commit for ${duration}`)
const commitsStalled: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'more than 900 s since the last commit',
    series: [a(metrics.consumerLag, '5x80', partition(0)), a(metrics.lastCommitTime, '60x80'), a(processStart, '1x80')],
    at: { '16m': none, '16m30s': uncommitted('15m 30s') },
  },
  {
    kind: 'fires',
    name: 'more than 900 s since the start, without a commit',
    series: [a(metrics.consumerLag, '5x80', partition(0)), a(metrics.lastCommitTime, '0x80'), a(processStart, '60x80')],
    at: { '16m': none, '16m30s': uncommitted('15m 30s') },
  },
  {
    kind: 'quiet',
    name: 'commits go on',
    series: [
      a(metrics.consumerLag, '5x120', partition(0)),
      a(metrics.lastCommitTime, '1+15x120'),
      a(processStart, '1x120'),
    ],
    at: { '20m': none, '30m': none },
  },
  {
    kind: 'quiet',
    name: 'nothing to commit, and then a first record',
    series: [
      a(metrics.consumerLag, '0x120 1x3', partition(0)),
      a(metrics.lastCommitTime, '60x130'),
      a(processStart, '1x130'),
    ],
    at: { '20m': none, '30m': none, '30m30s': none },
  },
  {
    kind: 'restart',
    name: 'a commit before a restart counts',
    series: [
      a(metrics.consumerLag, '5x120', partition(0)),
      a(metrics.lastCommitTime, '500x36 0x90'),
      a(processStart, '1x36 560x90'),
    ],
    at: { '16m': none, '23m': none, '23m30s': uncommitted('15m 10s') },
  },
  {
    kind: 'restart',
    name: 'a process that starts every minute and never commits',
    series: [
      a(metrics.consumerLag, '5x240', partition(0)),
      a(metrics.lastCommitTime, '0x240'),
      a(processStart, Array.from({ length: 60 }, (_, minute) => `${minute * 60}x3`).join(' ')),
    ],
    at: {
      '15m': none,
      '15m30s': uncommitted('15m 30s'),
      '16m': uncommitted('16m 0s'),
      '45m': uncommitted('30m 0s'),
    },
  },
  {
    kind: 'absent',
    name: 'lag not measured',
    series: [a(metrics.lastCommitTime, '60x80'), a(processStart, '1x80')],
    at: { '20m': none },
  },
  {
    kind: 'pods',
    name: 'a pod that takes over from one that is gone',
    series: [
      a(metrics.consumerLag, '5x100 stale', partition(0)),
      a(metrics.lastCommitTime, '1+15x100 stale'),
      a(processStart, '1x100 stale'),
      b(metrics.consumerLag, '_x101 5x20', partition(0)),
      b(metrics.lastCommitTime, '0x130'),
      b(processStart, '1x130'),
    ],
    at: { '25m30s': none, '26m': none, '30m': none },
  },
]

const burns = (window: string, rate: string) =>
  says(
    who =>
      `${who} missed its freshness of 300 s so often in ${window} that it uses up its budget ${rate} times too fast`,
  )
/** A pod whose newest committed record is so old, with lag. */
const ageing = (pod: typeof a, ages: string, lag = '5x480', committed = '1x480') => [
  pod(metrics.freshness, ages),
  pod(metrics.consumerLag, lag, partition(0)),
  pod(metrics.lastCommitTime, committed),
  pod(processStart, committed.replaceAll(/\d+x/g, '1x')),
]
/** Older than 300 s from 5m30s on: that evaluation and each one after it is a bad one. */
const freshnessBudgetBurnFast: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'at the 18th bad evaluation of an hour (14.4 of 1 % of 120 are 17.28), and not after the end',
    series: ageing(a, '0+15x60 0x400'),
    at: { '13m30s': none, '14m': burns('1h', '15.0'), '22m': none },
  },
  {
    kind: 'quiet',
    name: '17 bad evaluations',
    series: ageing(a, '0+15x54 0x400'),
    at: { '13m30s': none, '15m': none },
  },
  { kind: 'quiet', name: 'records of 300 s', series: ageing(a, '300x200'), at: { '40m': none } },
  {
    kind: 'quiet',
    name: 'a quiet topic, old records and now and then a new one',
    series: ageing(a, '0+15x400', '0x20 1x3 0x20 1x3 0x20 1x3 0x20 1x3 0x20 1x3 0x200'),
    at: { '20m': none, '30m': none },
  },
  {
    kind: 'restart',
    name: 'a pod that was gone for a while, good before and after',
    series: ageing(a, '10x40 stale _x40 10x100', '5x40 stale _x40 5x100', '1x40 stale _x40 0x3 1x97'),
    at: { '15m': none, '25m': none, '40m': none },
  },
  {
    kind: 'restart',
    name: 'a process that never committed is as old as itself',
    series: ageing(a, '0x200', '5x200', '0x200'),
    at: { '13m30s': none, '14m': burns('1h', '15.0') },
  },
  { kind: 'absent', name: 'nothing measured', series: [a('up', '1x80')], at: { '20m': none } },
  {
    kind: 'pods',
    name: 'one fresh pod does not make up for another',
    series: [...ageing(a, '0+15x60'), ...ageing(b, '10x60')],
    at: { '14m': burns('1h', '15.0') },
  },
  {
    kind: 'pods',
    name: 'a pod without lag is never late',
    series: [...ageing(a, '10x200'), ...ageing(b, '0+15x200', '0x200')],
    at: { '14m': none, '40m': none },
  },
]
const freshnessBudgetBurnSlow: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'at the 44th bad evaluation of 6 hours (6 of 1 % of 720 are 43.2), and not after the end',
    series: ageing(a, '0+15x110 0x370'),
    at: { '26m30s': none, '27m': burns('6h', '6.1'), '1h': none },
  },
  {
    kind: 'quiet',
    name: '43 bad evaluations',
    series: ageing(a, '0+15x106 0x370'),
    at: { '26m30s': none, '28m': none },
  },
  {
    kind: 'restart',
    name: 'bad evaluations before and after a gap add up',
    series: ageing(a, '0+15x60 stale _x20 1000x200', '5x60 stale _x20 5x200', '1x60 stale _x20 1x200'),
    at: { '31m30s': none, '32m': burns('6h', '6.1') },
  },
  { kind: 'absent', name: 'nothing measured', series: [a('up', '1x80')], at: { '20m': none } },
  {
    kind: 'pods',
    name: 'two bad pods make a moment bad once',
    series: [...ageing(a, '0+15x200'), ...ageing(b, '0+15x200')],
    at: { '26m30s': none, '27m': burns('6h', '6.1') },
  },
]

const waiting = (duration: string) =>
  says(who => `Error rows of ${who} have not reached the errors table for ${duration}`)
const pendingErrorFiles: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'for more than 900 s',
    series: [a(metrics.pendingErrorAge, '901x4')],
    at: { '30s': waiting('15m 1s') },
  },
  { kind: 'quiet', name: 'for 900 s', series: [a(metrics.pendingErrorAge, '900x4')], at: { '30s': none } },
  {
    kind: 'restart',
    name: 'the wait is counted anew',
    series: [a(metrics.pendingErrorAge, '901x7 stale _x3 0+15x40')],
    at: { '1m30s': waiting('15m 1s'), '2m30s': none, '10m': none },
  },
  { kind: 'absent', name: 'no gauge', series: [a('up', '1x4')], at: { '30s': none } },
  {
    kind: 'pods',
    name: 'the longest wait of two pods',
    series: [a(metrics.pendingErrorAge, '10x4'), b(metrics.pendingErrorAge, '960x4')],
    at: { '30s': waiting('16m 0s') },
  },
]

const info = { version: '1.0.0', node_version: 'v24.0.0' }
const noSeries: [Firing] = [{ absent: true, description: who => `Prometheus has no series of ${who} (absent is 1)` }]
const metricsAbsent: readonly Omit<RuleCase, 'alert'>[] = [
  {
    kind: 'fires',
    name: 'a target without our metrics',
    series: [a('up', '1x60')],
    at: { '9m30s': none, '10m': noSeries },
  },
  { kind: 'quiet', name: 'metrics are there', series: [a(metrics.buildInfo, '1x60', info)], at: { '10m': none } },
  {
    kind: 'restart',
    name: 'gone for less than 10 minutes',
    series: [a(metrics.buildInfo, '1x20 stale _x37 1x40', info)],
    at: { '14m30s': none, '16m': none },
  },
  { kind: 'absent', name: 'nothing at all', series: [], at: { '9m30s': none, '10m': noSeries } },
  {
    kind: 'pods',
    name: 'one of two pods is left',
    series: [a(metrics.buildInfo, '1x10 stale', info), b(metrics.buildInfo, '1x60', info)],
    at: { '14m': none },
  },
]

const byAlert: Readonly<Record<AlertName, readonly Omit<RuleCase, 'alert'>[]>> = {
  HighCheckpointDuration: highCheckpointDuration,
  HighKafkaLag: highKafkaLag,
  HighErrorRate: highErrorRate,
  CheckpointFailures: checkpointFailures,
  LowThroughput: lowThroughput,
  HighValidationFailureRate: highValidationFailureRate,
  IcebergWriteFailures: icebergWriteFailures,
  HighProcessingLatency: highProcessingLatency,
  TaskManagerDown: taskManagerDown,
  HighMemoryUsage: highMemoryUsage,
  ConsumerHalted: consumerHalted,
  CommitsStalled: commitsStalled,
  FreshnessBudgetBurnFast: freshnessBudgetBurnFast,
  FreshnessBudgetBurnSlow: freshnessBudgetBurnSlow,
  PendingErrorFiles: pendingErrorFiles,
  MetricsAbsent: metricsAbsent,
}

export const ruleCases: readonly RuleCase[] = Object.entries(byAlert).flatMap(([alert, cases]) =>
  cases.map(each => ({ ...each, alert: alert as AlertName })),
)
