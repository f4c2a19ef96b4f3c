/** A table on disk that the runtime's own parts write, one commit an append, for other engines to read. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { prepareAppend } from '../../runtime/iceberg/append.ts'
import type { TableDefinition } from '../../runtime/iceberg/catalog.ts'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage, locationOf } from '../../runtime/iceberg/localStorage.ts'
import { describeManifest, encodeManifest } from '../../runtime/iceberg/manifest.ts'
import type { TableMetadata } from '../../runtime/iceberg/tableMetadata.ts'
import { currentSchema, currentSpec } from '../../runtime/iceberg/tables.ts'
import type { TableWriter, TableWriterOptions } from '../../runtime/iceberg/tableWriter.ts'

const storage = localStorage(randomUUID)

export interface LocalTable<Row> {
  /** The table's folder, as a path. */
  readonly path: string
  append(rows: readonly Row[]): Promise<void>
}

export async function createLocalTable<Row>(
  warehouse: string,
  name: string,
  definition: TableDefinition,
  newWriter: (options: TableWriterOptions) => TableWriter<Row>,
): Promise<LocalTable<Row>> {
  const catalog = filesystemCatalog({ warehouse: locationOf(warehouse), storage, now: Date.now, newUuid: randomUUID })
  const identifier = { namespace: ['health_db'], name }
  await catalog.ensureNamespace(identifier.namespace)
  await catalog.createTable(identifier, definition)

  async function append(rows: readonly Row[]): Promise<void> {
    const table = await catalog.loadTable(identifier)
    assert.ok(table !== undefined)
    const parentId = table['current-snapshot-id'] ?? null
    const snapshotId = randomBytes(8).readBigUInt64BE() >> 1n
    const snapshot = await prepareAppend({
      storage,
      table,
      parent: table.snapshots.find(snapshot => snapshot['snapshot-id'] === parentId),
      manifests: [await writeManifest(table, rows)],
      summary: {},
      snapshotId,
      nowMs: Date.now(),
      newName: randomUUID,
    })
    await catalog.commitTable(
      identifier,
      [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': parentId }],
      [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
      ],
    )
  }

  async function writeManifest(table: TableMetadata, rows: readonly Row[]) {
    const writer = newWriter({
      table,
      storage,
      folder: `${table.location}/data`,
      compression: { name: 'zstd' },
      targetFileSizeBytes: 1 << 27,
      newName: randomUUID,
    })
    for (const row of rows) writer.push(row)
    const files = await writer.finish()
    const bytes = encodeManifest(files, { schema: currentSchema(table), spec: currentSpec(table) })
    const location = `${table.location}/metadata/${randomUUID()}-m0.avro`
    await storage.create(location, bytes)
    return describeManifest(location, bytes.length, files, currentSpec(table))
  }

  return { path: `${warehouse}/health_db/${name}`, append }
}
