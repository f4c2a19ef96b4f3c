/** What every catalog does alike: the tests of the port, for whichever implementation. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Catalog, CatalogError } from '../../../runtime/iceberg/catalog.ts'
import type { TableMetadata } from '../../../runtime/iceberg/tableMetadata.ts'
import { commitSnapshot, definition, head, identifier, snapshotOf } from './fixtures.ts'

const current = async (catalog: Catalog): Promise<TableMetadata> => {
  const table = await catalog.loadTable(identifier)
  assert.ok(table !== undefined)
  return table
}

/** The contract of the port. `fresh` gives catalogs over one new and empty warehouse. */
export function catalogContract(name: string, fresh: () => Promise<() => Catalog>): void {
  describe(`${name} catalog`, () => {
    test('a table is created once and loaded as it was created', async () => {
      const catalog = (await fresh())()
      await catalog.ensureNamespace(identifier.namespace)
      await catalog.ensureNamespace(identifier.namespace)
      assert.equal(await catalog.loadTable(identifier), undefined)
      const created = await catalog.createTable(identifier, definition)
      assert.match(created.location, /\/db\/samples$/)
      assert.deepEqual(await catalog.loadTable(identifier), created)
      assert.equal(head(created), undefined)
      await assert.rejects(catalog.createTable(identifier, definition), {
        name: 'CatalogError',
        code: 'ALREADY_EXISTS',
      })
      assert.equal(await catalog.loadTable({ ...identifier, name: 'other' }), undefined)
    })

    test('of creations that race exactly one wins', async () => {
      const open = await fresh()
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => open().createTable(identifier, definition)),
      )
      const created = outcomes.filter(outcome => outcome.status === 'fulfilled')
      assert.equal(created.length, 1)
      assert.equal((await current(open()))['table-uuid'], created[0]!.value['table-uuid'])
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'ALREADY_EXISTS')
    })

    test('a commit to no table is NOT_FOUND', async () => {
      await assert.rejects((await fresh())().commitTable(identifier, [], []), { code: 'NOT_FOUND' })
    })

    test('a commit is seen by the next load, exactly', async () => {
      const open = await fresh()
      const created = await open().createTable(identifier, definition)
      const id = 2n ** 63n - 1n
      const committed = await commitSnapshot(open(), created, snapshotOf(1, id, created['last-updated-ms']))
      assert.deepEqual(await current(open()), committed)
      assert.equal(head(committed)?.['snapshot-id'], id)
    })

    test('a requirement that does not hold changes nothing', async () => {
      const catalog = (await fresh())()
      const created = await catalog.createTable(identifier, definition)
      const updates = [{ action: 'set-properties', updates: { a: 'b' } }] as const
      const requirements = [
        { type: 'assert-table-uuid', uuid: 'other' },
        { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 5n },
      ] as const
      for (const requirement of requirements)
        await assert.rejects(catalog.commitTable(identifier, [requirement], updates), { code: 'CONFLICT' })
      assert.deepEqual(await catalog.loadTable(identifier), created)
    })

    test('of commits that race on one head exactly one wins, over and over', async () => {
      const open = await fresh()
      await open().createTable(identifier, definition)
      for (let round = 1; round <= 5; round++) {
        const base = await current(open())
        const writers = Array.from({ length: 6 }, (_, writer) =>
          commitSnapshot(open(), base, snapshotOf(round, BigInt(round * 100 + writer), base['last-updated-ms'])),
        )
        const outcomes = await Promise.allSettled(writers)
        const won = outcomes.filter(outcome => outcome.status === 'fulfilled').map(outcome => head(outcome.value))
        assert.equal(won.length, 1)
        assert.deepEqual(head(await current(open())), won[0])
        for (const outcome of outcomes)
          if (outcome.status === 'rejected')
            assert.ok(outcome.reason instanceof CatalogError && outcome.reason.code === 'CONFLICT')
      }
      assert.equal((await current(open())).snapshots.length, 5)
    })

    test('commits without requirements that race lose no update: who fails may try again', async () => {
      const open = await fresh()
      await open().createTable(identifier, definition)
      const set = async (name: string): Promise<void> => {
        const catalog = open()
        for (;;) {
          try {
            await catalog.commitTable(identifier, [], [{ action: 'set-properties', updates: { [name]: name } }])
            return
          } catch (error) {
            assert.ok(error instanceof CatalogError && error.code === 'CONFLICT', String(error))
          }
        }
      }
      const names = Array.from({ length: 8 }, (_, writer) => `writer-${writer}`)
      await Promise.all(names.map(set))
      const { properties } = await current(open())
      for (const name of names) assert.equal(properties[name], name)
    })
  })
}
