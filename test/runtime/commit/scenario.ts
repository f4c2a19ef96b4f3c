/**
 * Small direct scenarios of the protocol: pods whose port calls can be failed, or preceded by what somebody else does,
 * over tables and a Kafka in memory. No schedule and no clock; simulation.ts has those. A record's value is a list of
 * sample ids, and an id that begins with `bad` is an error row.
 */
import assert from 'node:assert/strict'
import type { Batch, CommitResult } from '../../../runtime/commit/commitBatch.ts'
import type { CommitPorts, CommitSettings } from '../../../runtime/commit/context.ts'
import { HaltError } from '../../../runtime/commit/halt.ts'
import { type ErrorsKeys, parseErrorsKeys, parseRawKeys, type RawKeys } from '../../../runtime/commit/keys.ts'
import { createProtocol, type Protocol } from '../../../runtime/commit/protocol.ts'
import type { HaltCode } from '../../../runtime/contract/halts.ts'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { type OffsetRange, parseTopicPartitionKey } from '../../../runtime/kafka.ts'
import { errorsTable, group, Lake, rawTable, taggedOf } from './lake.ts'
import { markOf, SimulatedKafka } from './simulatedKafka.ts'

export const never = new AbortController().signal

type Action = () => Promise<unknown>

/** A pod without a loop: a test drives it. */
export class Pod {
  readonly protocol: Protocol
  /** Every port call so far, e.g. `commit raw`. */
  readonly calls: string[] = []
  /** Gaps that the protocol reported, as `key start end`. */
  readonly gaps: string[] = []
  private readonly scenario: Scenario
  private sleeps = 0
  private readonly hooks = new Map<string, { before?: Action; after?: Action }[]>()

  constructor(scenario: Scenario, settings: Partial<CommitSettings>) {
    this.scenario = scenario
    this.protocol = createProtocol({ ...defaults, ...settings }, this.ports())
  }

  /** Runs `action` before the next call of that name; a rejection is the call's answer, and nothing happens. */
  before(call: string, action: Action): void {
    this.hook(call, { before: action })
  }

  /** Runs `action` after the next call of that name; a rejection is the call's answer, though it happened. */
  after(call: string, action: Action): void {
    this.hook(call, { after: action })
  }

  /** Lets calls of that name pass until the one that the following `before` or `after` is meant for. */
  pass(call: string, times: number): void {
    for (let i = 0; i < times; i++) this.hook(call, {})
  }

  private hook(call: string, hook: { before?: Action; after?: Action }): void {
    this.hooks.set(call, [...(this.hooks.get(call) ?? []), hook])
  }

  /** Takes positions of every partition, or of the given ones. */
  async assign(keys: readonly string[] = [...this.scenario.kafka.partitions.keys()]): Promise<Map<string, number>> {
    const taken = await this.protocol.assign(keys.map(parseTopicPartitionKey), never)
    return new Map([...taken].map(([key, { next }]) => [key, next]))
  }

  /** Expects the halt and returns its message. */
  async halts(code: HaltCode, action: Action = () => this.assign()): Promise<string> {
    let message = ''
    await assert.rejects(action, (error: unknown) => {
      assert(error instanceof HaltError, String(error))
      assert.equal(error.code, code, error.message)
      message = error.message
      return true
    })
    return message
  }

  commit(batch: Batch, signal = never): Promise<CommitResult> {
    return this.protocol.commit(batch, signal)
  }

  /** Assigns, reads all that Kafka has beyond the table and commits it. */
  async consume(keys?: readonly string[]): Promise<void> {
    const positions = await this.assign(keys)
    assert.equal(await this.commit(await this.scenario.batch(positions)), 'committed')
  }

  audit(expected: ReadonlyMap<string, number>): Promise<boolean> {
    return this.protocol.audit(expected, [...expected.keys()].map(parseTopicPartitionKey), never)
  }

  private async call<T>(name: string, effect: () => Promise<T>): Promise<T> {
    this.calls.push(name)
    const hook = this.hooks.get(name)?.shift()
    await hook?.before?.()
    const result = await effect()
    await hook?.after?.()
    return result
  }

