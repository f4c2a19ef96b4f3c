/**
 * The protocol in a simulated world. Pods run the real commit code; every call that it makes to a port waits at a gate
 * until a schedule, read from a tape of numbers, lets it through with an outcome: done, refused, done but the answer
 * lost, done later, sent twice. Between calls the tape may crash pods, move partitions, compact, expire, roll back or
 * delete. An exhausted tape is a kind world: everything succeeds in turn. Same tape, same run.
 */
import assert from 'node:assert/strict'
import type { CommitPorts, CommitSettings } from '../../../runtime/commit/context.ts'
import { HaltError } from '../../../runtime/commit/halt.ts'
import { parseErrorsKeys, parseRawKeys } from '../../../runtime/commit/keys.ts'
import { createProtocol, type Protocol } from '../../../runtime/commit/protocol.ts'
import { accept, type Cursor, createCursor } from '../../../runtime/cursor.ts'
import { CatalogError, type TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { DataFile } from '../../../runtime/iceberg/dataFile.ts'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { type LastRecord, type OffsetRange, parseTopicPartitionKey } from '../../../runtime/kafka.ts'
import { createRecovery, RecoverError } from '../../../runtime/recover/recover.ts'
import { type Choice, isRefusal } from '../../../runtime/recover/way.ts'
import { ancestors, errorsTable, group, headOf, Lake, rawTable, tag, taggedOf } from './lake.ts'
import { markOf, SimulatedKafka } from './simulatedKafka.ts'

const topic = 'health'

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
  /** A person ends rollbacks by going a way out, instead of undoing them by hand. */
  readonly recover?: boolean
}

const choicesByFlag: Readonly<Record<string, Choice>> = {
  '--undo raw': { way: 'undo', table: 'raw' },
  '--undo errors': { way: 'undo', table: 'errors' },
  '--accept-rollback raw': { way: 'accept-rollback', table: 'raw' },
  '--accept-rollback errors': { way: 'accept-rollback', table: 'errors' },
}

const died = new Error('the pod died')
const drained = () => new Promise<void>(resolve => setImmediate(resolve))

export class World {
  readonly lake = new Lake()
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
  private samples = 0
  private ruleVersion = 0
  private favoured: Pod | undefined
  private rollbacks = 0
  /** Who goes the ways out; never more than one at a time. */
  private person: Pod | undefined
  private readonly tape: readonly number[]
  private readonly options: WorldOptions

  constructor(options: WorldOptions, tape: readonly number[]) {
    this.options = options
    this.tape = tape
    this.kafka = new SimulatedKafka(topic, options.partitions)
    for (let i = 0; i < options.pods; i++) this.startPod(`pod-${i}`)
    this.rebalance(0)
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
    await this.endRollbacks()
    for (let step = 0; ; step++) {
      await this.step()
      if (step % 20 === 0 && (await this.isDone())) break
      if (step > 20_000) throw new Error(`does not settle: ${this.log.slice(-40).join('\n')}`)
    }
    await this.check()
  }

  private async step(): Promise<void> {
    await drained()
    // One step in five: a world in which more happens than pods can answer to never gets far.
    const kind = this.draw(60)
    if (kind >= 48) await this.disturb(kind - 48)
    // A rollback that lasts is only a halt.
    if (this.rolledBack.size > 0 && this.draw(12) === 0) await this.endRollbacks()
    this.favour()
    const waiting = this.gates.filter(gate => gate.pod === undefined || !gate.pod.dead)
    const favoured = waiting.filter(gate => gate.pod === this.favoured)
    const alive = favoured.length > 0 ? favoured : waiting
    if (alive.length === 0) return
    const gate = alive[(this.exhausted ? this.turn++ : this.draw(alive.length)) % alive.length]!
    this.gates.splice(this.gates.indexOf(gate), 1)
    this.log.push(`${gate.pod?.name ?? 'world'} ${gate.label}`)
    await gate.release()
  }

