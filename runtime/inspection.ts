/**
 * Where a consumer stands, as its tables and Kafka tell it: snapshots, offsets, lag, pending error files, and the halts
 * that a run would meet. It joins no group, writes nothing, and does not know whether a consumer runs.
 */
import { HaltError } from './commit/halt.ts'
import { type ErrorsKeys, type Intent, parseInitialised, type RawKeys } from './commit/keys.ts'
import { headOf, type Located, locateErrors, locateRaw } from './commit/lineage.ts'
import { auditReadings, unapplied } from './commit/plan.ts'
import type { Inspection, PartitionInspection, TableInspection } from './contract/inspection.ts'
import type { HaltStatus } from './contract/status.ts'
import type { Catalog, TableDefinition, TableIdentifier } from './iceberg/catalog.ts'
import type { Storage } from './iceberg/storage.ts'
import type { TableMetadata } from './iceberg/tableMetadata.ts'
import { checkTableLayout } from './iceberg/tables.ts'
import {
  type OffsetMap,
  parseTopicPartitionKey,
  type TopicPartition,
  type TopicPartitionKey,
  topicPartitionKey,
  type Watermarks,
} from './kafka.ts'
import type { KafkaPositions } from './source/source.ts'

export interface InspectionSettings {
  readonly group: string
  readonly topics: readonly string[]
  readonly onGap: 'Halt' | 'RecordAndContinue'
  readonly raw: TableIdentifier
  readonly errors: TableIdentifier
  readonly rawDefinition: TableDefinition
  readonly errorsDefinition: TableDefinition
}

export interface InspectionPorts {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly positions: KafkaPositions
}

interface KafkaReading {
  readonly clusterId: string
  readonly partitions: readonly TopicPartition[]
  readonly committed: OffsetMap
  readonly low: ReadonlyMap<TopicPartitionKey, Watermarks>
}

/** Rejects with what the catalog or the storage rejects with; an unreachable Kafka is part of the answer. */
export async function inspect(settings: InspectionSettings, ports: InspectionPorts): Promise<Inspection> {
  const { catalog, positions } = ports
  const halts = new Halts()
  // In the order of the protocol's own audit: in any other, a commit made meanwhile looks like a fault.
  const before = await settled(readKafka(settings.topics, positions))
  const firstErrors = await catalog.loadTable(settings.errors)
  const rawTable = await catalog.loadTable(settings.raw)
  const errorsTable = await catalog.loadTable(settings.errors)
  const after = await settled(before.value ? positions.watermarks(before.value.partitions) : Promise.resolve(undefined))

  const rawName = qualified(settings.raw)
  const errorsName = qualified(settings.errors)
  halts.layout(rawName, rawTable, settings.rawDefinition)
  halts.layout(errorsName, errorsTable, settings.errorsDefinition)
  const raw = rawTable && halts.guard(() => locateRaw(rawName, settings.group, rawTable))
  const errors = errorsTable && halts.guard(() => locateErrors(errorsName, settings.group, errorsTable))
  const first = firstErrors && new Halts().guard(() => locateErrors(errorsName, settings.group, firstErrors))
  halts.guard(() => refuseReplaced(rawName, errorsName, { rawTable, errorsTable, raw, errors }))
  const pending = raw && unapplied(raw.keys.pending, errors?.keys ?? noErrorsKeys)
  await halts.guardAsync(() => refuseLost(pending ?? [], ports.storage))
  const kafka = before.value
  const high = highOf(after.value)
  if (kafka && raw) {
    halts.guard(() => refuseOtherCluster(raw.table, kafka.clusterId))
    const low = lowOf(kafka.low)
    const [firstApplied, secondApplied] = [first?.keys.appliedSeq ?? 0, errors?.keys.appliedSeq ?? 0]
    const readings = { committed: kafka.committed, low, firstApplied, raw: raw.keys, secondApplied, high }
    halts.guard(() => void auditReadings(readings, settings.onGap))
  }
  const partitions = partitionsOf(raw?.keys.offsets, kafka, high)
  const times = [raw, errors].flatMap(located => (located ? [located.own['timestamp-ms']] : []))
  const failure = before.failure ?? after.failure
  return {
    group: settings.group,
    tables: {
      raw: tableOf(rawName, rawTable, raw, raw?.keys.seq),
      errors: tableOf(errorsName, errorsTable, errors, errors?.keys.appliedSeq),
    },
    partitions,
    lag: total(partitions.map(({ lag }) => lag)),
    pendingErrorFiles: pending?.length ?? null,
    pendingErrorRows: pending ? pending.reduce((sum, { count }) => sum + count, 0) : null,
    lastCommitAt: times.length > 0 ? instant(Math.max(...times)) : null,
    halts: halts.found,
    kafka: { reachable: failure === undefined, error: failure?.error ?? null, code: failure?.code ?? null },
  }
}

const qualified = ({ namespace, name }: TableIdentifier): string => [...namespace, name].join('.')
const instant = (ms: number): string => new Date(ms).toISOString()
const noErrorsKeys: ErrorsKeys = { appliedSeq: 0, rawUuid: '', commitId: '' }

/** The halts that were met, in the order of the checks. */
class Halts {
  readonly found: HaltStatus[] = []