  private ports(): CommitPorts {
    const { lake, kafka } = this.scenario
    const { catalog, storage } = lake
    return {
      catalog: {
        ensureNamespace: namespace => this.call('ensureNamespace', () => catalog.ensureNamespace(namespace)),
        loadTable: id => this.call(`load ${id.name}`, () => catalog.loadTable(id)),
        createTable: (id, definition) => this.call(`create ${id.name}`, () => catalog.createTable(id, definition)),
        commitTable: (id, requirements, updates) =>
          this.call(`commit ${id.name}`, () => catalog.commitTable(id, requirements, updates)),
      },
      storage: {
        ...storage,
        create: (location, bytes) => this.call('create file', () => storage.create(location, bytes)),
        delete: async location => assert.fail(`a pod deleted ${location}`),
      },
      positions: {
        clusterId: async () => kafka.clusterId,
        partitions: async topics => kafka.topicPartitions(topics),
        committed: of => this.call('committed', async () => kafka.committedOf(of)),
        watermarks: of => this.call('watermarks', () => kafka.watermarks(of)),
        lastStableOffsets: () => assert.fail('the protocol does not ask for stable offsets'),
        commit: offsets =>
          this.call('commit offsets', async () => {
            for (const [key, offset] of offsets) kafka.committed.set(key, offset)
          }),
      },
      now: lake.now,
      newId: lake.newId,
      newSnapshotId: lake.newSnapshotId,
      random: () => 0,
      sleep: async (_, signal) => {
        await new Promise(resolve => setImmediate(resolve))
        signal.throwIfAborted()
        if (++this.sleeps > 50) throw new Error(`does not settle: ${this.calls.slice(-12).join(', ')}`)
      },
      observer: {
        conflict: table => this.calls.push(`conflict ${table}`),
        failed: table => this.calls.push(`failed ${table}`),
        committed() {},
        gap: (key, start, end) => this.gaps.push(`${key} ${start} ${end}`),
      },
    }
  }
}

const defaults: CommitSettings = {
  group,
  topics: ['health'],
  startFrom: 'earliest',
  onGap: 'Halt',
  raw: rawTable,
  errors: errorsTable,
  rawDefinition,
  errorsDefinition,
  pendingCap: 100,
}

export class Scenario {
  readonly lake: Lake
  readonly kafka: SimulatedKafka
  private readonly produced: string[] = []

  constructor(partitions = 1, lake = new Lake()) {
    this.lake = lake
    this.kafka = new SimulatedKafka('health', partitions)
  }

  pod(settings: Partial<CommitSettings> = {}): Pod {
    return new Pod(this, settings)
  }

  /** One record for each argument, a sample or several apart by commas. */
  produce(key: string, ...values: string[]): void {
    for (const value of values) {
      this.kafka.produce(key, value.split(','))
      this.produced.push(...value.split(','))
    }
  }

  /** What a pod that stands at these positions would flush, up to the end of each partition or to `ends`. */
  async batch(positions: ReadonlyMap<string, number>, ends: ReadonlyMap<string, number> = new Map()): Promise<Batch> {
    const ranges = new Map<string, OffsetRange>()
    const last = new Map()
    const raw: string[] = []
    const errors: string[] = []
    for (const [key, start] of positions) {
      const { high, records } = this.kafka.log(key)
      const end = ends.get(key) ?? high
      if (end > start) ranges.set(key, { start, end })
      for (const record of records.filter(({ offset }) => offset >= start && offset < end)) {
        for (const id of record.value!.toString().split(',')) (id.startsWith('bad') ? errors : raw).push(id)
        last.set(key, markOf(record))
      }
    }
    return {
      ranges,
      last,
      rawFiles: await this.files(rawTable, raw),
      errorFiles: await this.files(errorsTable, errors),
    }
  }

  private async files(id: typeof rawTable, ids: readonly string[]) {
    if (ids.length === 0) return []
    const { location, 'table-uuid': uuid } = await this.lake.load(id)
    const folder = id === rawTable ? `${location}/data` : `memory:///w/db/_hc_pending/${uuid}`
    return [await this.lake.writeFile(`${folder}/${this.lake.newId()}.parquet`, ids)]
  }

  async rawKeys(): Promise<RawKeys> {
    return parseRawKeys(taggedOf(await this.lake.load(rawTable))!.summary)!
  }

  async errorsKeys(): Promise<ErrorsKeys> {
    return parseErrorsKeys(taggedOf(await this.lake.load(errorsTable))!.summary)!
  }

  /** Every produced sample is in one table, once. */
  async assertExactlyOnce(): Promise<void> {
    const rows = [...(await this.lake.rows(rawTable)), ...(await this.lake.rows(errorsTable))]
    assert.deepEqual(rows.sort(), [...this.produced].sort())
  }
}
