/**
 * Tables that were set back: which ways there are, that a rehearsal writes nothing, and that after each way every sample
 * is in one table once, or exactly what the way said is not.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CatalogError } from '../../../runtime/iceberg/catalog.ts'
import { RecoverError } from '../../../runtime/recover/recover.ts'
import { errorsTable, headOf, rawTable, tag } from '../commit/lake.ts'
import { never, Scenario } from '../commit/scenario.ts'
import { flags, go, recoveryOf, replaceTable, restoreBackup, rollBack } from './recovering.ts'

async function consumed(...rounds: string[][]): Promise<Scenario> {
  const scenario = new Scenario()
  for (const values of rounds) {
    scenario.produce('health:0', ...values)
    await scenario.pod().consume()
  }
  return scenario
}

/** A pod goes on, and everything that was produced is there once. */
async function goesOn(scenario: Scenario): Promise<void> {
  scenario.produce('health:0', 'later', 'bad-later')
  await scenario.pod().consume()
  await scenario.assertExactlyOnce()
  assert.deepEqual(await flags(recoveryOf(scenario)), [])
}

const rounds = [['a', 'bad-1'], ['b', 'bad-2'], ['c'], ['d', 'bad-3', 'bad-4']]

suite('main of raw was set back', () => {
  test('both ways are offered, with what they cost', async () => {
    const scenario = await consumed(...rounds)
    await rollBack(scenario.lake, rawTable, 2)
    await scenario.pod().halts('LineageBroken')
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--undo raw', '--accept-rollback raw'])
    const [undo, accept] = await recovery.offers()
    assert.ok(undo && accept && 'loses' in undo && 'loses' in accept)
    assert.deepEqual([undo.loses, undo.doubles], [[], []])
    assert.match(accept.loses.join('\n'), /rows of health:0 offsets 4 to 7 .*2 snapshots.*2 rows in all\): read again/)
    assert.deepEqual(accept.doubles, [])
  })

  test('--undo raw', async () => {
    const scenario = await consumed(...rounds)
    const head = headOf(await scenario.lake.load(rawTable))
    await rollBack(scenario.lake, rawTable, 2)
    const { steps } = await go(scenario, recoveryOf(scenario), { way: 'undo', table: 'raw' })
    assert.equal(steps.length, 1)
    const table = await scenario.lake.load(rawTable)
    assert.equal(headOf(table)!['snapshot-id'], head!['snapshot-id'])
    assert.equal(table.properties['hc.recovered'], '--undo raw')
    await goesOn(scenario)
  })

  test('--undo raw goes back to the compaction that was on top of our snapshot', async () => {
    const scenario = await consumed(...rounds)
    await scenario.lake.compact(rawTable)
    const head = headOf(await scenario.lake.load(rawTable))
    await rollBack(scenario.lake, rawTable, 3)
    await go(scenario, recoveryOf(scenario), { way: 'undo', table: 'raw' })
    assert.equal(headOf(await scenario.lake.load(rawTable))!['snapshot-id'], head!['snapshot-id'])
    await goesOn(scenario)
  })

  for (const back of [1, 2, 3, 4])
    test(`--accept-rollback raw, by ${back} commits`, async () => {
      const scenario = await consumed(...rounds)
      await rollBack(scenario.lake, rawTable, back)
      const pod = scenario.pod()
      await pod.halts('LineageBroken')
      const { steps } = await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
      assert.deepEqual(
        steps.map(({ table }) => table),
        ['db.errors', 'db.raw'],
      )
      assert.equal(steps[1]!.summary['hc.recovered'], '--accept-rollback raw')
      // The pod that halted goes on, though the group has committed what lies ahead.
      await pod.consume()
      await goesOn(scenario)
    })

  test('--accept-rollback raw while error rows of the kept commits wait for the errors table', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    const pod = scenario.pod()
    for (const id of ['bad-2', 'bad-3', 'bad-4']) {
      scenario.produce('health:0', id)
      const batch = await scenario.batch(new Map([['health:0', (await scenario.rawKeys()).offsets.get('health:0')!]]))
      for (let i = 0; i < 4; i++)
        pod.before('commit errors', async () => {
          throw new CatalogError('UNAVAILABLE', '503')
        })
      await pod.commit(batch)
    }
    await rollBack(scenario.lake, rawTable, 1)
    const { steps } = await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
    assert.deepEqual(
      steps.map(({ table }) => table),
      ['db.errors', 'db.errors', 'db.raw'],
    )
    await goesOn(scenario)
  })

  test('a pod that still holds a lost commit applies nothing of it afterwards', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    scenario.produce('health:0', 'bad-2')
    const slow = scenario.pod()
    const batch = await scenario.batch(await slow.assign())
    // It has committed raw, and sleeps before it looks at errors.
    slow.after('commit raw', async () => {
      await rollBack(scenario.lake, rawTable, 1)
      await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
    })
    await slow.commit(batch).catch(() => undefined)
    await goesOn(scenario)
  })

  test('--accept-rollback raw again and again, to the same snapshot too', async () => {
    const scenario = await consumed(...rounds)
    for (let i = 0; i < 3; i++) {
      await rollBack(scenario.lake, rawTable, i === 1 ? 1 : 2)
      await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
      if (i === 0) continue
      scenario.produce('health:0', `bad-again-${i}`, `x${i}`)
      await scenario.pod().consume()
    }
    await goesOn(scenario)
  })

  test('a recovery that died after errors was cut is taken up, and raw cannot be put back past it', async () => {
    const scenario = await consumed(...rounds)
    await rollBack(scenario.lake, rawTable, 2)
    const { commitTable } = scenario.lake.catalog
    Object.assign(scenario.lake.catalog, {
      commitTable: async (...args: Parameters<typeof commitTable>) => {
        if (args[0].name === 'raw') throw new Error('killed')
        return commitTable(...args)
      },
    })
    await assert.rejects(recoveryOf(scenario).go({ way: 'accept-rollback', table: 'raw' }, never), /killed/)
    Object.assign(scenario.lake.catalog, { commitTable })
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['(--undo raw)', '--accept-rollback raw'])
    // A person puts raw back by hand all the same: that is a halt, and no way doubles or loses the rows that were cut.
    const table = await scenario.lake.load(rawTable)
    const [cutFor, tagged] = [headOf(table)!['snapshot-id'], table.refs[tag]!['snapshot-id']]
    await scenario.lake.setMain(rawTable, tagged)
    await scenario.pod().halts('RawRolledBack')
    await assert.rejects(
      recovery.go({ way: 'accept-rollback', table: 'raw' }, never),
      new RegExp(`set main of db.raw to ${cutFor} again`),
    )
    await scenario.lake.setMain(rawTable, cutFor)
    await go(scenario, recovery, { way: 'accept-rollback', table: 'raw' })
    await goesOn(scenario)
  })

  test('a cut that errors lost again, before raw was put back, does not come back either', async () => {
    const scenario = await consumed(...rounds)
    await rollBack(scenario.lake, rawTable, 2)
    const { commitTable } = scenario.lake.catalog
    Object.assign(scenario.lake.catalog, {
      commitTable: async (...args: Parameters<typeof commitTable>) => {
        if (args[0].name === 'raw') throw new Error('killed')
        return commitTable(...args)
      },
    })
    await assert.rejects(recoveryOf(scenario).go({ way: 'accept-rollback', table: 'raw' }, never), /killed/)
    Object.assign(scenario.lake.catalog, { commitTable })
    await rollBack(scenario.lake, errorsTable, 1)
    const recovery = recoveryOf(scenario)
    await go(scenario, recovery, { way: 'undo', table: 'raw' })
    assert.deepEqual(await flags(recovery), ['(--undo errors)', '--accept-rollback errors'])
    await go(scenario, recovery, { way: 'accept-rollback', table: 'errors' })
    await goesOn(scenario)
  })

  test('an answer that is lost, and commits that lose a race, are settled by looking again', async () => {
    const scenario = await consumed(...rounds)
    await rollBack(scenario.lake, rawTable, 2)
    const { commitTable } = scenario.lake.catalog
    let call = 0
    Object.assign(scenario.lake.catalog, {
      commitTable: async (...args: Parameters<typeof commitTable>) => {
        call++
        if (call === 1) await scenario.lake.compact(errorsTable).catch(() => false)
        const result = call % 2 === 0 ? await commitTable(...args) : undefined
        throw new CatalogError(call % 2 === 0 ? 'UNKNOWN_OUTCOME' : 'CONFLICT', String(result?.location))
      },
    })
    // Compaction in the middle makes it undecidable, so that one is put back first.
    await assert.rejects(recoveryOf(scenario).go({ way: 'accept-rollback', table: 'raw' }, never), RecoverError)
    Object.assign(scenario.lake.catalog, { commitTable })
    await rollBack(scenario.lake, errorsTable, 1)
    call = 1
    Object.assign(scenario.lake.catalog, {
      commitTable: async (...args: Parameters<typeof commitTable>) => {
        await commitTable(...args)
        throw new CatalogError('UNKNOWN_OUTCOME', 'no answer')
      },
    })
    await recoveryOf(scenario).go({ way: 'accept-rollback', table: 'raw' }, never)
    Object.assign(scenario.lake.catalog, { commitTable })
    await goesOn(scenario)
  })

  test('error rows that another engine has rewritten are not guessed at', async () => {
    const scenario = await consumed(...rounds)
    await scenario.lake.compact(errorsTable)
    await rollBack(scenario.lake, rawTable, 2)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--undo raw', '(--accept-rollback raw)'])
    await assert.rejects(recovery.go({ way: 'accept-rollback', table: 'raw' }, never), /another engine rewrote/)
    await go(scenario, recovery, { way: 'undo', table: 'raw' })
    await goesOn(scenario)
  })
})