  guard<T>(check: () => T): T | undefined {
    try {
      return check()
    } catch (error) {
      this.#note(error)
      return undefined
    }
  }

  async guardAsync(check: () => Promise<void>): Promise<void> {
    await check().catch(error => this.#note(error))
  }

  layout(name: string, table: TableMetadata | undefined, definition: TableDefinition): void {
    const problems = table ? checkTableLayout(table, definition) : []
    if (problems.length > 0) this.#note(new HaltError('IncompatibleTable', `table ${name}: ${problems.join('; ')}`))
  }

  #note(error: unknown): void {
    if (!(error instanceof HaltError)) throw error
    this.found.push({ code: error.code, message: error.message, fix: error.fix })
  }
}

interface Failure {
  readonly error: string
  readonly code: string | null
}

async function settled<T>(promise: Promise<T>): Promise<{ value?: T; failure?: Failure }> {
  return promise.then(
    value => ({ value }),
    error => ({
      failure: {
        error: error instanceof Error ? error.message : String(error),
        code: error instanceof Error && 'code' in error ? String(error.code) : null,
      },
    }),
  )
}

async function readKafka(topics: readonly string[], positions: KafkaPositions): Promise<KafkaReading> {
  const clusterId = await positions.clusterId()
  const known = await positions.partitions(topics)
  const partitions = [...known].flatMap(([topic, numbers]) => numbers.map(partition => ({ topic, partition })))
  const committed = await positions.committed(partitions)
  return { clusterId, partitions, committed, low: await positions.watermarks(partitions) }
}

interface Pair {
  readonly rawTable: TableMetadata | undefined
  readonly errorsTable: TableMetadata | undefined
  readonly raw: Located<RawKeys> | undefined
  readonly errors: Located<ErrorsKeys> | undefined
}

function refuseReplaced(rawName: string, errorsName: string, { rawTable, errorsTable, raw, errors }: Pair): void {
  if (raw && raw.keys.errorsUuid !== errorsTable?.['table-uuid'])
    throw new HaltError('TableReplaced', `${errorsName} is not the table that ${rawName} was filled beside`)
  if (errors && errors.keys.rawUuid !== rawTable?.['table-uuid'])
    throw new HaltError('TableReplaced', `${rawName} is not the table that ${errorsName} was filled beside`)
}

async function refuseLost(pending: readonly Intent[], storage: Storage): Promise<void> {
  for (const { manifest, seq } of pending)
    if ((await storage.size(manifest)) === undefined)
      throw new HaltError('PendingLost', `manifest ${manifest} of seq ${seq}`)
}

function refuseOtherCluster(table: TableMetadata, clusterId: string): void {
  const recorded = parseInitialised(table.properties)?.clusterId
  if (recorded !== undefined && recorded !== clusterId)
    throw new HaltError('ClusterChanged', `cluster id was ${recorded}, now ${clusterId}`)
}

type Marks = ReadonlyMap<TopicPartitionKey, Watermarks>
const lowOf = (marks: Marks): OffsetMap => new Map([...marks].map(([key, { low }]) => [key, low]))
const highOf = (marks: Marks = new Map()): OffsetMap => new Map([...marks].map(([key, { high }]) => [key, high]))

/** Every partition that the table or Kafka knows, in order. */
function partitionsOf(
  offsets: OffsetMap = new Map(),
  kafka: KafkaReading | undefined,
  high: OffsetMap,
): readonly PartitionInspection[] {
  const known = new Set([...offsets.keys(), ...(kafka?.partitions ?? []).map(keyOf)])
  return [...known]
    .map((key): PartitionInspection => {
      const nextOffset = offsets.get(key) ?? null
      const endOffset = high.get(key) ?? null
      const from = nextOffset === null ? null : Math.max(nextOffset, kafka?.low.get(key)?.low ?? 0)
      return {
        ...parseTopicPartitionKey(key),
        nextOffset,
        endOffset,
        lag: from === null || endOffset === null ? null : Math.max(0, endOffset - from),
        groupOffset: kafka?.committed.get(key) ?? null,
      }
    })
    .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition))
}

const keyOf = ({ topic, partition }: TopicPartition): TopicPartitionKey => topicPartitionKey(topic, partition)

/** Null where there is nothing to add up, or a part of it is unknown. */
function total(parts: readonly (number | null)[]): number | null {
  let sum = 0
  for (const part of parts) {
    if (part === null) return null
    sum += part
  }
  return parts.length > 0 ? sum : null
}

function tableOf(
  name: string,
  table: TableMetadata | undefined,
  located: Located<unknown> | undefined,
  sequence: number | undefined,
): TableInspection {
  const head = table && headOf(table)
  const counted = (key: string) => (head?.summary[key] === undefined ? null : Number(head.summary[key]))
  return {
    name,
    location: table?.location ?? null,
    initialised: located !== undefined,
    snapshotId: head ? String(head['snapshot-id']) : null,
    snapshots: table?.snapshots.length ?? 0,
    rows: counted('total-records'),
    dataFiles: counted('total-data-files'),
    sequence: sequence ?? null,
    lastCommitAt: located ? instant(located.own['timestamp-ms']) : null,
  }
}
