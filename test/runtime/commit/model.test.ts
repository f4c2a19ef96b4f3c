/**
 * The protocol as a model: the real commit code in a simulated world, driven by random schedules of every outcome that
 * a catalog, a broker and a crash can produce. After each run raw ∪ errors must hold every produced sample once.
 */
import { test } from 'node:test'
import fc from '../../properties.ts'
import { World, type WorldOptions } from './simulation.ts'

const long = process.env.HC_TEST_LONG === '1'

/** Of uniform numbers: what fast-check prefers, few and small ones, is a world in which little happens. */
function tapeOf(seed: number, length: number): number[] {
  let state = seed
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  })
}

function property(name: string, options: WorldOptions, runs: number): void {
  test(name, async () => {
    const schedule = fc.asyncProperty(fc.nat(), fc.integer({ min: 100, max: 3000 }), (start, length) =>
      new World(options, tapeOf(start, length)).run(),
    )
    await fc.assert(schedule, {
      numRuns: long ? runs * 10 : runs,
      endOnFailure: false,
    })
  })
}

property('one pod, one partition', { pods: 1, partitions: 1 }, 60)
property('two pods, two partitions', { pods: 2, partitions: 2 }, 120)
property('three pods, two partitions: one pod is always without work', { pods: 3, partitions: 2 }, 40)
property('rollbacks are ended by going a way out', { pods: 2, partitions: 2, recover: true }, 60)
property('gaps are recorded and passed', { pods: 2, partitions: 2, onGap: 'RecordAndContinue' }, 60)
