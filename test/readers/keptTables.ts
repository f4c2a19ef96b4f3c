/**
 * Two tables that the commit protocol fills and upkeep looks after, in any catalog and storage, with the outside readers
 * beside them. Kafka is in memory; everything else is what it is given.
 */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import type { CommitSettings } from '../../runtime/commit/context.ts'
import { createProtocol } from '../../runtime/commit/protocol.ts'
import type { UpkeepReport, UpkeepStep } from '../../runtime/contract/upkeep.ts'
import type { Catalog } from '../../runtime/iceberg/catalog.ts'
import { liveDataFiles } from '../../runtime/iceberg/snapshotFiles.ts'
import type { Storage } from '../../runtime/iceberg/storage.ts'
import type { Snapshot } from '../../runtime/iceberg/tableMetadata.ts'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { rawTableWriter } from '../../runtime/iceberg/tableWriter.ts'
import type { RawRow } from '../../runtime/rows.ts'
import { createInMemoryKafka } from '../../runtime/source/inMemoryKafka.ts'
import { createUpkeep } from '../../runtime/upkeep/upkeep.ts'
import { type Change, change, type ReaderName, read, type TableOfCatalog } from './readers.ts'

const day = 86_400_000
const never = new AbortController().signal
const namespace = ['health_db']
const [raw, errors] = [
  { namespace, name: 'raw' },
  { namespace, name: 'errors' },
]

export interface Place {
  readonly catalog: Catalog
  readonly storage: Storage
  /** The raw table, `health_db.raw`, as the outside readers find it. */
  readonly table: string | TableOfCatalog
  readonly ownsMetadataFiles: boolean
  readonly readers: readonly ReaderName[]
}

const commitSettings: CommitSettings = {
  ...{ group: 'g', topics: ['t'], startFrom: 'earliest', onGap: 'Halt', pendingCap: 100 },
  ...{ raw, errors, errorsDefinition },
  rawDefinition: {
    ...rawDefinition,
    properties: {
      ...rawDefinition.properties,
      'commit.manifest.min-count-to-merge': '3',
      'write.metadata.previous-versions-max': '3',
    },
  },
}

const row = (n: number): RawRow => {
  const instant = { day: 19723 + (n % 3), micros: 5 }
  const empty = { deviceId: null, unit: null, sourceBundle: null, metadata: null, isSynced: null, createdAt: null }
  const rest = { payloadTimestamp: null, appVersion: null, timezone: null, timezoneOffset: null, userId: 'u', value: n }
  const times = { startDate: instant, endDate: instant, processingTime: instant }
  return { ...empty, ...rest, ...times, dataType: 'steps', sampleId: `s${n}` }
}

export class KeptTables {
  private readonly place: Place
  private readonly kafka = createInMemoryKafka()
  private count = 0

  constructor(place: Place) {
    this.place = place
    this.kafka.createTopic('t')
  }

  private get ports() {
    const { catalog, storage } = this.place
    return { catalog, storage, sleep: async () => {}, now: Date.now, newId: randomUUID, random: Math.random }
  }

  /** One commit for each number, of so many rows. */
  async commit(...rows: readonly number[]): Promise<void> {
    const protocol = createProtocol(commitSettings, {
      ...this.ports,
      positions: this.kafka.positions('g'),
      newSnapshotId: () => randomBytes(8).readBigUInt64BE() >> 1n,
      observer: { conflict() {}, failed() {}, committed() {}, gap() {} },
    })
    for (const added of rows) {
      const start = this.count
      this.count += added
      const value = Buffer.from('x')
      this.kafka.produce(
        't',
        0,
        Array.from({ length: added }, () => ({ value })),
      )
      await protocol.assign([{ topic: 't', partition: 0 }], never)
      const rawFiles = await this.write((await protocol.state()).rawTable, start)
      const ranges = new Map([['t:0', { start, end: this.count }]])
      assert.equal(await protocol.commit({ ranges, last: new Map(), rawFiles, errorFiles: [] }, never), 'committed')
    }
  }

