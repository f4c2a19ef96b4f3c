import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  applyUpdates,
  checkRequirements,
  logPreviousMetadata,
  newTableMetadata,
} from '../../../runtime/iceberg/metadataUpdates.ts'
import type { SnapshotRef, TableMetadata, Update } from '../../../runtime/iceberg/tableMetadata.ts'
import fc from '../../properties.ts'
import { appended, definition, snapshotOf } from './fixtures.ts'

const empty = newTableMetadata(definition, 'file:///w/db/samples', 'uuid-1', 1000)
const first = applyUpdates(empty, appended(snapshotOf(1, 11n, 1000)), 1000)
const second = applyUpdates(first, appended(snapshotOf(2, 12n, 2000)), 2000)
const tag = (name: string, id: bigint): Update => ({
  action: 'set-snapshot-ref',
  'ref-name': name,
  type: 'tag',
  'snapshot-id': id,
})
const conflict = (message: RegExp) => ({ code: 'CONFLICT', message })

test('a new table knows its last ids, map keys and values included', () => {
  assert.equal(empty['last-column-id'], 5)
  assert.equal(empty['last-partition-id'], 1001)
  assert.equal(
    newTableMetadata({ ...definition, spec: { 'spec-id': 0, fields: [] } }, 'l', 'u', 1)['last-partition-id'],
    999,
  )
})

test('an append moves main, its log and the sequence number', () => {
  assert.equal(second['current-snapshot-id'], 12n)
  assert.equal(second.refs.main?.['snapshot-id'], 12n)
  assert.equal(second['last-sequence-number'], 2)
  assert.deepEqual(second['snapshot-log'], [
    { 'timestamp-ms': 1000, 'snapshot-id': 11n },
    { 'timestamp-ms': 2000, 'snapshot-id': 12n },
  ])
})

