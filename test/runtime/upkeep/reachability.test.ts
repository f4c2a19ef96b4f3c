import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeManifest, EntryEncoder } from '../../../runtime/iceberg/manifest.ts'
import { entryStatus } from '../../../runtime/iceberg/manifestEntry.ts'
import { encodeManifestList } from '../../../runtime/iceberg/manifestList.ts'
import { readManifest, readManifestList } from '../../../runtime/iceberg/snapshotFiles.ts'
import { currentSpec } from '../../../runtime/iceberg/tables.ts'
import { headOf, rawTable } from '../commit/lake.ts'
import { day, never, UpkeepWorld } from './world.ts'

/** As an engine deletes one file of a manifest: the others are listed as existing, the file as deleted. */
async function deleteOneFile(world: UpkeepWorld): Promise<string> {
  const { storage } = world.lake
  const table = await world.lake.load(rawTable)
  const head = headOf(table)!
  const merged = (await readManifestList(storage, head)).find(manifest => manifest.existing_files_count >= 2)!
  const { entries, header, partition } = await readManifest(storage, merged.manifest_path)
  const encoder = new EntryEncoder(partition, header)
  const status = (at: number) => (at === 0 ? entryStatus.deleted : entryStatus.existing)
  encoder.add(entries.map((entry, at) => ({ ...entry, status: status(at) })))
  const bytes = encoder.finish()
  const location = `${table.location}/metadata/rewritten.avro`
  await storage.create(location, bytes)
  const list = `${table.location}/metadata/rewritten-list.avro`
  const counts = { added_files_count: 0, existing_files_count: entries.length - 1, deleted_files_count: 1 }
  const described = describeManifest(
    location,
    bytes.length,
    entries.map(({ file }) => file),
    currentSpec(table),
  )
  const ids = { id: 7n, parentId: head['snapshot-id'], sequenceNumber: table['last-sequence-number'] + 1 }
  const listed = { ...merged, ...described, ...counts, added_rows_count: 0n, deleted_rows_count: 1n }
  const inherited = { sequence_number: 1n, min_sequence_number: 1n, added_snapshot_id: 7n }
  await storage.create(list, encodeManifestList([{ ...listed, ...inherited }], ids))
  const snapshot = { ...head, 'snapshot-id': 7n, 'parent-snapshot-id': head['snapshot-id'], 'manifest-list': list }
  await world.lake.change(rawTable, {
    action: 'add-snapshot',
    snapshot: { ...snapshot, summary: { operation: 'delete' } },
  })
  await world.lake.setMain(rawTable, 7n)
  return entries[0]!.file.location
}

test('a file that a retained manifest lists as deleted is not kept by that', async () => {
  const world = new UpkeepWorld()
  await world.commits(1)
  await world.merging(rawTable)
  await world.commits(3)
  const deleted = await deleteOneFile(world)
  await world.lake.change(rawTable, {
    action: 'set-properties',
    updates: { 'commit.manifest-merge.enabled': 'false' },
  })
  await world.commits(1)
  await world.upkeep({ retention: { maxAgeMs: 7 * day, maxCount: 1 } }).maintain({ steps: ['expiry'] }, never)
  const files = await world.files()
  assert.ok(files.has('memory:///w/db/raw/metadata/rewritten.avro'))
  assert.ok(!files.has(deleted))
  assert.deepEqual(files, await world.needed())
})
