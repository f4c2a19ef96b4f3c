import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { newTableMetadata } from '../../../runtime/iceberg/metadataUpdates.ts'
import type { Snapshot, SnapshotRef } from '../../../runtime/iceberg/tableMetadata.ts'
import { rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { expirable } from '../../../runtime/upkeep/retention.ts'
import { snapshotOf } from '../iceberg/fixtures.ts'

const day = 86_400_000
const nowMs = 100 * day

type Ref = Omit<SnapshotRef, 'snapshot-id'> & { readonly at: number }

interface History {
  /** Ages of the snapshots of main in days, oldest first; their ids count from 1. */
  readonly ages: readonly number[]
  /** Further snapshots: id, parent, age in days. */
  readonly others?: readonly (readonly [number, number, number])[]
  /** The newest with our keys; the head where it is not said. */
  readonly own?: number
  readonly refs?: Readonly<Record<string, Ref>>
  readonly properties?: Readonly<Record<string, string>>
  readonly retention?: { readonly maxAge?: number; readonly maxCount?: number }
}

/** Ids that may be expired, and refs that may go. */
function expired({ ages, others = [], own = ages.length, refs = {}, properties = {}, retention = {} }: History) {
  const main = ages.map((age, at): Snapshot => {
    const snapshot = snapshotOf(at + 1, BigInt(at + 1), nowMs - age * day)
    return at === 0 ? snapshot : { ...snapshot, 'parent-snapshot-id': BigInt(at) }
  })
  const aside = others.map(([id, parent, age]) => ({
    ...snapshotOf(id, BigInt(id), nowMs - age * day),
    'parent-snapshot-id': BigInt(parent),
  }))
  const all = [...main, ...aside]
  const { main: ofMain, ...named } = refs
  const ref = ({ at, ...rest }: Ref): SnapshotRef => ({ ...rest, 'snapshot-id': BigInt(at) })
  const table = {
    ...newTableMetadata({ ...rawDefinition }, 'memory:///w/t', 'uuid', 0),
    snapshots: all,
    refs: {
      main: ref(ofMain ?? { type: 'branch', at: ages.length }),
      'hc-g': ref({ type: 'tag', at: own, 'max-ref-age-ms': 1 }),
      ...Object.fromEntries(Object.entries(named).map(([name, it]) => [name, ref(it)])),
    },
  }
  const found = expirable(
    {
      table: { ...table, properties: { ...table.properties, ...properties } },
      head: main.at(-1)!,
      own: main[own - 1]!,
      keys: undefined,
    },
    { maxAgeMs: (retention.maxAge ?? 7) * day, maxCount: retention.maxCount ?? 100 },
    'hc-g',
    nowMs,
  )
  return { ids: found.snapshots.map(snapshot => Number(snapshot['snapshot-id'])), refs: found.refs }
}

suite('of main', () => {
  const ages = [20, 10, 8, 6, 4, 2]
  test('what is past the age goes', () => assert.deepEqual(expired({ ages }).ids, [1, 2, 3]))
  test('what is past the count goes, younger or not', () =>
    assert.deepEqual(expired({ ages, retention: { maxCount: 2 } }).ids, [1, 2, 3, 4]))
  test('the head stays, however old', () => assert.deepEqual(expired({ ages: [20, 10] }).ids, [1]))
  test('everything down to our newest stays', () =>
    assert.deepEqual(expired({ ages: [30, 20, 10, 9], own: 2 }).ids, [1]))
  test('our own tag never ages', () => assert.deepEqual(expired({ ages, own: 1 }), { ids: [], refs: [] }))
})

suite('what the table says', () => {
  const ages = [20, 10, 8, 6, 4, 2]
  const keep = (count: number) => ({ 'history.expire.min-snapshots-to-keep': String(count) })
  const age = (days: number) => ({ 'history.expire.max-snapshot-age-ms': String(days * day) })
  test('keeps at least so many, against age and count', () => {
    assert.deepEqual(expired({ ages, properties: keep(5), retention: { maxCount: 1 } }).ids, [1])
    const branch = { main: { type: 'branch', at: 6, 'min-snapshots-to-keep': 4 } } as const
    assert.deepEqual(expired({ ages, refs: branch }).ids, [1, 2])
  })
  test('keeps for longer, but never against the count', () => {
    assert.deepEqual(expired({ ages, properties: age(15) }).ids, [1])
    assert.deepEqual(expired({ ages, properties: age(15), retention: { maxCount: 2 } }).ids, [1, 2, 3, 4])
    const branch = { main: { type: 'branch', at: 6, 'max-snapshot-age-ms': 9 * day } } as const
    assert.deepEqual(expired({ ages, refs: branch }).ids, [1, 2])
  })
  test('never makes anything go sooner', () => {
    assert.deepEqual(expired({ ages, properties: age(1) }).ids, [1, 2, 3])
    assert.deepEqual(expired({ ages, properties: keep(1) }).ids, [1, 2, 3])
  })
  test('counts for nothing where it is what every table is created with', () => {
    assert.deepEqual(expired({ ages, properties: age(7), retention: { maxAge: 3 } }).ids, [1, 2, 3, 4, 5])
  })
  test('counts for nothing where it is no number', () => {
    const properties = { ...keep(Number.NaN), 'history.expire.max-snapshot-age-ms': 'long' }
    assert.deepEqual(expired({ ages, properties }).ids, [1, 2, 3])
  })
})

suite('of others', () => {
  test('a tag keeps the snapshot that it names, and no more', () => {
    assert.deepEqual(expired({ ages: [30, 20, 10, 1], refs: { audit: { type: 'tag', at: 2 } } }).ids, [1, 3])
  })
  test('a branch keeps its own, by its own measures', () => {
    const others = [
      [11, 1, 25],
      [12, 11, 24],
      [13, 12, 23],
    ] as const
    const branch = (more: object) => ({ trial: { type: 'branch', at: 13, ...more } }) as const
    assert.deepEqual(expired({ ages: [30, 1], others, refs: branch({}) }).ids, [1, 11, 12])
    assert.deepEqual(expired({ ages: [30, 1], others, refs: branch({ 'min-snapshots-to-keep': 2 }) }).ids, [1, 11])
    assert.deepEqual(
      expired({ ages: [30, 1], others, refs: branch({ 'max-snapshot-age-ms': 24.5 * day }) }).ids,
      [1, 11],
    )
    assert.deepEqual(expired({ ages: [30, 1], others, refs: branch({ 'max-snapshot-age-ms': 40 * day }) }).ids, [])
  })
  test('a branch without measures is held to the count like main', () => {
    const refs = { trial: { type: 'branch', at: 4 } } as const
    assert.deepEqual(expired({ ages: [5, 4, 3, 2], refs, retention: { maxCount: 2 } }).ids, [1, 2])
  })
  test('a tag or branch past its own age goes, with what only it kept', () => {
    const refs = {
      old: { type: 'tag', at: 1, 'max-ref-age-ms': 5 * day },
      young: { type: 'tag', at: 2, 'max-ref-age-ms': 50 * day },
    } as const
    assert.deepEqual(expired({ ages: [30, 20, 10, 1], refs }), { ids: [1, 3], refs: ['old'] })
  })
  test('main never goes, whatever its age says', () => {
    const refs = { main: { type: 'branch', at: 2, 'max-ref-age-ms': 1 } } as const
    assert.deepEqual(expired({ ages: [30, 20], refs }), { ids: [1], refs: [] })
  })
  test('what is on no branch stays while it is young', () => {
    const others = [
      [11, 1, 8],
      [12, 1, 6],
    ] as const
    assert.deepEqual(expired({ ages: [3, 2], others, retention: { maxCount: 1 } }).ids, [1, 11])
  })
})