test('requirements hold or name what differs', () => {
  checkRequirements(second, [
    { type: 'assert-table-uuid', uuid: 'uuid-1' },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 12n },
    { type: 'assert-ref-snapshot-id', ref: 'constructor', 'snapshot-id': null },
  ])
  const ref = (name: string, id: bigint | null) => () =>
    checkRequirements(second, [{ type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': id }])
  assert.throws(
    () => checkRequirements(second, [{ type: 'assert-table-uuid', uuid: 'other' }]),
    conflict(/uuid-1.*other/),
  )
  assert.throws(ref('main', 11n), conflict(/'main' is 12, required 11/))
  assert.throws(ref('main', null), conflict(/'main' is 12, required absent/))
  assert.throws(ref('hc-g', 11n), conflict(/'hc-g' is absent, required 11/))
})

test('a snapshot that does not follow the newest is refused', () => {
  const add = (sequence: number, id: bigint, timestampMs: number) => () =>
    applyUpdates(second, [{ action: 'add-snapshot', snapshot: snapshotOf(sequence, id, timestampMs) }], 9000)
  assert.throws(add(3, 11n, 3000), conflict(/11 is already in the table/))
  assert.throws(add(2, 13n, 3000), conflict(/is 2, required 3/))
  assert.throws(add(4, 13n, 3000), conflict(/is 4, required 3/))
  assert.throws(add(3, 13n, 1999), conflict(/before the table's 2000/))
  assert.equal(add(3, 13n, 2000)()['last-sequence-number'], 3)
})

test('a ref names a snapshot of the table, and main is a branch', () => {
  assert.throws(() => applyUpdates(second, [tag('t', 99n)], 1), conflict(/99, which is not in the table/))
  assert.throws(() => applyUpdates(second, [tag('main', 12n)], 1), conflict(/must be a branch/))
})

test("a tag keeps its maximum age and leaves main and main's log alone", () => {
  const ref: SnapshotRef = { type: 'tag', 'snapshot-id': 11n, 'max-ref-age-ms': 2n ** 63n - 1n }
  const tagged = applyUpdates(second, [{ action: 'set-snapshot-ref', 'ref-name': 'hc-g', ...ref }], 5)
  assert.deepEqual(tagged.refs['hc-g'], ref)
  assert.equal(tagged['current-snapshot-id'], 12n)
  assert.deepEqual(tagged['snapshot-log'], second['snapshot-log'])
})

test('a return of main to an older snapshot is logged at the time of the return', () => {
  const back = applyUpdates(
    second,
    [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 11n }],
    7000,
  )
  assert.equal(back['current-snapshot-id'], 11n)
  assert.deepEqual(back['snapshot-log'].at(-1), { 'timestamp-ms': 7000, 'snapshot-id': 11n })
})

test('removal takes the log before it and statistics along, and never a snapshot that a ref names', () => {
  const statistics = [{ 'snapshot-id': 11n }, { 'snapshot-id': 12n }]
  const removed = applyUpdates({ ...second, statistics }, [{ action: 'remove-snapshots', 'snapshot-ids': [11n] }], 3000)
  assert.deepEqual(
    removed.snapshots.map(snapshot => snapshot['snapshot-id']),
    [12n],
  )
  assert.deepEqual(removed['snapshot-log'], [{ 'timestamp-ms': 2000, 'snapshot-id': 12n }])
  assert.deepEqual(removed.statistics, [{ 'snapshot-id': 12n }])
  const tagged = applyUpdates(second, [tag('hc-g', 11n)], 1)
  assert.throws(
    () => applyUpdates(tagged, [{ action: 'remove-snapshots', 'snapshot-ids': [11n] }], 1),
    conflict(/ref 'hc-g' names it/),
  )
})

test('a ref is removed, and its snapshot can be removed with it; main cannot', () => {
  const tagged = applyUpdates(second, [tag('old', 11n)], 3000)
  const remove: Update = { action: 'remove-snapshots', 'snapshot-ids': [11n] }
  assert.throws(() => applyUpdates(tagged, [remove], 4000), conflict(/ref 'old' names it/))
  const without = applyUpdates(tagged, [{ action: 'remove-snapshot-ref', 'ref-name': 'old' }, remove], 4000)
  assert.deepEqual([Object.keys(without.refs), without.snapshots.length], [['main'], 1])
  assert.throws(
    () => applyUpdates(second, [{ action: 'remove-snapshot-ref', 'ref-name': 'main' }], 4000),
    conflict(/it must stay/),
  )
})

test('history before a removed snapshot is no history any more', () => {
  const third = applyUpdates(second, appended(snapshotOf(3, 13n, 3000)), 3000)
  const removed = applyUpdates(third, [{ action: 'remove-snapshots', 'snapshot-ids': [12n] }], 3000)
  assert.deepEqual(removed['snapshot-log'], [{ 'timestamp-ms': 3000, 'snapshot-id': 13n }])
})

test('the table time never goes back, whatever the clock says', () => {
  assert.equal(applyUpdates(second, [{ action: 'set-properties', updates: { a: 'b' } }], 5)['last-updated-ms'], 2000)
  assert.equal(applyUpdates(second, appended(snapshotOf(3, 13n, 9000)), 5)['last-updated-ms'], 9000)
})

test('the metadata log keeps the newest files up to its limit', () => {
  const logged = (properties: Record<string, string>, commits: number): readonly string[] => {
    let table: TableMetadata = { ...empty, properties }
    for (let commit = 1; commit <= commits; commit++) table = logPreviousMetadata(table, table, `v${commit}`)
    return table['metadata-log'].map(entry => entry['metadata-file'])
  }
  assert.deepEqual(logged({ 'write.metadata.previous-versions-max': '2' }, 4), ['v3', 'v4'])
  assert.equal(logged({}, 150).length, 100)
  assert.equal(logged({ 'write.metadata.previous-versions-max': 'many' }, 150).length, 100)
})

test('no update touches a field nobody here knows, or the metadata it was given', () => {
  const update: fc.Arbitrary<Update> = fc.oneof(
    fc.dictionary(fc.string(), fc.string()).map(updates => ({ action: 'set-properties' as const, updates })),
    fc.string().map(name => tag(`hc-${name}`, 12n)),
    fc.constant<Update>({ action: 'remove-snapshots', 'snapshot-ids': [11n] }),
    fc.constant<Update>({ action: 'add-snapshot', snapshot: snapshotOf(3, 13n, 3000) }),
  )
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().map(name => `x-${name}`),
        fc.jsonValue(),
      ),
      fc.uniqueArray(update, { selector: item => item.action }),
      (unknown, updates) => {
        const before = { ...second, ...unknown }
        const copy = structuredClone(before)
        const after: Record<string, unknown> = applyUpdates(before, updates, 9000)
        for (const [name, value] of Object.entries(unknown)) assert.deepEqual(after[name], value)
        assert.deepEqual(before, copy)
      },
    ),
  )
})
