/**
 * Every halt of the protocol: what brings it about, that its message names the table or partition and the numbers that
 * were compared, and that going on works once a person has ended the cause.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HaltError } from '../../../runtime/commit/halt.ts'
import { haltCodes, halts } from '../../../runtime/contract/halts.ts'
import type { TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { TableMetadata } from '../../../runtime/iceberg/tableMetadata.ts'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { ancestors, errorsTable, headOf, type Lake, rawTable, tag } from './lake.ts'
import { Scenario } from './scenario.ts'

/** Main and tag set back by `steps` commits, as a restored backup of the table would; resolves with how to undo it. */
async function restoreOlder(lake: Lake, id: TableIdentifier, steps: number): Promise<() => Promise<void>> {
  const table = await lake.load(id)
  const head = headOf(table)!
  const set = async (snapshotId: bigint) => {
    await lake.setMain(id, snapshotId)
    await lake.change(id, { action: 'set-snapshot-ref', 'ref-name': tag, type: 'tag', 'snapshot-id': snapshotId })
  }
  await set(ancestors(table, head)[steps]!['snapshot-id'])
  return () => set(head['snapshot-id'])
}

async function consumed(...rounds: string[][]): Promise<Scenario> {
  const scenario = new Scenario()
  for (const values of rounds) {
    scenario.produce('health:0', ...values)
    await scenario.pod().consume()
  }
  return scenario
}

async function goesOn(scenario: Scenario): Promise<void> {
  scenario.produce('health:0', 'later', 'bad-later')
  await scenario.pod().consume()
  await scenario.assertExactlyOnce()
}

/** A catalog that answers for one table what `answer` makes of the truth, until undone. */
function pretend(lake: Lake, id: TableIdentifier, answer: (truth: Awaited<ReturnType<Lake['load']>>) => unknown) {
  const { loadTable } = lake.catalog
  const pretending = async (asked: TableIdentifier) => {
    const truth = await loadTable(asked)
    return asked.name === id.name && truth !== undefined ? answer(truth) : truth
  }
  Object.assign(lake.catalog, { loadTable: pretending })
  return () => Object.assign(lake.catalog, { loadTable })
}

suite('a table that is not ours', () => {
  test('TableOwned: another group keeps its offsets there', async () => {
    const scenario = await consumed(['a'])
    const message = await scenario.pod({ group: 'h' }).halts('TableOwned')
    assert.match(message, /db\.(raw|errors) belongs to group g, this is group h/)
    await goesOn(scenario)
  })

  for (const id of [rawTable, errorsTable])
    test(`ForeignTable: ${id.name} holds another job's snapshots`, async () => {
      const scenario = new Scenario()
      const { lake } = scenario
      await lake.catalog.createTable(id, id === rawTable ? rawDefinition : errorsDefinition)
      const snapshot = {
        'snapshot-id': 7n,
        'sequence-number': 1,
        'timestamp-ms': lake.now(),
        'manifest-list': 'memory:///w/list.avro',
        summary: { operation: 'append' },
      }
      await lake.change(id, { action: 'add-snapshot', snapshot })
      await lake.setMain(id, 7n)
      const pod = scenario.pod()
      assert.match(await pod.halts('ForeignTable'), new RegExp(`db\\.${id.name} has no hc\\.initialised`))
      assert.ok(!pod.calls.some(call => call.startsWith('commit ')), 'nothing is written beside it')
      const own = { namespace: ['db'], name: 'own' }
      await scenario.pod(id === rawTable ? { raw: own } : { errors: own }).assign()
    })

  test('IncompatibleTable: a format version or layout that the runtime does not write', async () => {
    const scenario = await consumed(['a'])
    for (const [answer, said] of [
      [(table: object) => ({ ...table, 'format-version': 3 }), /db\.raw: format-version is 3/],
      [(table: object) => ({ ...table, 'partition-specs': [{ 'spec-id': 0, fields: [] }] }), /partitioned by nothing/],
    ] as const) {
      const undo = pretend(scenario.lake, rawTable, answer)
      assert.match(await scenario.pod().halts('IncompatibleTable'), said)
      undo()
    }
    await goesOn(scenario)
  })
})