  /** Now and then one pod runs on for a while, so that a whole commit fits between two calls of another. */
  private favour(): void {
    if (this.exhausted) this.favoured = undefined
    else if (this.draw(24) === 0) this.favoured = this.pods[this.draw(this.pods.length + 2)]
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
        return this.endRollbacks()
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
    // What is read again must be there.
    if (this.options.recover) return
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
    if (!this.rolledBack.has(id.name) && (await this.lake.compact(id))) this.note(`compaction of ${id.name}`)
  }

  private async expire(id: TableIdentifier): Promise<void> {
    if (this.rolledBack.has(id.name) || this.draw(3) !== 0) return
    this.note(`expiry of ${await this.lake.expire(id)} snapshots of ${id.name}`)
  }

  /** A person sets main back to an older snapshot. Until it is undone no pod may write that table. */
  private async rollBack(id: TableIdentifier): Promise<void> {
    const table = await this.lake.catalog.loadTable(id)
    const head = table && headOf(table)
    if (table === undefined || head === undefined || this.rolledBack.has(id.name)) return
    // Only what lies before our newest snapshot undoes something of ours.
    const tagged = table.refs[tag]?.['snapshot-id']
    const older = ancestors(table, head).map(snapshot => snapshot['snapshot-id'])
    const undoing = older.slice(older.indexOf(tagged ?? -1n) + 1)
    if (undoing.length === 0) return
    const to = undoing[this.draw(undoing.length)]!
    await this.lake.setMain(id, to)
    this.rolledBack.set(id.name, { head: head['snapshot-id'], to })
    this.rollbacks++
    this.note(`rollback of ${id.name}`)
  }

  private async endRollbacks(): Promise<void> {
    if (!this.options.recover) return this.undoRollbacks()
    if (this.rolledBack.size === 0 || this.person !== undefined) return
    const person: Pod = { name: 'person', dead: false, halts: [], partitions: [], epoch: 0, caughtUp: false }
    this.person = person
    void this.goWays(person).catch(error => {
      this.failure ??= error
    })
  }

  /** Goes one of the ways that are offered, and another, until nothing is wrong. */
  private async goWays(person: Pod): Promise<void> {
    const { kafka } = this
    const positions = { ...this.portsOf(person).positions, commit: () => assert.fail('recovery committed offsets') }
    const recordAt = async ({ topic, partition }: { topic: string; partition: number }, offset: number) =>
      kafka.log(`${topic}:${partition}`).records.find(record => record.offset === offset)
    const recovery = createRecovery(this.settings, { ...this.portsOf(person), positions, recordAt })
    for (;;) {
      await this.gate(person, 'looks', async () => undefined)
      try {
        const before = this.rollbacks
        const offers = await recovery.offers()
        this.note(`ways: ${offers.map(offer => (isRefusal(offer) ? `(${offer.flag})` : offer.flag)).join(', ')}`)
        const choices = offers.flatMap(offer => (isRefusal(offer) ? [] : (choicesByFlag[offer.flag] ?? [])))
        if (choices.length === 0) {
          // A table that was set back meanwhile was perhaps looked at before.
          if (this.rollbacks !== before) continue
          assert.deepEqual(offers, [], 'no way is left')
          break
        }
        const choice = choices[this.draw(choices.length)]!
        this.note(`person goes ${JSON.stringify(choice)}`)
        await recovery.go(choice, new AbortController().signal)
      } catch (error) {
        // Refused on a second look, or a port failed: another look.
        if (!(error instanceof RecoverError || error instanceof CatalogError)) throw error
        this.note(`person: ${error.message}`)
      }
    }
    this.rolledBack.clear()
    this.person = undefined
  }

  private async undoRollbacks(): Promise<void> {
    for (const [name, { head, to }] of this.rolledBack) {
      const id = name === rawTable.name ? rawTable : errorsTable
      const table = await this.lake.catalog.loadTable(id)
      assert.equal(table?.refs.main?.['snapshot-id'], to, `a pod wrote table ${name} while it was rolled back`)
      await this.lake.setMain(id, head)
      this.note(`end of rollback of ${name}`)
    }
    this.rolledBack.clear()
  }

