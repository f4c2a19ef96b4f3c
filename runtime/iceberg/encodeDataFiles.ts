/**
 * Encodes the row groups of one table partition into Parquet files, in memory, a column at a time so that other work of
 * the process gets its turn. It touches no storage.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Codec } from './parquet/compression.ts'
import { ParquetFileWriter } from './parquet/fileWriter.ts'
import type { WrittenRowGroup } from './parquet/footer.ts'
import { leavesOf } from './parquet/leaves.ts'
import type { RowColumns } from './rowColumns.ts'
import type { Schema } from './tableMetadata.ts'

/** Values that are encoded before other work gets its turn: some tens of milliseconds. */
const valuesPerTurn = 200_000

/** Counts encoded values over many files, and pauses now and then. */
export class Pace {
  #values = 0

  async encoded(values: number): Promise<void> {
    this.#values += values
    if (this.#values < valuesPerTurn) return
    this.#values = 0
    await nextTurn()
  }
}

export interface EncodedFile {
  readonly bytes: Buffer
  readonly rowGroups: readonly WrittenRowGroup[]
}

export interface FileFormat {
  readonly schema: Schema
  readonly codec: Codec
  /** A file ends with the row group that makes it as large. */
  readonly targetFileSizeBytes: number
}

/** Empties `rowGroups` as it goes, to free what is encoded. */
export async function* encodeDataFiles(
  rowGroups: RowColumns<unknown>[],
  { schema, codec, targetFileSizeBytes }: FileFormat,
  pace: Pace,
): AsyncGenerator<EncodedFile> {
  let file = new ParquetFileWriter(schema, codec)
  for (let rowGroup = rowGroups.shift(); rowGroup !== undefined; rowGroup = rowGroups.shift()) {
    for (const [index, column] of rowGroup.columns().entries()) {
      const field = schema.fields[index]!
      const chunks = column.encode(field.required)
      for (const [part, leaf] of leavesOf(field).entries()) file.writeChunk(leaf, chunks[part]!)
      await pace.encoded(rowGroup.rows)
    }
    file.endRowGroup(rowGroup.rows)
    if (file.length < targetFileSizeBytes && rowGroups.length > 0) continue
    yield { bytes: file.finish(), rowGroups: file.rowGroups }
    file = new ParquetFileWriter(schema, codec)
  }
}