suite('TableReplaced', () => {
  for (const id of [rawTable, errorsTable]) {
    const other = id === rawTable ? errorsTable : rawTable
    test(`${id.name} was dropped while a pod ran, and is restored`, async () => {
      const scenario = await consumed(['a', 'bad-1'])
      const pod = scenario.pod()
      await pod.assign()
      const uuid = (await scenario.lake.load(id))['table-uuid']
      const undo = pretend(scenario.lake, id, () => undefined)
      assert.match(await pod.halts('TableReplaced'), new RegExp(`db\\.${id.name}: uuid was ${uuid}, now there is no`))
      const audit = () => pod.audit(new Map([['health:0', 2]]))
      await pod.halts('TableReplaced', audit)
      undo()
      await pod.assign()
      await goesOn(scenario)
    })

    test(`${id.name} was replaced while a pod ran`, async () => {
      const scenario = await consumed(['a', 'bad-1'])
      const pod = scenario.pod()
      await pod.assign()
      const undo = pretend(scenario.lake, id, table => ({ ...table, 'table-uuid': 'another' }))
      assert.match(await pod.halts('TableReplaced'), new RegExp(`db\\.${id.name}: uuid was .* now another`))
      undo()
      await goesOn(scenario)
    })

    test(`${id.name} was dropped before a pod started: it is not created anew beside ${other.name}`, async () => {
      const scenario = await consumed(['a', 'bad-1'])
      const undo = pretend(scenario.lake, id, () => undefined)
      const pod = scenario.pod()
      assert.match(await pod.halts('TableReplaced'), new RegExp(`db\\.${id.name} is not the table that ${other.name}`))
      assert.ok(!pod.calls.some(call => call.startsWith('create')))
      undo()
      await goesOn(scenario)
    })

    test(`${id.name} was replaced before a pod started`, async () => {
      const scenario = await consumed(['a', 'bad-1'])
      const undo = pretend(scenario.lake, id, table => ({ ...table, 'table-uuid': 'another' }))
      await scenario.pod().halts('TableReplaced')
      undo()
      await goesOn(scenario)
    })
  }

  test('raw was given the offsets of another errors table while a pod ran', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    for (const [id, key] of [
      [rawTable, 'hc.errors-uuid'],
      [errorsTable, 'hc.raw-uuid'],
    ] as const) {
      const undo = pretend(scenario.lake, id, table => ({
        ...table,
        snapshots: table.snapshots.map(it => ({ ...it, summary: { ...it.summary, [key]: 'another' } })),
      }))
      assert.match(await pod.halts('TableReplaced', () => pod.audit(new Map())), new RegExp(`db\\.${id.name}.*another`))
      if (id === rawTable) await pod.halts('TableReplaced', () => pod.commit(batch))
      undo()
    }
    await goesOn(scenario)
  })
})

suite('LineageBroken', () => {
  for (const id of [rawTable, errorsTable])
    test(`main of ${id.name} was rolled back: assign, audit and commit halt`, async () => {
      const scenario = await consumed(['a', 'bad-1'], ['b', 'bad-2'])
      const pod = scenario.pod()
      await pod.assign()
      const table = await scenario.lake.load(id)
      const [head, before] = ancestors(table, headOf(table)!).map(snapshot => snapshot['snapshot-id'])
      await scenario.lake.setMain(id, before!)
      assert.match(
        await pod.halts('LineageBroken'),
        new RegExp(`db\\.${id.name}: main leads to snapshot ${before}, tag hc-g names ${head}`),
      )
      await pod.halts('LineageBroken', () => pod.audit(new Map([['health:0', 4]])))
      scenario.produce('health:0', 'c', 'bad-3')
      const batch = await scenario.batch(new Map([['health:0', 4]]))
      await pod.halts('LineageBroken', () => pod.commit(batch))
      await scenario.lake.setMain(id, head!)
      await goesOn(scenario)
    })

  test('no snapshot on main carries our keys', async () => {
    const scenario = await consumed(['a'])
    const undo = pretend(scenario.lake, rawTable, table => ({ ...table, snapshots: [headOf(table)!], refs: {} }))
    assert.match(await scenario.pod().halts('LineageBroken'), /db\.raw: no snapshot on main carries our offsets/)
    undo()
    await goesOn(scenario)
  })

  test('the table property is gone while a pod runs', async () => {
    const scenario = await consumed(['a'])
    const pod = scenario.pod()
    await pod.assign()
    const undo = pretend(scenario.lake, rawTable, table => ({ ...table, properties: {}, snapshots: [], refs: {} }))
    assert.match(await pod.halts('LineageBroken', () => pod.audit(new Map())), /db\.raw is no longer initialised/)
    undo()
    await goesOn(scenario)
  })
})