  // ---- a pod

  private get settings(): CommitSettings {
    return {
      group,
      topics: [topic],
      startFrom: 'earliest',
      onGap: this.options.onGap ?? 'Halt',
      raw: rawTable,
      errors: errorsTable,
      rawDefinition,
      errorsDefinition,
      pendingCap: 3,
    }
  }

  private async live(pod: Pod): Promise<void> {
    const protocol = createProtocol(this.settings, this.portsOf(pod))
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
          // The one fault of this world is a main that was set back; any other halt would be a false one.
          if (error.code !== 'LineageBroken' || this.rollbacks === 0) throw error
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
      // Now and then the source stands elsewhere, as after a seek of another life.
      const at = cursor.at + (this.draw(24) === 23 ? 1 : 0)
      const batch = this.kafka.fetch(pod.epoch, key, at, this.draw(3) + 1)
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
    return [await this.gate(pod, 'write', () => this.lake.writeFile(`${folder}/${this.lake.newId()}.parquet`, ids))]
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
      if (this.draw(12) === 11) throw new CatalogError('UNAVAILABLE', `${label} failed`)
      return call()
    })
  }

  private portsOf(pod: Pod): CommitPorts {
    const { kafka, lake } = this
    const { catalog, storage } = lake
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
      now: lake.now,
      newId: lake.newId,
      newSnapshotId: lake.newSnapshotId,
      random: () => 0.5,
      sleep: () => this.gate(pod, 'sleep', async () => undefined),
      observer: { conflict() {}, failed() {}, committed() {}, gap() {} },
    }
  }

  /** A call with an effect, whose answer may be lost, late or that of a repetition. */
  private doubtful<T>(pod: Pod, label: string, call: () => Promise<T>): Promise<T> {
    const lost = () => new CatalogError('UNKNOWN_OUTCOME', `${label}: no answer`)
    return this.gate(pod, label, async () => {
      const outcome = this.draw(20)
      if (outcome >= 1 && outcome <= 5) this.note(`${label} outcome ${outcome}`)
      switch (outcome) {
        case 1: // refused before anything happened
          throw new CatalogError('UNAVAILABLE', `${label}: 503`)
        case 2: // applied, answer lost
          await call()
          throw lost()
        case 3: // applied later, perhaps
          this.late.push(call)
          throw lost()
        case 4: // a proxy sent it twice: the answer is that of the second time
          await call()
          return call()
        case 5: // applied, and the pod dies before it hears of it
          await call()
          if (this.pods.includes(pod)) this.crash(this.pods.indexOf(pod))
          else if (pod === this.person) this.person = undefined
          throw died
        default:
          return call()
      }
    })
  }

  // ---- what must hold

  private async rawOffsets(): Promise<ReadonlyMap<string, number> | undefined> {
    const table = await this.lake.catalog.loadTable(rawTable)
    const tagged = table && taggedOf(table)
    return tagged && parseRawKeys(tagged.summary)?.offsets
  }

  private async isDone(): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure
    if (this.rolledBack.size > 0) {
      await this.endRollbacks()
      return false
    }
    if (!this.pods.every(pod => pod.caughtUp && pod.epoch === this.assignmentEpoch)) return false
    const offsets = await this.rawOffsets()
    for (const [key, log] of this.kafka.partitions) if ((offsets?.get(key) ?? -1) < log.high) return false
    const { pending } = parseRawKeys(taggedOf(await this.lake.load(rawTable))!.summary)!
    const { appliedSeq } = parseErrorsKeys(taggedOf(await this.lake.load(errorsTable))!.summary)!
    return pending.every(intent => intent.seq <= appliedSeq)
  }

  /** I1 at rest: every sample once in raw ∪ errors; one that retention took unread at most once, nothing else. */
  private async check(): Promise<void> {
    const counts = new Map<string, number>()
    for (const id of [...(await this.lake.rows(rawTable)), ...(await this.lake.rows(errorsTable))])
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
