/**
 * Gathers the rows of one table by table partition and writes them as data files: durable, with their metrics, in no
 * snapshot yet. It commits nothing and deletes nothing; a writer is used once, finished or discarded.
 */
import type { ErrorRow, RawRow } from '../rows.ts'
import { BoundedWrites } from './boundedWrites.ts'
import type { TableDefinition } from './catalog.ts'
import { columnMetrics, type MetricsModes, metricsModesOf } from './columnMetrics.ts'
import type { DataFile } from './dataFile.ts'
import { type EncodedFile, encodeDataFiles, Pace } from './encodeDataFiles.ts'
import { type Compression, codecOf } from './parquet/compression.ts'
import type { SizeEstimate } from './parquet/sizeEstimate.ts'
import { partitionPath } from './partitionPath.ts'
import { ErrorColumns, ErrorPools, RawColumns, RawPools, type RowColumns } from './rowColumns.ts'
import type { Storage } from './storage.ts'
import type { TableMetadata } from './tableMetadata.ts'
import { currentSpec, errorsDefinition, rawDefinition } from './tables.ts'

export interface TableWriterOptions {
  /** The table as it was loaded; `checkTableLayout` found no problem in it. */
  readonly table: TableMetadata
  readonly storage: Storage
  /** Location below which files are created, each in the folder of its table partition. No slash at the end. */
  readonly folder: string
  readonly compression: Compression
  /** A file is closed once it is as large. */
  readonly targetFileSizeBytes: number
  /** A new name for each call, unique for ever: a file is never replaced. */
  readonly newName: () => string
}

export interface TableWriter<Row> {
  /** Copies the row. */
  push(row: Row): void
  readonly rows: number
  /** Estimated bytes of the rows held, before encoding. */
  readonly bufferedBytes: number
  /** Table partitions with rows. */
  readonly openPartitions: number
  /**
   * Writes every row. Resolves when all files are durable; on a rejection some may be, and nothing refers to them.
   * Lets other work of the process go on between columns. Rejects with StorageError.
   */
  finish(): Promise<readonly DataFile[]>
  /** Lets go of the rows; nothing is written. */
  discard(): void
}

/** Files below `<folder>/start_date_day=…/data_type=…/`. */
export function rawTableWriter(options: TableWriterOptions): TableWriter<RawRow> {
  const pools = new RawPools()
  return new PartitionedWriter(options, {
    definition: rawDefinition,
    pooled: pools.size,
    newRowGroup: () => new RawColumns(pools),
    day: row => row.startDate.day,
    category: row => row.dataType,
  })
}

/** Files below `<folder>/error_timestamp_day=…/error_type=…/`. */
export function errorsTableWriter(options: TableWriterOptions): TableWriter<ErrorRow> {
  const pools = new ErrorPools()
  return new PartitionedWriter(options, {
    definition: errorsDefinition,
    pooled: pools.size,
    newRowGroup: () => new ErrorColumns(pools),
    day: row => row.errorTimestamp.day,
    category: row => row.errorType,
  })
}

/** Both tables are partitioned by the day of a timestamp and by a string. */
interface Layout<Row> {
  readonly definition: TableDefinition
  /** Strings that all row groups share. */
  readonly pooled: SizeEstimate
  readonly newRowGroup: () => RowColumns<Row>
  readonly day: (row: Row) => number
  readonly category: (row: Row) => string
}

interface TablePartition<Row> {
  readonly day: number
  readonly category: string
  /** Row groups; the last one is being filled. */
  readonly rowGroups: RowColumns<Row>[]
}

const defaultRowGroupBytes = 128 * 1024 * 1024
/** What an open table partition takes before its first row. */
const partitionBytes = 8 * 1024
/** Writes under way at a time: fsync and network are waited for, not the processor. */
const concurrentWrites = 4
class PartitionedWriter<Row> implements TableWriter<Row> {
  rows = 0
  openPartitions = 0
  readonly #options: TableWriterOptions
  readonly #layout: Layout<Row>
  readonly #metricsModes: MetricsModes
  readonly #rowGroupBytes: number
  readonly #partitions = new Map<string, Map<number, TablePartition<Row>>>()
  #last: TablePartition<Row> | undefined
  #rowBytes = 0
  #used = false