suite('one table was restored from a backup, tag and all', () => {
  test('RawRolledBack: errors is ahead of raw', async () => {
    const scenario = await consumed(['bad-1'], ['bad-2'])
    scenario.kafka.committed.clear()
    const undo = await restoreOlder(scenario.lake, rawTable, 1)
    assert.match(await scenario.pod().halts('RawRolledBack'), /applied seq 3, raw stands at 2/)
    await undo()
    await goesOn(scenario)
  })

  test('ErrorsRolledBack: raw saw more applied', async () => {
    const scenario = await consumed(['bad-1'], ['bad-2'], ['c'])
    const undo = await restoreOlder(scenario.lake, errorsTable, 1)
    assert.match(await scenario.pod().halts('ErrorsRolledBack'), /saw seq 3 applied, errors stands at 2/)
    await undo()
    await goesOn(scenario)
  })

  test('ErrorsRolledBack: errors is empty again and raw saw some applied', async () => {
    const scenario = await consumed(['bad-1'], ['b'])
    const undo = pretend(scenario.lake, errorsTable, table => ({ ...table, properties: {}, snapshots: [], refs: {} }))
    assert.match(await scenario.pod().halts('ErrorsRolledBack'), /seq 2 applied, errors has no keys/)
    undo()
    await goesOn(scenario)
  })

  test('ErrorsRolledBack: a pod that does not look around finds it, too, instead of hiding it under its next rows', async () => {
    const scenario = await consumed(['bad-1'], ['bad-2'], ['c'])
    const pod = scenario.pod()
    const positions = await pod.assign()
    const undo = await restoreOlder(scenario.lake, errorsTable, 1)
    scenario.produce('health:0', 'bad-3')
    const batch = await scenario.batch(positions)
    await pod.halts('ErrorsRolledBack', () => pod.commit(batch))
    await undo()
    await goesOn(scenario)
  })

  test('RawRolledBack: a pod that stood at the very offsets commits nothing on them', async () => {
    const scenario = await consumed(['a'], ['b'])
    const pod = scenario.pod()
    scenario.produce('health:0', 'bad-1')
    const batch = await scenario.batch(await pod.assign())
    await scenario.pod().consume()
    assert.equal(await pod.audit(new Map([['health:0', 3]])), true)
    const undo = await restoreOlder(scenario.lake, rawTable, 1)
    const head = headOf(await scenario.lake.load(rawTable))
    await pod.halts('RawRolledBack', () => pod.commit(batch))
    assert.deepEqual(headOf(await scenario.lake.load(rawTable)), head)
    await undo()
    await goesOn(scenario)
  })

  test('an errors table that lost what raw has not dropped yet is filled again', async () => {
    const scenario = await consumed(['bad-1'], ['bad-2'])
    await restoreOlder(scenario.lake, errorsTable, 1)
    await goesOn(scenario)
  })

  test('CommittedAhead is no halt where a person has accepted it, until the table has passed it', async () => {
    const scenario = await consumed(['a'], ['b', 'c'])
    const undo = await restoreOlder(scenario.lake, rawTable, 1)
    await scenario.pod().halts('CommittedAhead')
    const accept = (offset: number) =>
      pretend(scenario.lake, rawTable, table => ({
        ...table,
        snapshots: table.snapshots.map(it => ({
          ...it,
          summary: { ...it.summary, 'hc.accepted-committed': `{"health":{"0":${offset}}}` },
        })),
      }))
    let end = accept(2)
    await scenario.pod().halts('CommittedAhead')
    end()
    end = accept(3)
    const pod = scenario.pod()
    await pod.commit(await scenario.batch(await pod.assign(), new Map([['health:0', 2]])))
    end()
    const { offsets, acceptedCommitted } = await scenario.rawKeys()
    assert.deepEqual([offsets.get('health:0'), acceptedCommitted?.get('health:0')], [2, 3])
    await scenario.pod().consume()
    assert.equal((await scenario.rawKeys()).acceptedCommitted, undefined)
    await undo()
  })

  test('CommittedAhead: Kafka knows of commits that the table lost', async () => {
    const scenario = await consumed(['a'], ['b', 'c'])
    const undo = await restoreOlder(scenario.lake, rawTable, 1)
    assert.match(await scenario.pod().halts('CommittedAhead'), /health:0: committed 3, the table says 1/)
    await undo()
    await goesOn(scenario)
  })
})

