/**
 * Reads the two tables as any reader would: metadata, manifests, and every live Parquet file of the current snapshot, with
 * hyparquet, which shares nothing with the writer. It takes no count from the pipeline or from a snapshot's summary.
 */
import { randomUUID } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { parquetRead, parquetReadObjects } from 'hyparquet'
import type { RuntimeConfiguration } from '../../runtime/contract/configuration.ts'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage } from '../../runtime/iceberg/localStorage.ts'
import { liveDataFiles } from '../../runtime/iceberg/snapshotFiles.ts'
import type { Snapshot, TableMetadata } from '../../runtime/iceberg/tableMetadata.ts'

export interface Arrived {
  readonly raw: { rows: number; valueSum: number; snapshotId: string; dataFiles: number }
  readonly errors: { rows: number; byReason: Readonly<Record<string, number>> }
  /** A few rows of the raw table. */
  readonly sample: readonly Readonly<Record<string, unknown>>[]
  /** Of the raw table, oldest first. */
  readonly snapshots: readonly Snapshot[]
}

const storage = localStorage(randomUUID)
const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) }

export async function readTables({ catalog, tables }: RuntimeConfiguration): Promise<Arrived> {
  const warehouse = filesystemCatalog({
    warehouse: catalog.warehouse!,
    storage,
    now: Date.now,
    newUuid: randomUUID,
  })
  const load = (name: string) => warehouse.loadTable({ namespace: tables.namespace, name })
  const rawTable = await load(tables.raw)
  const errorsTable = await load(tables.errors)
  const rawFiles = await filesOf(rawTable)
  let valueSum = 0
  const rows = await eachValue<number>(rawFiles, 'value', value => {
    valueSum += value
  })
  const byReason: Record<string, number> = {}
  const errorRows = await eachValue<string>(await filesOf(errorsTable), 'error_reason', reason => {
    byReason[reason] = (byReason[reason] ?? 0) + 1
  })
  return {
    raw: { rows, valueSum, snapshotId: String(headOf(rawTable)?.['snapshot-id'] ?? ''), dataFiles: rawFiles.length },
    errors: { rows: errorRows, byReason: sortedByCount(byReason) },
    sample: await firstRows(rawFiles.slice(0, 3)),
    snapshots: rawTable?.snapshots ?? [],
  }
}

function headOf(table: TableMetadata | undefined): Snapshot | undefined {
  return table?.snapshots.find(snapshot => snapshot['snapshot-id'] === table.refs.main?.['snapshot-id'])
}

/** Locations of the live data files of the current snapshot. */
async function filesOf(table: TableMetadata | undefined): Promise<readonly string[]> {
  const head = headOf(table)
  const locations: string[] = []
  if (!head) return locations
  for await (const { file } of liveDataFiles(storage, head)) {
    if (file.content !== 0) throw new Error(`${file.location} deletes rows, which this reader does not apply`)
    locations.push(file.location)
  }
  return locations
}

/** Hands over one column of every row; resolves with the number of rows. */
async function eachValue<T>(files: readonly string[], column: string, take: (value: T) => void): Promise<number> {
  let rows = 0
  for (const file of files)
    await parquetRead({
      ...(await opened(file)),
      columns: [column],
      onChunk({ columnData }) {
        rows += columnData.length
        for (const value of columnData as ArrayLike<T> & Iterable<T>) take(value)
      },
    })
  return rows
}

/** One row of each file. */
async function firstRows(files: readonly string[]): Promise<Record<string, unknown>[]> {
  const rows = files.map(async file =>
    parquetReadObjects({
      ...(await opened(file)),
      columns: ['data_type', 'value', 'unit', 'start_date', 'user_id', 'sample_id'],
      rowEnd: 1,
    }),
  )
  return (await Promise.all(rows)).flat()
}

async function opened(location: string) {
  const bytes = await storage.read(location)
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  return { file: whole, compressors }
}

const sortedByCount = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)))
