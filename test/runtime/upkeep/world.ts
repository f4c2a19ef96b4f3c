/**
 * Tables that pods fill and upkeep looks after, in memory: every port call of upkeep can be preceded by what somebody
 * else does, fail before or after it took effect, and be counted. It knows which files the tables need.
 */
import assert from 'node:assert/strict'
import { CatalogError, type TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import { readManifest, readManifestList } from '../../../runtime/iceberg/snapshotFiles.ts'
import type { Storage } from '../../../runtime/iceberg/storage.ts'
import type { Snapshot, SnapshotRef } from '../../../runtime/iceberg/tableMetadata.ts'
import type { UpkeepObserver, UpkeepPorts, UpkeepSettings } from '../../../runtime/upkeep/ports.ts'
import { createUpkeep, type Upkeep } from '../../../runtime/upkeep/upkeep.ts'
import { errorsTable, group, headOf, Lake, rawTable, tag, taggedOf } from '../commit/lake.ts'
import { never, Scenario } from '../commit/scenario.ts'

export const hour = 3_600_000
export const day = 24 * hour
export { never }

export const settings: UpkeepSettings = {
  group,
  raw: rawTable,
  errors: errorsTable,
  retention: { maxAgeMs: 7 * day, maxCount: 3 },
  orphanRemoval: { enabled: true, minAgeMs: 2 * day },
  ownsMetadataFiles: false,
}

/** Called with the name of each port call, e.g. `commit raw`, before and after its effect. */
export interface Faults {
  before?(call: string): unknown
  after?(call: string): unknown
}

export const silent: UpkeepObserver = { done() {}, failed() {} }
export const lostAnswer = () => {
  throw new CatalogError('UNKNOWN_OUTCOME', 'no answer')
}

export class UpkeepWorld {
  readonly scenario: Scenario
  /** Names of upkeep's port calls, and the locations it deleted. */
  readonly calls: string[] = []
  readonly deleted: string[] = []
  mayAct = true
  private ids = 0

  constructor(lake = new Lake()) {
    this.scenario = new Scenario(1, lake)
  }

  get lake() {
    return this.scenario.lake
  }

  upkeep(changes: Partial<UpkeepSettings> = {}, faults: Faults = {}, ports: Partial<UpkeepPorts> = {}): Upkeep {
    const call = async <T>(name: string, effect: () => Promise<T>): Promise<T> => {
      this.calls.push(name)
      await faults.before?.(name)
      const result = await effect()
      await faults.after?.(name)
      return result
    }
    const { catalog, storage, now, newId } = this.lake
    return createUpkeep(
      {
        catalog: {
          ...catalog,
          loadTable: id => call(`load ${id.name}`, () => catalog.loadTable(id)),
          commitTable: (id, requirements, updates) =>
            call(`commit ${id.name}`, () => catalog.commitTable(id, requirements, updates)),
        },
        storage: {
          ...storage,
          read: location => call('read', () => storage.read(location)),
          create: location => assert.fail(`upkeep created ${location}`),
          delete: location =>
            call('delete', async () => {
              this.deleted.push(location)
              await storage.delete(location)
            }),
        },
        now,
        newId,
        random: () => 0,
        sleep: async () => {},
        mayAct: () => this.mayAct,
        observer: silent,
        ...ports,
      },
      { ...settings, ...changes },
    )
  }

  /** A pod commits these samples, one record each; with `lagging` the errors table does not get them. */
  async commit(samples: readonly string[], lagging = false): Promise<void> {
    this.scenario.produce('health:0', ...samples)
    const pod = this.scenario.pod()
    const positions = await pod.assign()
    if (lagging)
      for (let i = 0; i < 20; i++)
        pod.before('commit errors', async () => {
          throw new CatalogError('UNAVAILABLE', '503')
        })
    assert.equal(await pod.commit(await this.scenario.batch(positions)), 'committed')
  }

  async commits(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.commit([`s${this.ids}`, `bad-${this.ids++}`])
  }

  /** From now on every commit merges the manifests of the table into one. */
  merging(id: TableIdentifier): Promise<void> {
    return this.lake.change(id, {
      action: 'set-properties',
      updates: { 'commit.manifest.min-count-to-merge': '2' },
    })
  }

  /** A commit of another engine that changes nothing. */
  async touch(id: TableIdentifier): Promise<void> {
    const head = headOf(await this.lake.load(id))!
    const snapshotId = this.lake.newSnapshotId()
    const snapshot = {
      ...head,
      'snapshot-id': snapshotId,
      'parent-snapshot-id': head['snapshot-id'],
      summary: { operation: 'append' },
    }
    await this.lake.change(id, { action: 'add-snapshot', snapshot })
    await this.lake.setMain(id, snapshotId)
  }

  async setRef(id: TableIdentifier, name: string, ref: Omit<SnapshotRef, 'snapshot-id'>, snapshot: Snapshot) {
    await this.lake.change(id, {
      ...ref,
      action: 'set-snapshot-ref',
      'ref-name': name,
      'snapshot-id': snapshot['snapshot-id'],
    })
  }

  async snapshots(id: TableIdentifier): Promise<readonly bigint[]> {
    return (await this.lake.load(id)).snapshots.map(snapshot => snapshot['snapshot-id'])
  }

  /** Locations of every file that is there. */
  async files(): Promise<Set<string>> {
    const found = new Set<string>()
    for await (const { location } of this.lake.storage.list('memory:///w')) found.add(location)
    return found
  }

  /** Locations of every file that the tables and the pending intents need; each of them is there and whole. */
  async needed(): Promise<Set<string>> {
    const { storage } = this.lake
    const needed = new Set<string>()
    for (const id of [rawTable, errorsTable])
      for (const snapshot of (await this.lake.load(id)).snapshots) {
        needed.add(snapshot['manifest-list'])
        for (const { manifest_path, manifest_length } of await readManifestList(storage, snapshot))
          await noteManifest(storage, needed, manifest_path, manifest_length)
      }
    const applied = (await this.scenario.errorsKeys()).appliedSeq
    for (const { manifest, length, seq } of (await this.scenario.rawKeys()).pending)
      if (seq > applied) await noteManifest(storage, needed, manifest, length)
    return needed
  }

  /** Every retained snapshot and every pending intent is whole, our place stands, and a pod goes on exactly once. */
  async assertIntact(): Promise<void> {
    await this.needed()
    for (const id of [rawTable, errorsTable]) {
      const table = await this.lake.load(id)
      assert.ok(taggedOf(table), `${id.name} has lost its tag`)
      assert.equal(table.refs[tag]?.['max-ref-age-ms'], 9223372036854775807n)
    }
    await this.scenario.pod().consume()
    await this.scenario.assertExactlyOnce()
  }
}

async function noteManifest(storage: Storage, needed: Set<string>, location: string, length: number): Promise<void> {
  if (needed.has(location)) return
  needed.add(location)
  for (const { status, file } of (await readManifest(storage, location, length)).entries) {
    if (status === 2) continue
    assert.equal(await storage.size(file.location), file.fileSizeInBytes, `${file.location} is gone`)
    needed.add(file.location)
  }
}
