import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HaltError } from '../../runtime/commit/halt.ts'
import { isKeeper } from '../../runtime/maintenance.ts'

const holding = (...held: readonly (readonly [string, number])[]) => ({
  halt: null,
  positions: () => held.map(([topic, partition]) => ({ topic, partition, next: 0, highWatermark: null, committed: 0 })),
})

test('the pod that holds partition 0 of the first topic does the upkeep, and no other', () => {
  const topics = ['a', 'b']
  assert.ok(isKeeper(holding(['b', 0], ['a', 0]), topics))
  for (const other of [holding(), holding(['b', 0]), holding(['a', 1], ['a', 10])]) assert.ok(!isKeeper(other, topics))
})

test('nobody does it while a halt holds intake', () => {
  const halted = { ...holding(['a', 0]), halt: new HaltError('OffsetGap', 'a:0') }
  assert.ok(!isKeeper(halted, ['a']))
})
