import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pipelineFacts } from '../../operator/pipelineFacts.ts'
import fc from '../properties.ts'
import { type Told, told } from './consumers.ts'

const at = '2026-01-01T00:00:00.000Z'
const facts = (answers: readonly Told[], asked = answers.length) => pipelineFacts(answers.map(told), asked, at)

test('what the pods tell is added up', () => {
  const { status, answered, asked, idle } = facts([
    { lags: [1, 2], validRows: 70, invalidRows: 30, sequence: 3 },
    { lags: [4], validRows: 1, invalidRows: 0, sequence: 9 },
  ])
  assert.deepEqual(status, {
    partitions: 3,
    throughput: 100,
    lag: 7,
    invalidRatio: 0.297,
    // Of the table's newest sequence, whatever the pods' clocks say.
    lastCommitTime: '2026-01-01T00:00:09.000Z',
    rawSnapshotId: '109',
    errorsSnapshotId: '109',
    observedAt: at,
  })
  assert.deepEqual({ answered, asked, idle }, { answered: 2, asked: 2, idle: 0 })
})

test('unknown is never zero', () => {
  const measured = (answers: readonly Told[], asked?: number) => {
    const { partitions, throughput, lag, invalidRatio } = facts(answers, asked).status
    return { partitions, throughput, lag, invalidRatio }
  }
  const nothing = { partitions: undefined, throughput: undefined, lag: undefined, invalidRatio: undefined }
  assert.deepEqual(measured([], 0), nothing)
  assert.deepEqual(measured([], 2), nothing)
  assert.deepEqual(measured([{}], 2), nothing)
  // A pod without an assignment: some partition may be nobody's at the moment.
  assert.deepEqual(measured([{}, { epoch: 0, lags: [] }]), nothing)
  assert.equal(measured([{ lags: [0, null] }]).lag, undefined)
  assert.equal(measured([{ lags: [] }]).lag, undefined)
  assert.equal(measured([{ validRows: 0 }]).invalidRatio, undefined)
  assert.equal(facts([{ sequence: null }]).status.rawSnapshotId, undefined)
})

test('pods without a partition are counted where the others have some', () => {
  assert.equal(facts([{ lags: [1] }, { lags: [] }, { lags: [] }]).idle, 2)
  assert.equal(facts([{ lags: [] }, { lags: [] }]).idle, 0)
  assert.equal(facts([{ lags: [1] }, { lags: [] }], 3).idle, 0)
})

test('one halt, one trouble is enough', () => {
  const halt = { code: 'OffsetGap', message: 'm', fix: 'f' } as const
  const trouble = { code: 'StorageFull', message: 'm', since: '2025-12-31T23:59:00.000Z' } as const
  assert.equal(facts([{}, { halt }]).halt, halt)
  assert.equal(facts([{}, { trouble }], 5).trouble, trouble)
  assert.equal(facts([{}]).halt, null)
})

test('a trouble that may pass by itself is none yet', () => {
  const since = (time: string) => ({ code: 'BrokersNotReady', message: 'm', since: time }) as const
  const lasting = since('2025-12-31T23:58:59.000Z')
  assert.equal(facts([{ trouble: since('2025-12-31T23:59:01.000Z') }]).trouble, null)
  assert.equal(facts([{ trouble: since('2025-12-31T23:59:01.000Z') }, { trouble: lasting }]).trouble, lasting)
})

test('a lag is told only where every partition of every pod is measured', () => {
  const answer = fc.record({ lags: fc.array(fc.option(fc.nat(), { freq: 4 }), { maxLength: 4 }), epoch: fc.nat(2) })
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 4 }), fc.nat(2), (answers, silent) => {
      const { lag } = facts(answers, answers.length + silent).status
      const lags = answers.flatMap(each => each.lags)
      const known = silent === 0 && lags.length > 0 && !lags.includes(null) && answers.every(({ epoch }) => epoch > 0)
      assert.equal(lag, known ? lags.reduce((sum: number, each) => sum + each!, 0) : undefined)
    }),
  )
})
