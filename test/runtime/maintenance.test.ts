import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HaltError } from '../../runtime/commit/halt.ts'
import type { Logger } from '../../runtime/contract/logger.ts'
import { isKeeper } from '../../runtime/maintenance.ts'
import { createObservers } from '../../runtime/observers.ts'
import { createMetrics } from '../../runtime/telemetry/metrics.ts'

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

test('what upkeep tells is logged as step, table, kind and numbers, and counted', async () => {
  const lines: unknown[] = []
  const log = (message: string, { context }: { context?: object } = {}) => void lines.push([message, context])
  const logger: Logger = {
    ...{ debug: log, info: log, warning: log, error: log, critical: log },
    enabled: () => true,
  }
  const tables = { raw: 'raw', errors: 'errors' }
  const metrics = createMetrics({ version: 'test', tables, dataTypes: [], now: () => 0 })
  const { upkeep } = createObservers({ metrics, logger, tables: { ...tables, namespace: 'db' }, now: () => 0 })
  const item = { step: 'expiry', table: 'db.raw', kind: 'snapshots', count: 3, bytes: null, oldestMs: 5 } as const
  upkeep.done('expiry', { dryRun: false, items: [item], snapshots: {}, left: ['db.errors: gc.enabled is false'] })
  upkeep.failed('orphans', new Error('S3 is away'))
  assert.deepEqual(lines, [
    [
      'Upkeep removed 3 snapshots of db.raw',
      { step: 'expiry', table: 'db.raw', kind: 'snapshots', count: 3, bytes: null },
    ],
    ['Upkeep left something alone: db.errors: gc.enabled is false', { step: 'expiry' }],
    ['Upkeep failed and will be tried again: orphans', { step: 'orphans' }],
  ])
  const text = await metrics.text()
  assert.match(text, /^iceberg_upkeep_runs_total\{step="expiry"\} 1$/m)
  assert.match(text, /^iceberg_upkeep_failures_total\{step="orphans"\} 1$/m)
})