suite('Kafka is not what it was', () => {
  test('ClusterChanged', async () => {
    const scenario = await consumed(['a'])
    scenario.kafka.clusterId = 'cluster-2'
    assert.match(await scenario.pod().halts('ClusterChanged'), /cluster id was cluster-1, now cluster-2/)
    scenario.kafka.clusterId = 'cluster-1'
    await goesOn(scenario)
  })

  test('TopicRecreated: the topic ends before what was consumed', async () => {
    const scenario = await consumed(['a', 'b'])
    const log = scenario.kafka.log('health:0')
    scenario.kafka.addPartition('health', 0)
    scenario.kafka.control('health:0')
    assert.match(
      await scenario.pod().halts('TopicRecreated'),
      /health:0 ends at offset 1, the table was filled up to 2/,
    )
    scenario.kafka.partitions.set('health:0', log)
    await goesOn(scenario)
  })

  test('TopicRecreated: a longer topic is known by its record at the last consumed offset', async () => {
    const scenario = await consumed(['a', 'b'])
    const taken = await scenario
      .pod()
      .protocol.assign([{ topic: 'health', partition: 0 }], new AbortController().signal)
    const { next, verify } = taken.get('health:0')!
    assert.deepEqual([next, verify?.offset], [2, 1])
  })

  test('OffsetGap: what comes next was deleted; RecordAndContinue notes it in the table and goes on', async () => {
    const scenario = await consumed(['a'])
    scenario.kafka.produce('health:0', ['gone'])
    scenario.kafka.deleteBefore('health:0', 2)
    assert.match(await scenario.pod().halts('OffsetGap'), /health:0: next offset 1, first retained 2/)
    const pod = scenario.pod({ onGap: 'RecordAndContinue' })
    assert.deepEqual(await pod.assign(), new Map([['health:0', 2]]))
    assert.deepEqual(pod.gaps, ['health:0 1 2'])
    const { summary } = headOf(await scenario.lake.load(rawTable))!
    assert.equal(summary['hc.gaps'], '[["health:0",1,2]]')
    await goesOn(scenario)
  })

  test('the last consumed record is not asked for where retention took it', async () => {
    const scenario = await consumed(['a', 'b'])
    scenario.kafka.deleteBefore('health:0', 2)
    const taken = await scenario
      .pod()
      .protocol.assign([{ topic: 'health', partition: 0 }], new AbortController().signal)
    assert.deepEqual(taken.get('health:0'), { next: 2 })
  })
})

suite('PendingLost', () => {
  /** Raw announces one error batch, which no pod has applied. */
  async function announced() {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    const died = new AbortController()
    pod.after('commit raw', async () => died.abort(new Error('died')))
    await assert.rejects(pod.commit(batch, died.signal), /died/)
    const manifest = (await scenario.rawKeys()).pending[0]!.manifest
    return { scenario, manifest, file: batch.errorFiles[0]!.location }
  }

  for (const which of ['manifest', 'file'] as const)
    test(`the ${which} is gone, or shorter than announced`, async () => {
      const { scenario, [which]: location } = await announced()
      const { storage } = scenario.lake
      const bytes = await storage.read(location)
      await storage.delete(location)
      const pod = scenario.pod()
      const message = await pod.halts('PendingLost')
      assert.ok(message.includes(location) && message.includes('seq 2'), message)
      // A manifest that is cut after its header, which ends in the first sync marker, is a valid one without entries.
      const header = bytes.indexOf(bytes.subarray(-16)) + 16
      for (const length of [bytes.length - 1, bytes.length >> 1, 0, ...(which === 'manifest' ? [header] : [])]) {
        await storage.create(location, bytes.subarray(0, length))
        await pod.halts('PendingLost')
        await storage.delete(location)
      }
      await storage.create(location, bytes)
      await pod.assign()
      await goesOn(scenario)
    })

  test('halts a commit of the next batch too, which is durable by then', async () => {
    const { scenario } = await announced()
    const pod = scenario.pod()
    await pod.assign()
    scenario.produce('health:0', 'b', 'bad-2')
    const batch = await scenario.batch(new Map([['health:0', 2]]))
    const later = async () => (await scenario.rawKeys()).pending.at(-1)!.manifest
    let removed: Buffer = Buffer.alloc(0)
    pod.after('commit raw', async () => {
      removed = await scenario.lake.storage.read(await later())
      await scenario.lake.storage.delete(await later())
    })
    await pod.halts('PendingLost', () => pod.commit(batch))
    await scenario.lake.storage.create(await later(), removed)
    await goesOn(scenario)
  })
})

test('every halt says what it means, where, and what ends it', () => {
  for (const code of haltCodes) {
    const error = new HaltError(code, 'table db.raw')
    assert.ok(error.message.startsWith(halts[code].meaning) && error.message.endsWith('· table db.raw'))
    assert.equal(error.fix, halts[code].fix)
  }
})

test('KeysDamaged: a damaged key or property halts a pod, and is named', async () => {
  const scenario = await consumed(['a'])
  const damages = {
    'hc.offsets': (table: TableMetadata) => ({
      ...table,
      snapshots: table.snapshots.map(it => ({ ...it, summary: { ...it.summary, 'hc.offsets': '{"hea' } })),
    }),
    'hc.initialised': (table: TableMetadata) => ({ ...table, properties: { 'hc.initialised': '{' } }),
  }
  for (const [key, damage] of Object.entries(damages)) {
    const undo = pretend(scenario.lake, rawTable, damage)
    assert.match(await scenario.pod().halts('KeysDamaged'), new RegExp(`db\\.raw: ${key} is damaged`))
    undo()
  }
  await goesOn(scenario)
})