  constructor(options: TableWriterOptions, layout: Layout<Row>) {
    this.#options = options
    this.#layout = layout
    this.#metricsModes = metricsModesOf(options.table)
    const property = Number(options.table.properties['write.parquet.row-group-size-bytes'])
    const rowGroupBytes = property > 0 ? property : defaultRowGroupBytes
    this.#rowGroupBytes = Math.min(rowGroupBytes, options.targetFileSizeBytes)
  }

  get bufferedBytes(): number {
    return this.#used ? 0 : this.#rowBytes + this.#layout.pooled.bytes
  }

  push(row: Row): void {
    if (this.#used) throw new Error('push to a table writer that was finished or discarded: create another one')
    const partition = this.#partitionOf(row)
    let rowGroup = partition.rowGroups.at(-1)!
    if (rowGroup.size.bytes >= this.#rowGroupBytes) {
      rowGroup = this.#layout.newRowGroup()
      partition.rowGroups.push(rowGroup)
    }
    const before = rowGroup.size.bytes
    rowGroup.push(row)
    this.rows++
    this.#rowBytes += rowGroup.size.bytes - before
  }

  async finish(): Promise<readonly DataFile[]> {
    if (this.#used) throw new Error('finish of a table writer that was finished or discarded: create another one')
    this.#used = true
    const { storage, compression, targetFileSizeBytes } = this.#options
    const format = { schema: this.#layout.definition.schema, codec: codecOf(compression), targetFileSizeBytes }
    const files: DataFile[] = []
    const writes = new BoundedWrites(concurrentWrites)
    const pace = new Pace()
    try {
      for (const partition of this.#allPartitions()) {
        for await (const encoded of encodeDataFiles(partition.rowGroups, format, pace)) {
          const file = this.#describe(partition, encoded)
          files.push(file)
          await writes.add(() => storage.create(file.location, encoded.bytes))
        }
      }
    } finally {
      this.discard()
      await writes.drain()
    }
    return files
  }

  discard(): void {
    this.#used = true
    this.#partitions.clear()
    this.#last = undefined
    this.rows = 0
    this.#rowBytes = 0
    this.openPartitions = 0
  }

  #allPartitions(): TablePartition<Row>[] {
    return [...this.#partitions.values()].flatMap(byDay => [...byDay.values()])
  }

  #describe({ day, category }: TablePartition<Row>, { bytes, rowGroups }: EncodedFile): DataFile {
    const { table, folder, newName } = this.#options
    const partition = [day, category]
    return {
      location: `${folder}/${partitionPath(currentSpec(table), partition)}/${newName()}.parquet`,
      fileSizeInBytes: bytes.length,
      recordCount: rowGroups.reduce((rows, group) => rows + group.rows, 0),
      partition,
      metrics: columnMetrics(rowGroups, this.#metricsModes),
      splitOffsets: rowGroups.map(group => group.offset),
    }
  }

  #partitionOf(row: Row): TablePartition<Row> {
    const day = this.#layout.day(row)
    const category = this.#layout.category(row)
    const last = this.#last
    if (last !== undefined && last.day === day && last.category === category) return last
    let byDay = this.#partitions.get(category)
    if (byDay === undefined) {
      byDay = new Map()
      this.#partitions.set(category, byDay)
    }
    let partition = byDay.get(day)
    if (partition === undefined) {
      partition = { day, category, rowGroups: [this.#layout.newRowGroup()] }
      byDay.set(day, partition)
      this.openPartitions++
      this.#rowBytes += partitionBytes
    }
    this.#last = partition
    return partition
  }
}