suite('raw is as a backup of its metadata had it', () => {
  for (const back of [1, 2, 3, 4])
    test(`RawRolledBack, by ${back} commits: --accept-rollback raw is the only way`, async () => {
      const scenario = await consumed(...rounds)
      await restoreBackup(scenario.lake, rawTable, back)
      await scenario.pod().halts('RawRolledBack')
      const recovery = recoveryOf(scenario)
      assert.deepEqual(await flags(recovery), ['--accept-rollback raw'])
      await go(scenario, recovery, { way: 'accept-rollback', table: 'raw' })
      await goesOn(scenario)
    })

  test('compacted errors from before the offsets are no hindrance, from after them they are', async () => {
    const scenario = await consumed(['a', 'bad-1'], ['b', 'bad-2'])
    await scenario.lake.compact(errorsTable)
    await scenario.pod().audit(new Map([['health:0', 4]]))
    scenario.produce('health:0', 'bad-3')
    await scenario.pod().consume()
    await restoreBackup(scenario.lake, rawTable, 1)
    await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
    await goesOn(scenario)
    await scenario.lake.compact(errorsTable)
    await restoreBackup(scenario.lake, rawTable, 1)
    assert.deepEqual(await flags(recoveryOf(scenario)), ['(--accept-rollback raw)'])
  })

  test('rows from before the offsets that errors took late, together with lost ones, stay', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    scenario.produce('health:0', 'bad-2')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    for (let i = 0; i < 4; i++)
      pod.before('commit errors', async () => {
        throw new CatalogError('UNAVAILABLE', '503')
      })
    await pod.commit(batch)
    scenario.produce('health:0', 'bad-3')
    await pod.commit(await scenario.batch(new Map([['health:0', 3]])))
    await restoreBackup(scenario.lake, rawTable, 1)
    const { steps } = await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
    assert.equal(steps[0]!.summary['deleted-records'], '1')
    await goesOn(scenario)
  })

  test('and main was set back on top of that: what was lost without a trace is cut, too', async () => {
    const scenario = await consumed(['a'], ['b'], ['bad-1', 'c'], ['bad-2'])
    await restoreBackup(scenario.lake, rawTable, 2)
    await rollBack(scenario.lake, rawTable, 1)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['(--undo raw)', '--accept-rollback raw'])
    await go(scenario, recovery, { way: 'accept-rollback', table: 'raw' })
    await goesOn(scenario)
  })

  test('after errors got rows again, those before the offsets among them: they are not guessed at', async () => {
    const scenario = await consumed(['bad-1', 'a'], ['b'], ['bad-2', 'c'])
    await rollBack(scenario.lake, errorsTable, 2)
    await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'errors' })
    await restoreBackup(scenario.lake, rawTable, 1)
    await assert.rejects(
      recoveryOf(scenario).go({ way: 'accept-rollback', table: 'raw' }, never),
      /db\.errors got rows again in snapshot/,
    )
    await scenario.pod().halts('RawRolledBack')
  })

  test('and errors lost rows, too: no way of raw hides that', async () => {
    const scenario = await consumed(['bad-1'], ['bad-2'], ['bad-3'])
    await restoreBackup(scenario.lake, errorsTable, 3)
    await rollBack(scenario.lake, rawTable, 1)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--undo raw', '(--accept-rollback raw)'])
    await go(scenario, recovery, { way: 'undo', table: 'raw' })
    await go(scenario, recovery, { way: 'accept-rollback', table: 'errors' })
    await goesOn(scenario)
  })

  test('CommittedAhead: commits without error rows were lost', async () => {
    const scenario = await consumed(['a', 'bad-1'], ['b'], ['c'])
    await restoreBackup(scenario.lake, rawTable, 2)
    await scenario.pod().halts('CommittedAhead')
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--accept-committed'])
    await go(scenario, recovery, { way: 'accept-committed' })
    await goesOn(scenario)
  })

  test('what Kafka does not retain any more is told, and is a gap afterwards', async () => {
    const scenario = await consumed(['a'], ['b', 'c'])
    await restoreBackup(scenario.lake, rawTable, 1)
    scenario.kafka.deleteBefore('health:0', 2)
    const [offer] = (await recoveryOf(scenario).offers()).filter(({ flag }) => flag === '--accept-committed')
    assert.ok(offer && 'loses' in offer)
    assert.match(offer.loses.join(), /health:0 offsets 1 to 1: Kafka retains them no more/)
    await go(scenario, recoveryOf(scenario), { way: 'accept-committed' })
    await scenario.pod().halts('OffsetGap')
    await go(scenario, recoveryOf(scenario), { way: 'accept-gap' })
    await scenario.pod().consume()
    assert.deepEqual((await scenario.lake.rows(rawTable)).sort(), ['a', 'c'])
  })
})

