/** What the quickstart shows in the end, as text for people. Pure. */
import { metrics } from '../../runtime/contract/metrics.ts'
import type { Arrived } from './readTables.ts'

export interface Outcome extends Arrived {
  readonly produced: { readonly valid: number; readonly invalid: number; readonly valueSum: number }
  /** Absolute path. */
  readonly warehouse: string
  readonly seconds: number
}

export interface Surroundings {
  readonly manifest: string
  /** Prometheus text of the runtime. */
  readonly metricsText: string
  readonly metricsPort: number
  readonly runtimeLog: string
  /** What of it goes on running. */
  readonly kept: boolean
  /** The command without flags, with --dir where it is not the usual folder. */
  readonly command: string
  readonly nextSeed: number
}

export const jsonLine = ({ produced, raw, errors, warehouse, seconds }: Outcome): string =>
  JSON.stringify({ produced, raw, errors, warehouse, seconds })

const mostReasons = 8
const mostSnapshots = 5

export function describeOutcome(outcome: Outcome, around: Surroundings): string {
  const { produced, raw, errors } = outcome
  return [
    '',
    `Produced in this run: ${count(produced.valid)} valid samples, ${count(produced.invalid)} invalid.`,
    '',
    `Raw table: ${count(raw.rows)} rows, sum of values ${count(raw.valueSum)}, in ${count(raw.dataFiles)} Parquet files.`,
    ...table([Object.keys(outcome.sample[0] ?? {}), ...outcome.sample.map(row => Object.values(row).map(cell))]),
    '',
    `Errors table: ${count(errors.rows)} rows.`,
    ...reasons(errors.byReason),
    '',
    `Snapshots of the raw table: ${outcome.snapshots.length}; the newest:`,
    ...snapshots(outcome),
    '',
    `Metrics of the runtime (http://127.0.0.1:${around.metricsPort}/metrics):`,
    ...table(keyMetrics(around.metricsText)),
    '',
    `Files:  tables in ${outcome.warehouse}`,
    `        log of the runtime in ${around.runtimeLog}`,
    '',
    ...next(around),
    '',
    `Done in ${outcome.seconds.toFixed(1)} s.`,
    '',
  ].join('\n')
}

const count = (value: number): string => value.toLocaleString('en')

const cell = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value))

/** Indented columns. */
function table(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map(row => row[column]?.length ?? 0))
  return rows.map(row => `  ${row.map((text, column) => text.padEnd(width(column))).join('  ')}`.trimEnd())
}

function reasons(byReason: Readonly<Record<string, number>>): string[] {
  const all = Object.entries(byReason)
  const shown = table(all.slice(0, mostReasons).map(([reason, rows]) => [reason, count(rows)]))
  const more = all.length - mostReasons
  return more > 0 ? [...shown, `  and ${more} reasons more`] : shown
}

const snapshots = (outcome: Outcome): string[] =>
  table(
    outcome.snapshots
      .slice(-mostSnapshots)
      .map(({ 'snapshot-id': id, 'timestamp-ms': ms, summary }) => [
        String(id),
        new Date(ms).toISOString(),
        `+${count(Number(summary['added-records'] ?? 0))} rows`,
        `${count(Number(summary['total-records'] ?? 0))} in all`,
      ]),
  )

const shownMetrics = [
  metrics.kafkaRecordsConsumed,
  metrics.validRecords,
  metrics.invalidRecords,
  metrics.icebergRecordsWritten,
  metrics.consumerLag,
  metrics.lastCheckpointDuration,
  metrics.failedCheckpoints,
]

/** Each metric with the sum over its labels. */
function keyMetrics(text: string): string[][] {
  return shownMetrics.map(({ name, unit }) => {
    const values = text.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    const sum = values.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    return [name, `${values.length === 0 ? '-' : count(sum)} ${unit}`]
  })
}

function next({ manifest, kept, command, metricsPort, nextSeed }: Surroundings): string[] {
  if (!kept)
    return [
      'Nothing is left running. Try next:',
      `  ${command}                 once more: adds to these tables`,
      `  ${command} --keep          leaves Kafka and the runtime running`,
      `  ./hack/healthconsumer status -f ${manifest}`,
    ]
  return [
    'Kafka and the runtime go on running. Try next:',
    `  ./hack/healthconsumer status -f ${manifest}`,
    `  ./hack/healthconsumer produce -f ${manifest} --payloads 1000 --seed ${nextSeed}`,
    `  curl http://127.0.0.1:${metricsPort}/metrics`,
    `  curl http://127.0.0.1:${metricsPort}/status`,
    `  ${command} --stop          stops both; the data stays`,
  ]
}
