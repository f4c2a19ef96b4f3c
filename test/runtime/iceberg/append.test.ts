import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepareAppend } from '../../../runtime/iceberg/append.ts'
import type { Catalog } from '../../../runtime/iceberg/catalog.ts'
import { inMemoryCatalog } from '../../../runtime/iceberg/inMemoryCatalog.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import type { NewManifest } from '../../../runtime/iceberg/manifest.ts'
import { liveDataFiles, readManifest, readManifestList } from '../../../runtime/iceberg/snapshotFiles.ts'
import type { Storage } from '../../../runtime/iceberg/storage.ts'
import type { Snapshot, TableMetadata } from '../../../runtime/iceberg/tableMetadata.ts'
import fc from '../../properties.ts'
import { commitSnapshot, counting, dataFile, definition, head, identifier, writeManifest } from './fixtures.ts'

class Bench {
  readonly storage: Storage = inMemoryStorage(() => 0)
  readonly newName = counting('name-')
  readonly catalog: Catalog = inMemoryCatalog({
    warehouse: 'memory:///w',
    now: () => this.nowMs,
    newUuid: () => 'uuid',
  })
  nowMs = 1000
  table!: TableMetadata
  ids = 2n ** 62n
  /** Location and expected sequence number of every file appended. */
  readonly expected: [string, bigint][] = []

  static async start(properties: Record<string, string> = {}): Promise<Bench> {
    const bench = new Bench()
    bench.table = await bench.catalog.createTable(identifier, { ...definition, properties })
    return bench
  }

  get head(): Snapshot {
    const snapshot = head(this.table)
    assert.ok(snapshot !== undefined)
    return snapshot
  }

  async manifest(fileCount: number): Promise<NewManifest> {
    const files = Array.from({ length: fileCount }, (_, at) =>
      dataFile(`memory:///w/${this.newName()}.parquet`, at, 'heart', at + 1),
    )
    for (const { location } of files) this.expected.push([location, BigInt(this.table['last-sequence-number'] + 1)])
    return writeManifest(this.storage, `memory:///w/db/samples/metadata/${this.newName()}-m0.avro`, files)
  }

  prepare(manifests: readonly NewManifest[], summary: Record<string, string> = {}): Promise<Snapshot> {
    const { storage, table, newName, nowMs } = this
    return prepareAppend({
      storage,
      table,
      parent: head(table),
      manifests,
      summary,
      snapshotId: ++this.ids,
      nowMs,
      newName,
    })
  }

  async append(...fileCounts: readonly number[]): Promise<void> {
    const manifests: NewManifest[] = []
    for (const count of fileCounts) manifests.push(await this.manifest(count))
    this.table = await commitSnapshot(this.catalog, this.table, await this.prepare(manifests))
  }

  async live(): Promise<readonly [string, bigint | null][]> {
    const found: [string, bigint | null][] = []
    for await (const entry of liveDataFiles(this.storage, this.head)) {
      assert.notEqual(entry.snapshotId, null)
      assert.equal(entry.fileSequenceNumber, entry.sequenceNumber)
      found.push([entry.file.location, entry.sequenceNumber])
    }
    return found.sort()
  }
}

test('the first append has sequence number 1, no parent and totals of its own', async () => {
  const bench = await Bench.start()
  await bench.append(2, 1)
  const { summary, ...snapshot } = bench.head
  assert.deepEqual(snapshot, {
    'snapshot-id': bench.ids,
    'sequence-number': 1,
    'timestamp-ms': 1000,
    'manifest-list': `memory:///w/db/samples/metadata/snap-${bench.ids}-name-6.avro`,
    'schema-id': 0,
  })
  assert.deepEqual(summary, {
    operation: 'append',
    'added-data-files': '3',
    'added-records': '4',
    'added-files-size': '3004',
    'changed-partition-count': '2',
    'total-data-files': '3',
    'total-records': '4',
    'total-files-size': '3004',
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
  })
  const [manifest] = await readManifestList(bench.storage, bench.head)
  assert.equal(manifest?.sequence_number, 1n)
  assert.equal(manifest.added_snapshot_id, bench.ids)
})

test('an append keeps what was there and counts it', async () => {
  const bench = await Bench.start()
  await bench.append(2)
  const parent = bench.head['snapshot-id']
  await bench.append(3)
  assert.equal(bench.head['parent-snapshot-id'], parent)
  assert.equal(bench.head.summary['total-data-files'], '5')
  assert.equal(bench.head.summary['added-data-files'], '3')
  assert.deepEqual(await bench.live(), bench.expected.sort())
})

test('an append of nothing is a snapshot of its own, on an empty table and on a full one', async () => {
  const bench = await Bench.start()
  await bench.append()
  assert.deepEqual(await bench.live(), [])
  assert.equal(bench.head.summary['added-records'], '0')
  await bench.append(2)
  await bench.append()
  assert.equal(bench.head['sequence-number'], 3)
  assert.equal(bench.head.summary['total-data-files'], '2')
  assert.deepEqual(await bench.live(), bench.expected.sort())
})

test("the caller's keys are in the summary and cannot replace its own", async () => {
  const bench = await Bench.start()
  const { summary } = await bench.prepare([], { 'hc.seq': '7', 'added-records': '99', operation: 'delete' })
  assert.equal(summary['hc.seq'], '7')
  assert.equal(summary['added-records'], '0')
  assert.equal(summary.operation, 'append')
})

