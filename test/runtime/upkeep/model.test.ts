/**
 * Random histories of the two tables, with upkeep between, beside and across them: pods that commit and fall behind,
 * compaction, tags and branches of others, waste, time; upkeep that crashes at any of its port calls, loses answers, or
 * is overtaken by others at any of them. Whatever happens, all that is retained stays whole, nothing is lost or doubled,
 * and once everything is quiet no waste is left.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpkeepStep } from '../../../runtime/contract/upkeep.ts'
import fc from '../../properties.ts'
import { ancestors, errorsTable, headOf, rawTable } from '../commit/lake.ts'
import { day, hour, lostAnswer, never, settings, UpkeepWorld } from './world.ts'

interface Disturbance {
  /** Number of the port call at which it happens. */
  readonly call: number
  readonly how: 'crash' | 'lose' | 'commit' | 'compact' | 'tag'
}

type Event =
  | { readonly what: 'commit'; readonly valid: number; readonly invalid: number; readonly lagging: boolean }
  | { readonly what: 'compact' | 'audit' | 'waste'; readonly errors: boolean }
  | { readonly what: 'tag' | 'branch' | 'untag'; readonly errors: boolean; readonly back: number }
  | { readonly what: 'pass'; readonly hours: number }
  | {
      readonly what: 'upkeep'
      readonly steps: readonly UpkeepStep[]
      readonly maxCount: number
      readonly disturbance: Disturbance | undefined
    }

const back = fc.nat({ max: 6 })
const errors = fc.boolean()
const disturbance: fc.Arbitrary<Disturbance> = fc.record({
  call: fc.nat({ max: 60 }),
  how: fc.constantFrom('crash', 'lose', 'commit', 'compact', 'tag'),
})
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('commit' as const),
      valid: fc.nat({ max: 2 }),
      invalid: fc.nat({ max: 2 }),
      lagging: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('compact' as const, 'audit', 'waste'), errors }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('tag' as const, 'branch', 'untag'), errors, back }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 100 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('upkeep' as const),
      steps: fc.constantFrom<readonly UpkeepStep[]>(['expiry'], ['orphans'], ['expiry', 'orphans']),
      maxCount: fc.integer({ min: 1, max: 4 }),
      disturbance: fc.option(disturbance, { nil: undefined }),
    }),
  },
)

class Crash extends Error {}

class History {
  readonly world = new UpkeepWorld()
  private names = 0

  private samples(valid: number, invalid: number): string[] {
    const one = (prefix: string) => `${prefix}-${this.names++}`
    return [...Array.from({ length: valid }, () => one('s')), ...Array.from({ length: invalid }, () => one('bad'))]
  }

  async play(it: Event): Promise<void> {
    const { world } = this
    const id = 'errors' in it && it.errors ? errorsTable : rawTable
    switch (it.what) {
      case 'commit':
        return world.commit(this.samples(it.valid, it.invalid), it.lagging)
      case 'compact':
        return void (await world.lake.compact(id))
      case 'audit': {
        const pod = world.scenario.pod()
        return void (await pod.audit(await pod.assign()))
      }
      case 'waste':
        return void (await world.lake.writeFile(`memory:///w/db/${id.name}/data/waste-${this.names++}.parquet`, ['w']))
      case 'pass':
        return world.lake.pass(it.hours * hour)
      case 'tag':
      case 'branch':
      case 'untag':
        return this.setRef(id, it.what, it.back)
      case 'upkeep':
        return this.upkeep(it)
    }
  }

  /** A ref of somebody else, on a snapshot so many back from the head. */
  private async setRef(id: typeof rawTable, what: 'tag' | 'branch' | 'untag', steps: number): Promise<void> {
    const table = await this.world.lake.load(id)
    if (what === 'untag') {
      const [name] = Object.keys(table.refs).filter(it => it.startsWith('theirs-'))
      return name === undefined
        ? undefined
        : this.world.lake.change(id, { action: 'remove-snapshot-ref', 'ref-name': name })
    }
    const head = headOf(table)
    const at = head && ancestors(table, head)[steps]
    if (at) await this.world.setRef(id, `theirs-${this.names++}`, { type: what }, at)
  }

  private async upkeep({ steps, maxCount, disturbance }: Event & { what: 'upkeep' }): Promise<void> {
    let calls = 0
    const isNow = (how: Disturbance['how']) => disturbance?.how === how && calls === disturbance.call
    const faults = {
      before: async () => {
        calls++
        if (isNow('crash')) throw new Crash()
        if (isNow('commit')) await this.world.commit(this.samples(1, 1))
        if (isNow('compact')) await this.world.lake.compact(calls % 2 === 0 ? rawTable : errorsTable)
        if (isNow('tag')) await this.setRef(calls % 2 === 0 ? rawTable : errorsTable, 'tag', calls % 5)
      },
      after: () => (isNow('lose') ? lostAnswer() : undefined),
    }
    const retention = { ...settings.retention, maxCount }
    await this.world
      .upkeep({ retention }, faults)
      .maintain({ steps }, never)
      .catch(error => {
        const { code } = error
        if (!(error instanceof Crash) && code !== 'UNKNOWN_OUTCOME') throw error
      })
  }
}

test('whatever happens beside and within upkeep, nothing that is needed goes, and waste does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 5, maxLength: 20, size: 'max' }),
      fc.boolean(),
      async (events, merges) => {
        const history = new History()
        const { world } = history
        await world.commits(1)
        for (const id of merges ? [rawTable, errorsTable] : []) await world.merging(id)
        for (const it of events) {
          await history.play(it)
          if (it.what === 'upkeep') await world.needed()
        }
        await world.assertIntact()
        // What a crash or a lost race left is waste by then, and there is something young for the storage to tell time by.
        world.lake.pass(9 * day)
        await world.commits(1)
        await world.upkeep().maintain({}, never)
        assert.deepEqual(await world.files(), await world.needed())
        await world.assertIntact()
      },
    ),
    { numRuns: process.env.HC_TEST_LONG === '1' ? 500 : 30 },
  )
})