  private async write(table: Parameters<typeof rawTableWriter>[0]['table'], start: number) {
    const writer = rawTableWriter({
      ...{ table, storage: this.place.storage, folder: `${table.location}/data`, newName: randomUUID },
      ...{ compression: { name: 'zstd' }, targetFileSizeBytes: 1 << 27 },
    })
    for (let n = start; n < this.count; n++) writer.push(row(n))
    return writer.finish()
  }

  /** Keeps two snapshots, and removes what nothing refers to once it is two days old. */
  maintain(...steps: readonly UpkeepStep[]): Promise<UpkeepReport> {
    const upkeep = createUpkeep(
      { ...this.ports, mayAct: () => true, observer: { done() {}, failed() {} } },
      {
        ...{ group: 'g', raw, errors, ownsMetadataFiles: this.place.ownsMetadataFiles },
        retention: { maxAgeMs: 7 * day, maxCount: 2 },
        orphanRemoval: { enabled: true, minAgeMs: 2 * day },
      },
    )
    return upkeep.maintain({ steps }, never)
  }

  /** Another engine's commits to the raw table. */
  async change(...changes: readonly Change[]): Promise<void> {
    await change(this.place.table, changes)
  }

  async snapshots(): Promise<readonly Snapshot[]> {
    return (await this.place.catalog.loadTable(raw))!.snapshots
  }

  async location(): Promise<string> {
    return (await this.place.catalog.loadTable(raw))!.location
  }

  /** Every reader finds every row; every snapshot that is left has all its files. Resolves with their locations. */
  async assertWhole(): Promise<Set<string>> {
    const { table, readers } = this.place
    const seen = await read(table, [{ op: 'rows', columns: ['sample_id'] }], readers)
    const expected = Array.from({ length: this.count }, (_, n) => `s${n}`).sort()
    for (const reader of readers)
      assert.deepEqual(seen[reader][0].rows.map(item => item.sample_id).sort(), expected, reader)
    const live = new Set<string>()
    for (const snapshot of await this.snapshots())
      for await (const { file } of liveDataFiles(this.place.storage, snapshot)) {
        assert.equal(await this.place.storage.size(file.location), file.fileSizeInBytes, file.location)
        live.add(nameOf(file.location))
      }
    return live
  }

  /** Names of the files in the raw table's location that match. */
  async files(pattern: RegExp): Promise<string[]> {
    const found: string[] = []
    for await (const { location } of this.place.storage.list(await this.location()))
      if (pattern.test(location)) found.push(nameOf(location))
    return found.sort()
  }
}

/** Engines spell locations in different ways; a file's own name is unique. */
const nameOf = (location: string): string => location.slice(location.lastIndexOf('/') + 1)

/** The same on every kind of catalog and storage. */
export async function assertExpiry(tables: KeptTables): Promise<void> {
  await tables.commit(5, 5, 5, 5)
  await tables.change({ op: 'compact' }, { op: 'rewriteManifests' })
  await tables.commit(5, 5, 5)
  const before = await tables.files(/\.parquet$/)
  const report = await tables.maintain('expiry', 'metadata')
  assert.equal((await tables.snapshots()).length, 2)
  const live = await tables.assertWhole()
  assert.deepEqual(await tables.files(/\.parquet$/), [...live].sort())
  assert.ok(live.size < before.length, 'compaction left nothing to delete')
  assert.ok(report.items.some(({ kind, count }) => kind === 'data files' && count === before.length - live.size))
  // The newest, and three before it.
  assert.equal((await tables.files(/\.metadata\.json$/)).length, 4)
  await tables.commit(5)
  await tables.assertWhole()
}

/** @param age makes every file in the folder of that location, as it is now, nine days old */
export async function assertOrphanRemoval(
  tables: KeptTables,
  storage: Storage,
  age: (location: string) => Promise<void>,
): Promise<void> {
  const location = await tables.location()
  await storage.create(`${location}/data/lost.parquet`, Buffer.from('1'))
  await tables.maintain('orphans')
  assert.deepEqual(await tables.files(/lost/), ['lost.parquet'])
  await age(location)
  await tables.commit(5)
  await tables.maintain('orphans')
  assert.deepEqual(await tables.files(/lost/), [])
  await tables.assertWhole()
}