test("a total that the parent's summary lacks is left out, deletes are carried", async () => {
  const bench = await Bench.start()
  await bench.append(1)
  const { 'total-records': _, ...rest } = bench.head.summary
  const parent = { ...bench.head, summary: { ...rest, 'total-position-deletes': '4' } }
  bench.table = { ...bench.table, snapshots: [parent] }
  const { summary } = await bench.prepare([])
  assert.equal(summary['total-records'], undefined)
  assert.equal(summary['total-position-deletes'], '4')
  assert.equal(summary['total-data-files'], '1')
})

test('the time of a snapshot is never before the table', async () => {
  const bench = await Bench.start()
  bench.nowMs = 10
  assert.equal((await bench.prepare([]))['timestamp-ms'], 1000)
})

test('a second attempt reuses the manifests under a new list', async () => {
  const bench = await Bench.start()
  const manifest = await bench.manifest(2)
  const lost = await bench.prepare([manifest])
  bench.table = await commitSnapshot(bench.catalog, bench.table, await bench.prepare([]))
  const again = await bench.prepare([manifest])
  assert.notEqual(again['manifest-list'], lost['manifest-list'])
  bench.table = await commitSnapshot(bench.catalog, bench.table, again)
  assert.deepEqual(
    (await bench.live()).map(([, sequence]) => sequence),
    [2n, 2n],
  )
})

test('merging, whatever the appends and its settings, keeps every file once with its sequence number', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), { minLength: 1, maxLength: 15 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom(1, 2500, 6000, 1 << 23),
      async (appends, minCount, target) => {
        const bench = await Bench.start({
          'commit.manifest.min-count-to-merge': String(minCount),
          'commit.manifest.target-size-bytes': String(target),
        })
        for (const fileCounts of appends) await bench.append(...fileCounts)
        assert.deepEqual(await bench.live(), bench.expected.sort())
        for (const listed of await readManifestList(bench.storage, bench.head)) {
          const { entries } = await readManifest(bench.storage, listed.manifest_path, listed.manifest_length)
          assert.equal(entries.length, listed.added_files_count + listed.existing_files_count)
          const rows = entries.reduce((sum, entry) => sum + entry.file.recordCount, 0)
          assert.equal(BigInt(rows), listed.added_rows_count + listed.existing_rows_count)
          const days = entries.map(entry => Number(entry.file.partition[0]))
          assert.equal(listed.partitions?.[0]?.lower_bound?.readInt32LE(), Math.min(...days))
          assert.equal(listed.partitions?.[0]?.upper_bound?.readInt32LE(), Math.max(...days))
          for (const entry of entries) {
            if (entry.status === 0) assert.ok(entry.sequenceNumber! >= listed.min_sequence_number!)
            assert.equal(entry.status === 0, listed.existing_files_count > 0)
          }
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('manifests stay below the count that merges them', async () => {
  const bench = await Bench.start({ 'commit.manifest.min-count-to-merge': '5' })
  for (let commit = 0; commit < 30; commit++) {
    await bench.append(1)
    assert.ok((await readManifestList(bench.storage, bench.head)).length <= 5)
  }
})

test('nothing is merged before there are enough manifests, and a merged one keeps to the target size', async () => {
  const target = 20_000
  const limits = { 'commit.manifest.min-count-to-merge': '4', 'commit.manifest.target-size-bytes': String(target) }
  const bench = await Bench.start(limits)
  const lengths = async () => (await readManifestList(bench.storage, bench.head)).map(listed => listed.manifest_length)
  for (let commit = 0; commit < 4; commit++) await bench.append(1)
  assert.equal((await lengths()).length, 4)
  for (let commit = 0; commit < 20; commit++) await bench.append(100)
  const found = await lengths()
  assert.ok(found.length > 2)
  assert.ok(Math.max(...found) <= target)
})

test('by default a hundred manifests are merged, none with merging switched off', async () => {
  const counts: number[] = []
  for (const properties of [{}, { 'commit.manifest-merge.enabled': 'false' }] as Record<string, string>[]) {
    const bench = await Bench.start(properties)
    for (let commit = 0; commit < 101; commit++) await bench.append(1)
    counts.push((await readManifestList(bench.storage, bench.head)).length)
    assert.equal((await bench.live()).length, 101)
  }
  assert.deepEqual(counts, [2, 101])
})

test('a damaged or shortened manifest list or manifest is CORRUPT with its name, and nothing is appended on top', async () => {
  const bench = await Bench.start({ 'commit.manifest.min-count-to-merge': '1' })
  await bench.append(2)
  const [listed] = await readManifestList(bench.storage, bench.head)
  for (const location of [bench.head['manifest-list'], listed!.manifest_path]) {
    const whole = await bench.storage.read(location)
    const headerEnd = whole.indexOf(whole.subarray(-16)) + 16
    for (const bytes of [whole.subarray(0, -1), whole.subarray(0, headerEnd), Buffer.alloc(0)]) {
      await bench.storage.delete(location)
      await bench.storage.create(location, bytes)
      await assert.rejects(Array.fromAsync(liveDataFiles(bench.storage, bench.head)), {
        name: 'StorageError',
        code: 'CORRUPT',
        location,
      })
    }
    if (location === bench.head['manifest-list']) await assert.rejects(bench.prepare([]), { code: 'CORRUPT', location })
    await bench.storage.delete(location)
    await bench.storage.create(location, whole)
  }
  await bench.append(1)
  assert.equal((await bench.live()).length, 3)
})