suite('errors was set back', () => {
  for (const back of [1, 2, 3]) {
    test(`main by ${back} commits: --undo errors`, async () => {
      const scenario = await consumed(...rounds)
      await rollBack(scenario.lake, errorsTable, back)
      const pod = scenario.pod()
      await pod.halts('LineageBroken')
      const recovery = recoveryOf(scenario)
      assert.deepEqual(await flags(recovery), ['--undo errors', '--accept-rollback errors'])
      await go(scenario, recovery, { way: 'undo', table: 'errors' })
      await pod.assign()
      await goesOn(scenario)
    })

    test(`main by ${back} commits: --accept-rollback errors appends them again`, async () => {
      const scenario = await consumed(...rounds)
      await rollBack(scenario.lake, errorsTable, back)
      await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'errors' })
      await goesOn(scenario)
    })

    test(`a backup of its metadata, by ${back} commits: --accept-rollback errors`, async () => {
      const scenario = await consumed(...rounds, ['e'])
      await restoreBackup(scenario.lake, errorsTable, back)
      await scenario.pod().halts('ErrorsRolledBack')
      const recovery = recoveryOf(scenario)
      assert.deepEqual(await flags(recovery), ['--accept-rollback errors'])
      await go(scenario, recovery, { way: 'accept-rollback', table: 'errors' })
      await goesOn(scenario)
    })
  }

  test('lost files are named by their offsets, and given up only when asked to', async () => {
    const scenario = await consumed(...rounds, ['e'])
    const { pending } = (await scenario.lake.load(rawTable)).snapshots
      .map(({ summary }) => ({ pending: JSON.parse(summary['hc.pending']!) }))
      .find(({ pending }) => pending.length > 0 && pending[0].seq === 3)!
    await restoreBackup(scenario.lake, errorsTable, 2)
    await scenario.lake.storage.delete(pending[0].manifest)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['(--accept-rollback errors)', '--accept-lost-errors'])
    await assert.rejects(
      recovery.go({ way: 'accept-rollback', table: 'errors' }, never),
      /1 of its files are gone; to be replayed: health:0 offsets 2 to 3/,
    )
    const { way } = await go(scenario, recovery, { way: 'accept-lost-errors' })
    assert.match(way!.loses.join(), /health:0 offsets 2 to 3/)
    const lost = headOf(await scenario.lake.load(errorsTable))!.summary['hc.lost']
    assert.deepEqual(JSON.parse(lost!), [{ seq: 3, rows: 1, ranges: [['health:0', 2, 4]] }])
    await scenario.pod().assign()
    assert.deepEqual((await scenario.lake.rows(errorsTable)).sort(), ['bad-1', 'bad-3', 'bad-4'])
  })

  test('what raw has forgotten is told by offsets, and stays halted until given up', async () => {
    const scenario = await consumed(...rounds, ['e'])
    await restoreBackup(scenario.lake, errorsTable, 2)
    await scenario.lake.expire(rawTable)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['(--accept-rollback errors)', '--accept-lost-errors'])
    await assert.rejects(
      recovery.go({ way: 'accept-rollback', table: 'errors' }, never),
      /retains no snapshot from before seq 2.*to be replayed: health:0 offsets 0 to 8/,
    )
    await go(scenario, recovery, { way: 'accept-lost-errors' })
    await scenario.pod().assign()
  })

  test('both tables: errors first, then raw', async () => {
    const scenario = await consumed(...rounds)
    await rollBack(scenario.lake, errorsTable, 2)
    await rollBack(scenario.lake, rawTable, 2)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--undo raw', '--undo errors', '(--accept-rollback raw)'])
    await go(scenario, recovery, { way: 'undo', table: 'errors' })
    await go(scenario, recovery, { way: 'accept-rollback', table: 'raw' })
    await goesOn(scenario)
  })

  test('to before a cut: the rows that were cut do not come back', async () => {
    const scenario = await consumed(...rounds)
    await rollBack(scenario.lake, rawTable, 2)
    await go(scenario, recoveryOf(scenario), { way: 'accept-rollback', table: 'raw' })
    await rollBack(scenario.lake, errorsTable, 1)
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--undo errors', '(--accept-rollback errors)', '(--accept-lost-errors)'])
    await go(scenario, recovery, { way: 'undo', table: 'errors' })
    await goesOn(scenario)
  })
})

suite('the tag', () => {
  for (const id of [rawTable, errorsTable])
    test(`of ${id.name} was removed; then main was replaced by a snapshot without parents`, async () => {
      const scenario = await consumed(...rounds)
      const table = id === rawTable ? 'raw' : 'errors'
      await scenario.lake.change(id, { action: 'remove-snapshot-ref', 'ref-name': tag })
      await scenario.pod().halts('LineageBroken')
      await go(scenario, recoveryOf(scenario), { way: 'undo', table })
      await replaceTable(scenario.lake, id)
      await scenario.pod().halts('LineageBroken')
      await go(scenario, recoveryOf(scenario), { way: 'undo', table })
      await goesOn(scenario)
    })
})

test('where nothing is wrong there is no way, and none is gone', async () => {
  const scenario = await consumed(...rounds)
  const recovery = recoveryOf(scenario)
  assert.deepEqual(await flags(recovery), [])
  await assert.rejects(recovery.go({ way: 'undo', table: 'raw' }, never), /there is nothing that this way would end/)
  await goesOn(scenario)
})
