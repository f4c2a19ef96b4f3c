/** The pure decisions of the protocol, by property: what a commit says, what a head means for a batch, what may halt. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HaltError } from '../../../runtime/commit/halt.ts'
import type { Intent, RawKeys } from '../../../runtime/commit/keys.ts'
import { auditReadings, newPartitions, nextRawKeys, type Readings, standing } from '../../../runtime/commit/plan.ts'
import fc from '../../properties.ts'

const key = fc.constantFrom('t:0', 't:1', 'u:0')
const offsets = fc.dictionary(key, fc.nat(6), { minKeys: 1 }).map(entries => new Map(Object.entries(entries)))
const ranges = fc
  .dictionary(key, fc.tuple(fc.nat(6), fc.nat(3)), { minKeys: 1 })
  .map(entries => new Map(Object.entries(entries).map(([at, [start, n]]) => [at, { start, end: start + n }])))
const intent = (seq: number): Intent => ({ seq, ranges: new Map(), manifest: `m${seq}`, length: 1, count: 1 })
const keysOf = (partial: Partial<RawKeys>): RawKeys => ({
  seq: 9,
  offsets: new Map(),
  pending: [],
  group: 'g',
  last: new Map(),
  errorsAckedSeq: 0,
  commitId: 'c',
  errorsUuid: 'u',
  ...partial,
})

suite('where a batch stands', () => {
  test('at its start only if every partition is exactly there', () => {
    fc.assert(
      fc.property(ranges, offsets, (batch, head) => {
        const exactly = [...batch].every(([at, { start }]) => head.get(at) === start)
        assert.equal(standing(batch, head) === 'at-start', exactly)
      }),
    )
  })

  test('durable only if every partition is at its end or beyond', () => {
    fc.assert(
      fc.property(ranges, offsets, (batch, head) => {
        const through = [...batch].every(([at, { end }]) => (head.get(at) ?? -1) >= end)
        if (standing(batch, head) === 'durable') assert.ok(through)
        else if (through) assert.equal(standing(batch, head), 'at-start')
      }),
    )
  })

  test('a batch of which one part is durable and one is not contradicts the head', () => {
    const batch = new Map([
      ['t:0', { start: 0, end: 2 }],
      ['t:1', { start: 0, end: 2 }],
    ])
    const head = (a: number, b: number) =>
      new Map([
        ['t:0', a],
        ['t:1', b],
      ])
    for (const [a, b] of [
      [2, 0],
      [1, 1],
      [0, 1],
    ])
      assert.equal(standing(batch, head(a!, b!)), 'mixed')
    assert.equal(standing(batch, new Map([['t:0', 0]])), 'mixed')
  })
})

suite('the keys of the next commit', () => {
  const request = {
    ranges: new Map([['t:0', { start: 3, end: 5 }]]),
    last: new Map(),
    commitId: 'd',
    intent: undefined,
  }

  test('count on, keep the offsets of other partitions, and take the ends of the batch', () => {
    fc.assert(
      fc.property(offsets, ranges, (head, batch) => {
        const next = nextRawKeys(keysOf({ offsets: head }), { ...request, ranges: batch }, 0)
        assert.equal(next.seq, 10)
        for (const [at, offset] of head) if (!batch.has(at)) assert.equal(next.offsets.get(at), offset)
        for (const [at, { end }] of batch) assert.equal(next.offsets.get(at), end)
        assert.equal(next.offsets.size, new Set([...head.keys(), ...batch.keys()]).size)
      }),
    )
  })

  test('keep every intent that errors has not applied, drop the others and say how far', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 })), fc.nat(9), fc.nat(9), (seqs, applied, acked) => {
        const pending = seqs.sort((a, b) => a - b).map(intent)
        const own = { manifest: 'own', length: 1, count: 1 }
        const next = nextRawKeys(keysOf({ pending, errorsAckedSeq: acked }), { ...request, intent: own }, applied)
        assert.deepEqual(
          next.pending.map(({ seq }) => seq),
          [...seqs.filter(seq => seq > applied), 10],
        )
        assert.deepEqual(next.pending.at(-1), { ...own, seq: 10, ranges: request.ranges })
        assert.equal(next.errorsAckedSeq, Math.max(acked, ...seqs.filter(seq => seq <= applied)))
      }),
    )
  })

  test('keep the last record of partitions that the batch does not touch', () => {
    const mark = (offset: number) => ({ offset, timestampMs: 1, crc32c: 1 })
    const last = new Map([
      ['t:0', mark(2)],
      ['t:1', mark(7)],
    ])
    const next = nextRawKeys(keysOf({ last }), { ...request, last: new Map([['t:0', mark(4)]]) }, 0)
    assert.deepEqual([...next.last.values()].map(it => it.offset).sort(), [4, 7])
  })

  test('refuse a range that goes backwards', () => {
    const backwards = new Map([['t:0', { start: 5, end: 4 }]])
    assert.throws(() => nextRawKeys(keysOf({}), { ...request, ranges: backwards }, 0), /t:0 ends before it starts/)
  })
})

suite('an audit', () => {
  const healthy: Readings = {
    committed: new Map([['t:0', 5]]),
    low: new Map([['t:0', 0]]),
    firstApplied: 3,
    raw: { seq: 3, offsets: new Map([['t:0', 5]]), errorsAckedSeq: 3 },
    secondApplied: 3,
    high: new Map([['t:0', 5]]),
  }
  const codeOf = (change: Partial<Readings>, onGap: 'Halt' | 'RecordAndContinue' = 'Halt') => {
    try {
      return [...auditReadings({ ...healthy, ...change }, onGap)]
    } catch (error) {
      assert.ok(error instanceof HaltError)
      return error.code
    }
  }

  test('goes on where every number is at its limit', () => assert.deepEqual(codeOf({}), []))

  test('halts one beyond each limit', () => {
    assert.equal(codeOf({ firstApplied: 4 }), 'RawRolledBack')
    assert.equal(codeOf({ secondApplied: 2 }), 'ErrorsRolledBack')
    assert.equal(codeOf({ high: new Map([['t:0', 4]]) }), 'TopicRecreated')
    assert.equal(codeOf({ low: new Map([['t:0', 6]]), high: new Map([['t:0', 6]]) }), 'OffsetGap')
    assert.equal(codeOf({ committed: new Map([['t:0', 6]]) }), 'CommittedAhead')
  })

  test('takes a gap under RecordAndContinue, and a committed offset no further than its end', () => {
    const gap = { low: new Map([['t:0', 8]]), high: new Map([['t:0', 9]]) }
    assert.deepEqual(codeOf(gap, 'RecordAndContinue'), [['t:0', { start: 5, end: 8 }]])
    const until = (offset: number) => codeOf({ ...gap, committed: new Map([['t:0', offset]]) }, 'RecordAndContinue')
    assert.deepEqual(until(8), [['t:0', { start: 5, end: 8 }]])
    assert.equal(until(9), 'CommittedAhead')
  })

  test('has nothing to say of a partition without a committed offset, or one that the table does not know', () => {
    assert.deepEqual(codeOf({ committed: new Map() }), [])
    assert.deepEqual(codeOf({ low: new Map([['t:9', 7]]), high: new Map([['t:9', 7]]) }), [])
  })
})

suite('new partitions', () => {
  const marks = new Map([
    ['t:0', { low: 1, high: 5 }],
    ['t:1', { low: 2, high: 6 }],
    ['u:0', { low: 3, high: 7 }],
  ])
  const wanted = new Map([
    ['t', [0, 1]],
    ['u', [0]],
  ])

  test('of a known topic start at their low watermark, those of a new one where startFrom says', () => {
    const known = new Map([['t:0', 4]])
    assert.deepEqual(Object.fromEntries(newPartitions(known, wanted, marks, 'latest')), { 't:1': 2, 'u:0': 7 })
    assert.deepEqual(Object.fromEntries(newPartitions(known, wanted, marks, 'earliest')), { 't:1': 2, 'u:0': 3 })
  })

  test('are never given an offset that was not read', () => {
    assert.throws(() => newPartitions(new Map(), wanted, new Map(), 'latest'), /no watermarks for t:0/)
  })
})
