/** A short soak; the long one is `npm run soak`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printEntry, printReport } from '../soak/report.ts'
import { runSoak } from '../soak/soak.ts'

test('replicas survive kills, pauses, faults, other engines and a rollback', async t => {
  const told: string[] = []
  const options = { seed: 1, minutes: 0.6, replicas: 3, partitions: 12, interval: '2s', breakages: 1 }
  const report = await runSoak({ ...options, tell: entry => told.push(printEntry(entry)) })
  for (const line of printReport(report).split('\n')) t.diagnostic(line)
  assert.deepEqual(report.problems, [], told.join('\n'))
  assert.equal(report.halts.length, 1)
})
