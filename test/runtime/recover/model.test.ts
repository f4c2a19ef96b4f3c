/**
 * Random histories of rollbacks, restored backups, compactions, expiry and pods that die between the two tables, each
 * followed by whatever way out is offered: at the end every sample is in one table once, or the pods are halted. Commit by
 * commit; test/runtime/commit/model.test.ts has ways that race with pods.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HaltError } from '../../../runtime/commit/halt.ts'
import { parseErrorsKeys, parseRawKeys } from '../../../runtime/commit/keys.ts'
import { CatalogError, type TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { Choice } from '../../../runtime/recover/way.ts'
import { isRefusal } from '../../../runtime/recover/way.ts'
import fc from '../../properties.ts'
import { ancestors, errorsTable, headOf, rawTable, tag } from '../commit/lake.ts'
import { never, Scenario } from '../commit/scenario.ts'
import { recoveryOf, restoreBackup } from './recovering.ts'

const long = process.env.HC_TEST_LONG === '1'

type Action =
  | { readonly is: 'consume' | 'announce'; readonly values: readonly ('good' | 'bad')[]; readonly partition: number }
  | {
      readonly is: 'rollback' | 'backup' | 'compact' | 'expire'
      readonly table: 'raw' | 'errors'
      readonly steps: number
    }
  | { readonly is: 'recover'; readonly pick: number }

const table = fc.constantFrom('raw' as const, 'errors' as const)
const values = fc.array(fc.constantFrom('good' as const, 'bad' as const), { minLength: 1, maxLength: 3 })
const partition = fc.nat(1)
const actions: fc.Arbitrary<readonly Action[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ is: fc.constant('consume' as const), values, partition }) },
    { weight: 2, arbitrary: fc.record({ is: fc.constant('announce' as const), values, partition }) },
    {
      weight: 4,
      arbitrary: fc.record({
        is: fc.constantFrom(
          'rollback' as const,
          'rollback' as const,
          'backup' as const,
          'compact' as const,
          'expire' as const,
        ),
        table,
        steps: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ is: fc.constant('recover' as const), pick: fc.nat(10) }) },
  ),
  { minLength: 4, maxLength: 24 },
)

class History {
  readonly scenario = new Scenario(2)
  readonly log: string[] = []
  private ids = 0

  private produce(values: readonly string[], partition: number): void {
    this.scenario.produce(
      `health:${partition}`,
      ...values.map(value => `${value === 'bad' ? 'bad-' : 's'}${this.ids++}`),
    )
  }

  private async isSound(): Promise<boolean> {
    return (await this.offers()).length === 0
  }

  async play(action: Action): Promise<void> {
    this.log.push(JSON.stringify(action))
    const { lake } = this.scenario
    switch (action.is) {
      case 'consume':
        this.produce(action.values, action.partition)
        return this.haltsOr(() => this.scenario.pod().consume())
      case 'announce':
        this.produce(action.values, action.partition)
        return this.haltsOr(() => this.announce())
      case 'recover':
        return this.recover(action.pick)
      case 'compact':
        // An engine that compacts an older branch only adds to what a rollback must tell.
        return void (await lake.compact(idOf(action.table)))
      case 'expire':
        if (await this.isSound()) await lake.expire(idOf(action.table))
        return
      case 'rollback':
        return this.setBack(idOf(action.table), action.steps)
      case 'backup':
        return this.setBack(idOf(action.table), action.steps, true)
    }
  }

  private async haltsOr(work: () => Promise<unknown>): Promise<void> {
    await work().catch(error => {
      if (!(error instanceof HaltError)) throw error
      this.log.push(error.code)
    })
  }

  /** Raw is committed; the errors table is away, so that its rows only wait. */
  private async announce(): Promise<void> {
    const pod = this.scenario.pod()
    const batch = await this.scenario.batch(await pod.assign())
    for (let i = 0; i < 4; i++)
      pod.before('commit errors', async () => {
        throw new CatalogError('UNAVAILABLE', '503')
      })
    await pod.commit(batch)
  }

  private async setBack(id: TableIdentifier, steps: number, asBackup = false): Promise<void> {
    const { lake } = this.scenario
    const table = await lake.catalog.loadTable(id)
    const head = table && headOf(table)
    if (table === undefined || head === undefined) return
    const path = ancestors(table, head)
    const isOurs = (summary: Readonly<Record<string, string>>) =>
      (id === rawTable ? parseRawKeys(summary) : parseErrorsKeys(summary)) !== undefined
    // Before our first snapshot there is nothing that a pod, or recovery, could know.
    if (!path.slice(steps).some(({ summary }) => isOurs(summary))) return
    if (!asBackup) return lake.setMain(id, path[steps]!['snapshot-id'])
    // A backup of a table that is in order already.
    if (table.refs[tag]?.['snapshot-id'] !== path.find(({ summary }) => isOurs(summary))!['snapshot-id']) return
    if (isOurs(path[steps]!.summary)) await restoreBackup(lake, id, steps)
  }

  private offers = () => recoveryOf(this.scenario).offers()

  /** Goes ways until none is offered; false where all that are left are refused. */
  async recover(pick: number): Promise<void> {
    for (let i = 0; i < 12; i++) {
      const offers = await this.offers()
      this.log.push(
        offers.map(offer => (isRefusal(offer) ? `(${offer.flag}: ${offer.refused})` : offer.flag)).join(', '),
      )
      const choices = offers.flatMap(offer => (isRefusal(offer) ? [] : (choicesByFlag[offer.flag] ?? [])))
      if (choices.length === 0) return
      await recoveryOf(this.scenario).go(choices[(pick + i) % choices.length]!, never)
    }
    assert.fail('ways without end')
  }

  async end(pick: number): Promise<'exact' | 'halted'> {
    await this.recover(pick)
    const offers = await this.offers()
    this.produce(['good', 'bad'], 0)
    if (offers.length > 0) {
      await assert.rejects(this.scenario.pod().consume(), HaltError)
      return 'halted'
    }
    await this.scenario.pod().consume()
    await this.scenario.assertExactlyOnce()
    return 'exact'
  }
}

const idOf = (table: 'raw' | 'errors'): TableIdentifier => (table === 'raw' ? rawTable : errorsTable)

const choicesByFlag: Readonly<Record<string, Choice>> = {
  '--undo raw': { way: 'undo', table: 'raw' },
  '--undo errors': { way: 'undo', table: 'errors' },
  '--accept-rollback raw': { way: 'accept-rollback', table: 'raw' },
  '--accept-rollback errors': { way: 'accept-rollback', table: 'errors' },
  '--accept-committed': { way: 'accept-committed' },
}

test('after any history and any ways out every sample is there once, or the pods are halted', async t => {
  const ends = { exact: 0, halted: 0 }
  await fc.assert(
    fc.asyncProperty(actions, fc.nat(10), async (played, pick) => {
      const history = new History()
      try {
        for (const action of played) await history.play(action)
        ends[await history.end(pick)]++
      } catch (error) {
        throw new Error(history.log.join('\n'), { cause: error })
      }
    }),
    { numRuns: long ? 3000 : 80, endOnFailure: false },
  )
  t.diagnostic(`histories that ended exact: ${ends.exact}, halted: ${ends.halted}`)
  assert.ok(ends.exact > 10 * ends.halted, 'a halt that no way ends is rare')
})
