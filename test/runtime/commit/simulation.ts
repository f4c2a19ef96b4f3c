/**
 * The protocol in a simulated world. Pods run the real commit code; every call that it makes to a port waits at a gate
 * until a schedule, read from a tape of numbers, lets it through with an outcome: done, refused, done but the answer
 * lost, done later, sent twice. Between calls the tape may crash pods, move partitions, compact, expire, roll back or
 * delete. An exhausted tape is a kind world: everything succeeds in turn. Same tape, same run.
 */
import assert from 'node:assert/strict'
import type { CommitPorts } from '../../../runtime/commit/context.ts'
import { HaltError } from '../../../runtime/commit/halt.ts'
import { parseErrorsKeys, parseRawKeys, tagName } from '../../../runtime/commit/keys.ts'
import { createProtocol, type Protocol } from '../../../runtime/commit/protocol.ts'
import { accept, type Cursor, createCursor } from '../../../runtime/cursor.ts'
import { type Catalog, CatalogError, type TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { DataFile } from '../../../runtime/iceberg/dataFile.ts'
import { inMemoryCatalog } from '../../../runtime/iceberg/inMemoryCatalog.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { describeManifest, encodeManifest } from '../../../runtime/iceberg/manifest.ts'
import { encodeManifestList } from '../../../runtime/iceberg/manifestList.ts'
import { liveDataFiles } from '../../../runtime/iceberg/snapshotFiles.ts'
import type { Storage } from '../../../runtime/iceberg/storage.ts'
import type { Snapshot, TableMetadata } from '../../../runtime/iceberg/tableMetadata.ts'
import { currentSchema, currentSpec, errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { type LastRecord, type OffsetRange, parseTopicPartitionKey } from '../../../runtime/kafka.ts'
import { markOf, SimulatedKafka } from './simulatedKafka.ts'

export const topic = 'health'
export const group = 'g'
export const rawTable: TableIdentifier = { namespace: ['db'], name: 'raw' }
export const errorsTable: TableIdentifier = { namespace: ['db'], name: 'errors' }
const tag = tagName(group)

interface Gate {
  readonly pod: Pod | undefined
  readonly label: string
  /** Performs the call; `drawn` picks its outcome where it has several. */
  release(): Promise<void>
}

export interface Pod {
  readonly name: string
  dead: boolean
  halts: string[]
  partitions: string[]
  epoch: number
  caughtUp: boolean
}

export interface WorldOptions {
  readonly pods: number
  readonly partitions: number
  readonly onGap?: 'Halt' | 'RecordAndContinue'
}

const died = new Error('the pod died')
const drained = () => new Promise<void>(resolve => setImmediate(resolve))

export class World {
  readonly storage: Storage
  readonly catalog: Catalog
  readonly kafka: SimulatedKafka
  readonly pods: Pod[] = []
  /** Sample id → topic partition it was produced to. */
  readonly produced = new Map<string, string>()
  readonly deleted = new Set<string>()
  readonly log: string[] = []
  private readonly gates: Gate[] = []
  private readonly late: (() => Promise<unknown>)[] = []
  private readonly rolledBack = new Map<string, { head: bigint; to: bigint }>()
  private assignmentEpoch = 0
  private assignment = new Map<Pod, string[]>()
  private tapeAt = 0
  private turn = 0
  private clockMs = 1_700_000_000_000
  private ids = 0
  private samples = 0
  private ruleVersion = 0
  haltsAllowed = false
  private readonly tape: readonly number[]
  private readonly options: WorldOptions

  constructor(options: WorldOptions, tape: readonly number[]) {
    this.options = options
    this.tape = tape
    this.storage = inMemoryStorage(() => this.clockMs)
    this.catalog = inMemoryCatalog({
      warehouse: 'memory:///w',
      now: () => this.clockMs++,
      newUuid: () => this.newId(),
    })
    this.kafka = new SimulatedKafka(topic, options.partitions)
    for (let i = 0; i < options.pods; i++) this.startPod(`pod-${i}`)
    this.rebalance(0)
  }

  private newId(): string {
    return `id-${this.ids++}`
  }

  private get exhausted(): boolean {
    return this.tapeAt >= this.tape.length
  }

  /** The next number of the tape below `n`; 0, the kind choice, once it is exhausted. */
  private draw(n: number): number {
    return this.exhausted ? 0 : this.tape[this.tapeAt++]! % n
  }

  // ---- what happens in the world

  /** Runs the tape to its end, then kindly until every record is in a table. */
  async run(): Promise<void> {
    for (let i = 0; i < 3; i++) for (const key of this.kafka.partitions.keys()) this.produce(key)
    while (!this.exhausted) await this.step()
    for (const attempt of this.late.splice(0)) await attempt().catch(() => undefined)
    await this.undoRollbacks()
    for (let step = 0; ; step++) {
      await this.step()
      if (step % 20 === 0 && (await this.isDone())) break
      if (step > 20_000) throw new Error(`does not settle: ${this.log.slice(-40).join('\n')}`)
    }
    await this.check()
  }

  private async step(): Promise<void> {
    await drained()
    const kind = this.draw(24)
    if (kind >= 12) await this.disturb(kind - 12)
    const alive = this.gates.filter(gate => gate.pod === undefined || !gate.pod.dead)
    if (alive.length === 0) return
    const gate = alive[(this.exhausted ? this.turn++ : this.draw(alive.length)) % alive.length]!
    this.gates.splice(this.gates.indexOf(gate), 1)
    this.log.push(`${gate.pod?.name ?? 'world'} ${gate.label}`)
    await gate.release()
  }

  private async disturb(kind: number): Promise<void> {
    const keys = [...this.kafka.partitions.keys()]
    switch (kind) {
      case 0:
      case 1:
        return this.produce(keys[this.draw(keys.length)]!)
      case 2:
        return this.kafka.control(keys[this.draw(keys.length)]!)
      case 3:
        return this.crash(this.draw(this.pods.length))
      case 4:
        return this.rebalance(this.draw(4))
      case 5:
        return this.compact(this.draw(2) === 0 ? rawTable : errorsTable)
      case 6:
        return this.expire(this.draw(2) === 0 ? rawTable : errorsTable)
      case 7:
        return this.rollBack(this.draw(2) === 0 ? rawTable : errorsTable)
      case 8:
        return this.undoRollbacks()
      case 9:
        this.ruleVersion++
        return
      case 10:
        return this.retain(keys[this.draw(keys.length)]!)
      case 11: {
        const attempt = this.late.shift()
        this.note('late apply')
        await attempt?.().catch(() => undefined)
      }
    }
  }

  private note(what: string): void {
    this.log.push(`world ${what}`)
  }

  private produce(key: string): void {
    const ids = Array.from({ length: this.draw(3) + 1 }, () => `s${this.samples++}`)
    for (const id of ids) this.produced.set(id, key)
    this.kafka.produce(key, ids)
  }

  private startPod(name: string): void {
    const pod: Pod = { name, dead: false, halts: [], partitions: [], epoch: 0, caughtUp: false }
    this.pods.push(pod)
    void this.live(pod).catch(error => {
      this.failure ??= error
    })
  }

  failure: unknown

  private crash(index: number): void {
    const pod = this.pods[index]!
    this.note(`crash of ${pod.name}`)
    pod.dead = true
    this.pods.splice(index, 1)
    this.startPod(`${pod.name}'`)
    this.rebalance(0)
  }

  /** Deals the partitions out again, rotated. Pods learn of it late; until then the former owner is a zombie. */
  private rebalance(rotation: number): void {
    this.assignmentEpoch++
    this.assignment = new Map(this.pods.map(pod => [pod, []]))
    const keys = [...this.kafka.partitions.keys()]
    for (const [i, key] of keys.entries()) this.assignment.get(this.pods[(i + rotation) % this.pods.length]!)!.push(key)
  }

  /** Retention deletes records; under Halt only what is in the table already. */
  private async retain(key: string): Promise<void> {
    const log = this.kafka.log(key)
    const durable = (await this.rawOffsets())?.get(key) ?? 0
    const limit = this.options.onGap === 'RecordAndContinue' ? log.high : Math.min(durable, log.high)
    const before = log.low + this.draw(Math.max(1, limit - log.low + 1))
    for (const record of log.records)
      if (record.offset < before && record.offset >= durable)
        for (const id of record.value!.toString().split(',')) this.deleted.add(id)
    this.kafka.deleteBefore(key, before)
    this.note(`retention of ${key} below ${before}`)
  }

  // ---- other engines on the tables

  private async compact(id: TableIdentifier): Promise<void> {
    const table = await this.catalog.loadTable(id)
    const head = table && headOf(table)
    if (table === undefined || head === undefined || this.rolledBack.has(id.name)) return
    const rows: string[] = []
    for await (const { file } of liveDataFiles(this.storage, head)) rows.push(...(await this.rowsOf(file.location)))
    if (rows.length === 0) return
    const file = await this.writeFile(`${table.location}/data/compacted-${this.newId()}`, rows)
    const bytes = encodeManifest([file], { schema: currentSchema(table), spec: currentSpec(table) })
    const location = `${table.location}/metadata/${this.newId()}.avro`
    await this.storage.create(location, bytes)
    const snapshotId = BigInt(++this.ids)
    const sequence = table['last-sequence-number'] + 1
    const manifest = {
      ...describeManifest(location, bytes.length, [file], currentSpec(table)),
      sequence_number: BigInt(sequence),
      min_sequence_number: BigInt(sequence),
      added_snapshot_id: snapshotId,
    }
    const list = `${table.location}/metadata/${this.newId()}-list.avro`
    const parentId = head['snapshot-id']
    await this.storage.create(
      list,
      encodeManifestList([manifest], { id: snapshotId, parentId, sequenceNumber: sequence }),
    )
    const snapshot: Snapshot = {
      'snapshot-id': snapshotId,
      'parent-snapshot-id': parentId,
      'sequence-number': sequence,
      'timestamp-ms': Math.max(this.clockMs, table['last-updated-ms']),
      'manifest-list': list,
      summary: { operation: 'replace' },
    }
    await this.catalog.commitTable(
      id,
      [],
      [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
      ],
    )
    this.note(`compaction of ${id.name}`)
  }

  /** Drops every snapshot that no ref and no walk from main to our keys needs. */
  private async expire(id: TableIdentifier): Promise<void> {
    const table = await this.catalog.loadTable(id)
    if (table === undefined || headOf(table) === undefined || this.rolledBack.has(id.name)) return
    const kept = new Set(Object.values(table.refs).map(ref => ref['snapshot-id']))
    for (const snapshot of ancestors(table, headOf(table)!)) {
      kept.add(snapshot['snapshot-id'])
      if (parseRawKeys(snapshot.summary) !== undefined || parseErrorsKeys(snapshot.summary) !== undefined) break
    }
    const gone = table.snapshots.map(snapshot => snapshot['snapshot-id']).filter(snapshot => !kept.has(snapshot))
    if (gone.length === 0) return
    await this.catalog.commitTable(id, [], [{ action: 'remove-snapshots', 'snapshot-ids': gone }])
    this.note(`expiry of ${gone.length} snapshots of ${id.name}`)
  }

  /** A person sets main back to an older snapshot. Until it is undone no pod may write that table. */
  private async rollBack(id: TableIdentifier): Promise<void> {
    const table = await this.catalog.loadTable(id)
    const head = table && headOf(table)
    if (table === undefined || head === undefined || this.rolledBack.has(id.name)) return
    // Only what lies before our newest snapshot undoes something of ours.
    const tagged = table.refs[tag]?.['snapshot-id']
    const older = ancestors(table, head).map(snapshot => snapshot['snapshot-id'])
    const undoing = older.slice(older.indexOf(tagged ?? -1n) + 1)
    if (undoing.length === 0) return
    const to = undoing[this.draw(undoing.length)]!
    await this.setMain(id, to)
    this.rolledBack.set(id.name, { head: head['snapshot-id'], to })
    this.haltsAllowed = true
    this.note(`rollback of ${id.name}`)
  }

  private async undoRollbacks(): Promise<void> {
    for (const [name, { head, to }] of this.rolledBack) {
      const id = name === rawTable.name ? rawTable : errorsTable
      const table = await this.catalog.loadTable(id)
      assert.equal(table?.refs.main?.['snapshot-id'], to, `a pod wrote table ${name} while it was rolled back`)
      await this.setMain(id, head)
      this.note(`end of rollback of ${name}`)
    }
    this.rolledBack.clear()
  }

  private setMain(id: TableIdentifier, snapshotId: bigint): Promise<TableMetadata> {
    return this.catalog.commitTable(
      id,
      [],
      [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId }],
    )
  }

  // ---- a pod

  private async live(pod: Pod): Promise<void> {
    const protocol = createProtocol(
      {
        group,
        topics: [topic],
        startFrom: 'earliest',
        onGap: this.options.onGap ?? 'Halt',
        raw: rawTable,
        errors: errorsTable,
        rawDefinition,
        errorsDefinition,
        pendingCap: 3,
      },
      this.portsOf(pod),
    )
    const signal = new AbortController().signal
    let cursors: Map<string, Cursor> | undefined
    let round = newRound()
    for (;;) {
      await this.gate(pod, 'wakes', async () => undefined)
      try {
        const moved = pod.epoch !== this.assignmentEpoch && this.draw(3) === 0
        if (cursors === undefined || moved) {
          cursors = undefined
          round = newRound()
          pod.caughtUp = false
          pod.epoch = this.assignmentEpoch
          pod.partitions = this.assignment.get(pod) ?? []
          const taken = await protocol.assign(pod.partitions.map(parseTopicPartitionKey), signal)
          cursors = new Map([...taken].map(([key, { next, verify }]) => [key, createCursor(next, verify)]))
          continue
        }
        const result = await this.work(pod, protocol, cursors, round, signal)
        if (result !== 'reading') round = newRound()
        if (result === 'lost') cursors = undefined
      } catch (error) {
        if (error instanceof HaltError) {
          pod.halts.push(error.code)
          this.note(`${pod.name} halts: ${error.code} ${error.message}`)
          if (!this.haltsAllowed) throw error
        }
        cursors = undefined
      }
    }
  }

  private async work(
    pod: Pod,
    protocol: Protocol,
    cursors: Map<string, Cursor>,
    round: SimulatedRound,
    signal: AbortSignal,
  ): Promise<'reading' | 'flushed' | 'lost'> {
    let read = false
    for (const [key, cursor] of cursors) {
      const batch = this.kafka.fetch(pod.epoch, key, cursor.at, this.draw(3) + 1)
      if (batch === undefined) continue
      const accepted = accept(cursor, batch, markOf)
      if (accepted.kind === 'jump') return 'lost'
      if (accepted.kind === 'replaced') throw new HaltError('TopicRecreated', key)
      read ||= accepted.end > accepted.start
      if (accepted.end > accepted.start) this.classify(round, key, accepted)
    }
    if (round.ranges.size > 0 && (!read || this.draw(2) === 0)) {
      const state = await protocol.state()
      const rawFiles = await this.flushRows(pod, `${state.rawTable.location}/data`, round.raw)
      const errorFiles = await this.flushRows(pod, state.pendingFolder, round.errors)
      const { ranges, last } = round
      return (await protocol.commit({ ranges, last, rawFiles, errorFiles }, signal)) === 'moved' ? 'lost' : 'flushed'
    }
    if (read) return 'reading'
    const expected = new Map([...cursors].map(([key, cursor]) => [key, cursor.next]))
    const stands = await protocol.audit(expected, [...cursors.keys()].map(parseTopicPartitionKey), signal)
    pod.caughtUp = stands
    return stands ? 'reading' : 'lost'
  }

  private classify(
    round: SimulatedRound,
    key: string,
    taken: { records: readonly { value: Buffer | null }[]; start: number; end: number },
  ): void {
    const before = round.ranges.get(key)
    round.ranges.set(key, { start: before?.start ?? taken.start, end: taken.end })
    for (const record of taken.records)
      for (const id of record.value!.toString().split(',')) (this.isInvalid(id) ? round.errors : round.raw).push(id)
    const last = taken.records.at(-1)
    if (last !== undefined) round.last.set(key, markOf(last as never))
  }

  /** The rules change over time: what was invalid when first read may be valid when read again. */
  private isInvalid(id: string): boolean {
    return (Number(id.slice(1)) + this.ruleVersion) % 3 === 0
  }

  private async flushRows(pod: Pod, folder: string, ids: readonly string[]): Promise<DataFile[]> {
    if (ids.length === 0) return []
    return [await this.gate(pod, 'write', () => this.writeFile(`${folder}/${this.newId()}.parquet`, ids))]
  }

  private async writeFile(location: string, ids: readonly string[]): Promise<DataFile> {
    const bytes = Buffer.from(ids.join('\n'))
    await this.storage.create(location, bytes)
    const none = new Map()
    return {
      location,
      fileSizeInBytes: bytes.length,
      recordCount: ids.length,
      partition: [20_000, 'x'],
      metrics: {
        columnSizes: none,
        valueCounts: none,
        nullValueCounts: none,
        nanValueCounts: none,
        lowerBounds: none,
        upperBounds: none,
      },
      splitOffsets: [4],
    }
  }

  private async rowsOf(location: string): Promise<string[]> {
    return (await this.storage.read(location)).toString().split('\n')
  }

  // ---- ports behind gates

  private gate<T>(pod: Pod, label: string, call: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.gates.push({
        pod,
        label,
        release: () =>
          call().then(resolve, error => {
            // A dead pod never hears an answer.
            if (error !== died) reject(error)
          }),
      })
    })
  }

  /** Most calls succeed, some fail without effect. */
  private flaky<T>(pod: Pod, label: string, call: () => Promise<T>): Promise<T> {
    return this.gate(pod, label, async () => {
      if (this.draw(8) === 7) throw new CatalogError('UNAVAILABLE', `${label} failed`)
      return call()
    })
  }

  private portsOf(pod: Pod): CommitPorts {
    const { catalog, storage, kafka } = this
    return {
      catalog: {
        ensureNamespace: namespace => this.flaky(pod, 'ensureNamespace', () => catalog.ensureNamespace(namespace)),
        loadTable: id => this.flaky(pod, `load ${id.name}`, () => catalog.loadTable(id)),
        createTable: (id, definition) =>
          this.doubtful(pod, `create ${id.name}`, () => catalog.createTable(id, definition)),
        commitTable: (id, requirements, updates) =>
          this.doubtful(pod, `commit ${id.name}`, () => catalog.commitTable(id, requirements, updates)),
      },
      storage: {
        ...storage,
        create: (location, bytes) => this.flaky(pod, 'create file', () => storage.create(location, bytes)),
        delete: async location => assert.fail(`a pod deleted ${location}`),
      },
      positions: {
        clusterId: async () => kafka.clusterId,
        partitions: async topics => kafka.topicPartitions(topics),
        committed: of => this.flaky(pod, 'committed', async () => kafka.committedOf(of)),
        watermarks: of => this.flaky(pod, 'watermarks', () => kafka.watermarks(of)),
        lastStableOffsets: async of => new Map([...(await kafka.watermarks(of))].map(([key, { high }]) => [key, high])),
        commit: offsets =>
          this.flaky(pod, 'commit offsets', async () => {
            for (const [key, offset] of offsets) kafka.committed.set(key, offset)
          }),
      },
      now: () => this.clockMs++,
      newId: () => this.newId(),
      newSnapshotId: () => BigInt(++this.ids),
      random: () => 0.5,
      sleep: () => this.gate(pod, 'sleep', async () => undefined),
      observer: { conflict() {}, failed() {}, committed() {}, gap() {} },
    }
  }

  /** A call with an effect, whose answer may be lost, late or that of a repetition. */
  private doubtful<T>(pod: Pod, label: string, call: () => Promise<T>): Promise<T> {
    const lost = () => new CatalogError('UNKNOWN_OUTCOME', `${label}: no answer`)
    return this.gate(pod, label, async () => {
      const outcome = this.draw(12)
      if (outcome >= 7) this.note(`${label} outcome ${outcome}`)
      switch (outcome) {
        case 7: // refused before anything happened
          throw new CatalogError('UNAVAILABLE', `${label}: 503`)
        case 8: // applied, answer lost
          await call()
          throw lost()
        case 9: // applied later, perhaps
          this.late.push(call)
          throw lost()
        case 10: // a proxy sent it twice: the answer is that of the second time
          await call()
          return call()
        case 11: // applied, and the pod dies before it hears of it
          await call()
          if (this.pods.includes(pod)) this.crash(this.pods.indexOf(pod))
          throw died
        default:
          return call()
      }
    })
  }

  // ---- what must hold

  private async rawOffsets(): Promise<ReadonlyMap<string, number> | undefined> {
    const table = await this.catalog.loadTable(rawTable)
    const tagged = table?.snapshots.find(it => it['snapshot-id'] === table.refs[tag]?.['snapshot-id'])
    return tagged && parseRawKeys(tagged.summary)?.offsets
  }

  private async isDone(): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure
    if (!this.pods.every(pod => pod.caughtUp && pod.epoch === this.assignmentEpoch)) return false
    const offsets = await this.rawOffsets()
    for (const [key, log] of this.kafka.partitions) if ((offsets?.get(key) ?? -1) < log.high) return false
    const raw = await this.catalog.loadTable(rawTable)
    const errors = await this.catalog.loadTable(errorsTable)
    const pending = parseRawKeys(this.tagged(raw!).summary)!.pending
    return pending.every(intent => intent.seq <= parseErrorsKeys(this.tagged(errors!).summary)!.appliedSeq)
  }

  private tagged(table: TableMetadata): Snapshot {
    const id = table.refs[tag]!['snapshot-id']
    return table.snapshots.find(snapshot => snapshot['snapshot-id'] === id)!
  }

  async tableRows(id: TableIdentifier): Promise<string[]> {
    const table = await this.catalog.loadTable(id)
    const head = table && headOf(table)
    if (head === undefined) return []
    const rows: string[] = []
    for await (const { file } of liveDataFiles(this.storage, head)) rows.push(...(await this.rowsOf(file.location)))
    return rows
  }

  /** I1 at rest: every sample once in raw ∪ errors; one that retention took unread at most once, nothing else. */
  private async check(): Promise<void> {
    const counts = new Map<string, number>()
    for (const id of [...(await this.tableRows(rawTable)), ...(await this.tableRows(errorsTable))])
      counts.set(id, (counts.get(id) ?? 0) + 1)
    for (const id of this.produced.keys()) {
      const count = counts.get(id) ?? 0
      if (count === 1 || (count === 0 && this.deleted.has(id))) continue
      assert.fail(`sample ${id} of ${this.produced.get(id)} is there ${count} times`)
    }
    assert.equal(counts.size, [...counts.keys()].filter(id => this.produced.has(id)).length, 'a row of no sample')
  }
}

interface SimulatedRound {
  readonly ranges: Map<string, OffsetRange>
  readonly last: Map<string, LastRecord>
  readonly raw: string[]
  readonly errors: string[]
}

const newRound = (): SimulatedRound => ({ ranges: new Map(), last: new Map(), raw: [], errors: [] })

const headOf = (table: TableMetadata): Snapshot | undefined =>
  table.snapshots.find(snapshot => snapshot['snapshot-id'] === table.refs.main?.['snapshot-id'])

/** The snapshot and its ancestors, newest first, as far as they are retained. */
function ancestors(table: TableMetadata, from: Snapshot): Snapshot[] {
  const byId = new Map(table.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  const result: Snapshot[] = []
  for (let at: Snapshot | undefined = from; at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n))
    result.push(at)
  return result
}
