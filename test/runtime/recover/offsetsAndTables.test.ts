/**
 * Ways that decide on offsets, on announced error rows and on whose a table is: offered only for what is wrong, telling
 * what is lost or doubled, and a pod goes on after each.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { isRefusal } from '../../../runtime/recover/way.ts'
import { errorsTable, headOf, rawTable } from '../commit/lake.ts'
import { never, type Pod, Scenario } from '../commit/scenario.ts'
import { SimulatedKafka } from '../commit/simulatedKafka.ts'
import { flags, go, pretend, recoveryOf } from './recovering.ts'

async function consumed(...rounds: string[][]): Promise<Scenario> {
  const scenario = new Scenario()
  for (const values of rounds) {
    scenario.produce('health:0', ...values)
    await scenario.pod().consume()
  }
  return scenario
}

const rowsOf = async ({ lake }: Scenario) => [
  (await lake.rows(rawTable)).sort().join(),
  (await lake.rows(errorsTable)).sort().join(),
]

async function offerOf(scenario: Scenario, flag: string) {
  const offer = (await recoveryOf(scenario).offers()).find(it => it.flag === flag)
  assert.ok(offer, `${flag} is not offered`)
  return offer
}

/** The topic is deleted and created anew, with these records. */
function recreate(scenario: Scenario, ...values: string[]): void {
  scenario.kafka.addPartition('health', 0)
  for (const value of values) scenario.kafka.produce('health:0', value.split(','))
}

suite('--accept-gap', () => {
  test('notes the missing offsets and goes on once', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    scenario.kafka.produce('health:0', ['gone'])
    scenario.kafka.produce('health:0', ['b'])
    scenario.kafka.deleteBefore('health:0', 3)
    const pod = scenario.pod()
    await pod.halts('OffsetGap')
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--accept-gap'])
    const { way, steps } = await go(scenario, recovery, { way: 'accept-gap' })
    assert.deepEqual(way!.loses, ['health:0 offsets 2 to 2: at most 1 records, deleted by Kafka unread'])
    assert.equal(steps[0]!.summary['hc.gaps'], '[["health:0",2,3]]')
    await pod.consume()
    assert.deepEqual(await rowsOf(scenario), ['a,b', 'bad-1'])
    scenario.kafka.produce('health:0', ['gone too'])
    scenario.kafka.deleteBefore('health:0', 5)
    await pod.halts('OffsetGap')
  })
})

suite('--accept-new-topic', () => {
  test('a shorter topic is read from its beginning', async () => {
    const scenario = await consumed(['a', 'bad-1', 'b'])
    recreate(scenario, 'c')
    const pod = scenario.pod()
    await pod.halts('TopicRecreated')
    assert.deepEqual(await flags(recoveryOf(scenario)), ['--accept-new-topic health'])
    await go(scenario, recoveryOf(scenario), { way: 'accept-new-topic', topic: 'health' })
    await pod.consume()
    assert.deepEqual(await rowsOf(scenario), ['a,b,c', 'bad-1'])
    assert.equal((await scenario.rawKeys()).acceptedCommitted?.get('health:0'), 3)
  })

  test('a longer one is known by the record that was read last', async () => {
    const scenario = await consumed(['a', 'b'])
    assert.deepEqual(await flags(recoveryOf(scenario)), [], 'the same topic is no other')
    recreate(scenario, 'c', 'bad-2', 'd')
    assert.deepEqual(await flags(recoveryOf(scenario)), ['--accept-new-topic health'])
    await go(scenario, recoveryOf(scenario), { way: 'accept-new-topic', topic: 'health' })
    await scenario.pod().consume()
    assert.deepEqual(await rowsOf(scenario), ['a,b,c,d', 'bad-2'])
  })

  test('a topic that has its records is not read twice, whoever asks', async () => {
    const scenario = await consumed(['a', 'b'])
    await assert.rejects(
      recoveryOf(scenario).go({ way: 'accept-new-topic', topic: 'health' }, never),
      /nothing that this way would end/,
    )
  })

  test('of a log that was cut short, only the offset can be said where unread records begin', async () => {
    const scenario = new Scenario(2)
    for (const key of ['health:0', 'health:1']) scenario.produce(key, 'a', 'b', 'c')
    await scenario.pod().consume()
    const log = scenario.kafka.log('health:0')
    log.records.pop()
    log.high--
    await scenario.pod().halts('TopicRecreated')
    const offer = await offerOf(scenario, '--accept-new-topic health')
    assert.ok(isRefusal(offer) && /health:0 was cut short.*--from health:0=OFFSET/.test(offer.refused))
    const from = new Map([['health:0', 2]])
    await go(scenario, recoveryOf(scenario), { way: 'accept-new-topic', topic: 'health', from })
    assert.deepEqual(await scenario.pod().assign(), new Map([...from, ['health:1', 3]]))
  })
})

suite('--accept-new-cluster', () => {
  test('asks where reading begins, and keeps the offsets of a mirror', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    scenario.kafka.clusterId = 'cluster-2'
    const pod = scenario.pod()
    await pod.halts('ClusterChanged')
    assert.deepEqual(await flags(recoveryOf(scenario)), ['(--accept-new-cluster)'])
    await go(scenario, recoveryOf(scenario), { way: 'accept-new-cluster', from: 'keep' })
    scenario.produce('health:0', 'b')
    await pod.consume()
    await scenario.assertExactlyOnce()
  })

  test('kept offsets that mean another record are noticed; earliest begins anew', async () => {
    const scenario = await consumed(['a', 'bad-1'])
    scenario.kafka.clusterId = 'cluster-2'
    recreate(scenario, 'b', 'c', 'bad-2')
    await go(scenario, recoveryOf(scenario), { way: 'accept-new-cluster', from: 'keep' })
    assert.deepEqual(await flags(recoveryOf(scenario)), ['--accept-new-topic health'])
    scenario.kafka.clusterId = 'cluster-3'
    await go(scenario, recoveryOf(scenario), { way: 'accept-new-cluster', from: 'earliest' })
    await scenario.pod().consume()
    assert.deepEqual(await rowsOf(scenario), ['a,b,c', 'bad-1,bad-2'])
  })

  test('offsets that the new cluster does not have are refused', async () => {
    const scenario = await consumed(['a', 'b'])
    scenario.kafka.clusterId = 'cluster-2'
    recreate(scenario, 'c')
    for (const [from, said] of [
      ['keep', /health:0: offset 2 is not in the partition, which has 0 to 1/],
      [new Map([['health:7', 0]]), /health:0 has no offset/],
      [new Map([['health:0', 0]]).set('other:0', 1), /other:0 in --from is no partition/],
    ] as const)
      await assert.rejects(recoveryOf(scenario).go({ way: 'accept-new-cluster', from }, never), said)
  })
})

suite('--accept-lost-errors', () => {
  /** Raw announces a batch of two files with the rows bad-1 and bad-2, which no pod has applied. */
  async function announced() {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1', 'bad-2')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    const folder = batch.errorFiles[0]!.location
    const files = await Promise.all(
      ['bad-1', 'bad-2'].map(id => scenario.lake.writeFile(`${folder}-${id}.parquet`, [id])),
    )
    const died = new AbortController()
    pod.after('commit raw', async () => died.abort(new Error('died')))
    await assert.rejects(pod.commit({ ...batch, errorFiles: files }, died.signal), /died/)
    return { scenario, manifest: (await scenario.rawKeys()).pending[0]!.manifest, files }
  }

  test('gives up what is gone, and keeps the files of the batch that are there', async () => {
    const { scenario, files } = await announced()
    await scenario.lake.storage.delete(files[0]!.location)
    const pod = scenario.pod()
    await pod.halts('PendingLost')
    const { way, steps } = await go(scenario, recoveryOf(scenario), { way: 'accept-lost-errors' })
    assert.match(way!.loses.join(), /^1 rows of 2 rows of health:0 offsets 0 to 2 \(missing: .*bad-1\.parquet\)$/)
    assert.deepEqual(JSON.parse(steps[0]!.summary['hc.lost']!), [{ seq: 2, rows: 1, ranges: [['health:0', 0, 3]] }])
    await pod.assign()
    assert.deepEqual(await rowsOf(scenario), ['a', 'bad-2'])
  })

  test('gives up a batch whose manifest is gone', async () => {
    const { scenario, manifest } = await announced()
    await scenario.lake.storage.delete(manifest)
    assert.deepEqual(await flags(recoveryOf(scenario)), ['--accept-lost-errors'])
    await go(scenario, recoveryOf(scenario), { way: 'accept-lost-errors' })
    assert.deepEqual((await scenario.rawKeys()).pending, [])
    await scenario.pod().assign()
    scenario.kafka.produce('health:0', ['bad-3'])
    await scenario.pod().consume()
    assert.deepEqual(await rowsOf(scenario), ['a', 'bad-3'])
  })
})

suite('--accept-new-table', () => {
  test('errors was dropped: an empty one takes its place, for pods that run, too', async () => {
    const scenario = await consumed(['a', 'bad-1'], ['b'])
    scenario.produce('health:0', 'bad-2')
    const pod = scenario.pod()
    await pod.consume()
    const drop = new Map<string, undefined>([[errorsTable.name, undefined]])
    const { catalog } = scenario.lake
    const original = { ...catalog }
    // Dropped: what was there under the name is elsewhere from now on.
    const moved = { namespace: ['db'], name: 'errors-new' }
    const renamed = (id: typeof errorsTable) => (drop.has(id.name) ? moved : id)
    Object.assign(catalog, {
      loadTable: (id: typeof errorsTable) => original.loadTable(renamed(id)),
      createTable: (id: typeof errorsTable, definition: typeof errorsDefinition) =>
        original.createTable(renamed(id), definition),
      commitTable: (id: typeof errorsTable, ...rest: [never, never]) => original.commitTable(renamed(id), ...rest),
    })
    await pod.halts('TableReplaced')
    const recovery = recoveryOf(scenario)
    assert.deepEqual(await flags(recovery), ['--accept-new-table'])
    const { way, steps } = await go(scenario, recovery, { way: 'accept-new-table' })
    assert.equal(steps.length, 3)
    assert.match(way!.loses.join(), /seq 2 and before/)
    await untilGoesOn(pod)
    scenario.produce('health:0', 'c', 'bad-3')
    await pod.consume()
    await scenario.pod().assign()
    // What raw still announced came along.
    assert.deepEqual(await rowsOf(scenario), ['a,b,c', 'bad-2,bad-3'])
  })

  test('raw was dropped: it begins where it is told', async () => {
    const scenario = await consumed(['a', 'bad-1'], ['b'])
    const undo = pretend(scenario.lake, rawTable, () => undefined)
    await scenario.pod().halts('TableReplaced')
    const offer = await offerOf(scenario, '--adopt')
    assert.ok(isRefusal(offer) && /say where reading begins/.test(offer.refused))
    const { way, steps } = await recoveryOf(scenario).rehearse({ way: 'adopt', from: 'earliest' })
    assert.match(way!.doubles.join(), /error rows at or past these offsets in db\.errors/)
    assert.deepEqual(
      steps.map(({ table }) => table),
      ['db.raw', 'db.errors', 'db.raw'],
    )
    undo()
  })
})

/** The halt stands once more, then the pod has looked again. */
async function untilGoesOn(pod: Pod): Promise<void> {
  await pod.halts('TableReplaced')
  await pod.assign()
}

suite('--adopt', () => {
  for (const [from, expected] of [
    ['earliest', 0],
    ['latest', 2],
    ['committed', 1],
    [new Map([['health:0', 1]]), 1],
  ] as const)
    test(`a table of others, from ${typeof from === 'string' ? from : 'an offset'}`, async () => {
      const scenario = new Scenario()
      const { lake } = scenario
      await lake.catalog.createTable(rawTable, rawDefinition)
      const theirs = await lake.writeFile('memory:///w/theirs.parquet', ['x'])
      await foreignAppend(scenario, theirs)
      scenario.kafka.produce('health:0', ['a'])
      scenario.kafka.produce('health:0', ['bad-1'])
      scenario.kafka.committed.set('health:0', 1)
      const pod = scenario.pod()
      await pod.halts('ForeignTable')
      const recovery = recoveryOf(scenario)
      assert.deepEqual(await flags(recovery), ['(--adopt)'])
      const { way } = await go(scenario, recovery, { way: 'adopt', from })
      assert.equal(way!.doubles.length, 1)
      assert.deepEqual(await pod.assign(), new Map([['health:0', expected]]))
      await pod.consume().catch(() => undefined)
      const [raw] = await rowsOf(scenario)
      assert.equal(raw, expected === 0 ? 'a,x' : 'x')
    })

  test('errors of others beside a raw table of ours that is new', async () => {
    const scenario = new Scenario()
    await scenario.lake.catalog.createTable(errorsTable, errorsDefinition)
    await foreignAppend(scenario, await scenario.lake.writeFile('memory:///w/theirs.parquet', ['x']), errorsTable)
    const pod = scenario.pod()
    await pod.halts('ForeignTable')
    await go(scenario, recoveryOf(scenario), { way: 'adopt', from: 'earliest' })
    scenario.kafka.produce('health:0', ['bad-1'])
    await pod.consume()
    assert.deepEqual(await rowsOf(scenario), ['', 'bad-1,x'])
  })
})

/** Another engine appends to a table, without keys. */
async function foreignAppend(
  { lake }: Scenario,
  file: Awaited<ReturnType<Scenario['lake']['writeFile']>>,
  id = rawTable,
) {
  const { prepareAppend } = await import('../../../runtime/iceberg/append.ts')
  const { describeManifest, encodeManifest } = await import('../../../runtime/iceberg/manifest.ts')
  const table = await lake.load(id)
  const [schema, spec] = [table.schemas[0]!, table['partition-specs'][0]!]
  const bytes = encodeManifest([file], { schema, spec })
  const location = `memory:///w/${lake.newId()}.avro`
  await lake.storage.create(location, bytes)
  const snapshot = await prepareAppend({
    storage: lake.storage,
    table,
    parent: headOf(table),
    manifests: [describeManifest(location, bytes.length, [file], spec)],
    summary: {},
    snapshotId: lake.newSnapshotId(),
    nowMs: lake.now(),
    newName: lake.newId,
  })
  await lake.change(id, { action: 'add-snapshot', snapshot })
  await lake.setMain(id, snapshot['snapshot-id'])
}

suite('--take-over', () => {
  test('the tables of a former group go on under a new one, and the former halts', async () => {
    const scenario = await consumed(['a', 'bad-1'], ['b'])
    const late = scenario.pod()
    scenario.produce('health:0', 'c', 'bad-2')
    const batch = await scenario.batch(await late.assign())
    const pod = scenario.pod({ group: 'h' })
    await pod.halts('TableOwned')
    const recovery = recoveryOf(scenario, { group: 'h' })
    assert.deepEqual(await flags(recovery), ['--take-over g'])
    const { steps } = await go(scenario, recovery, { way: 'take-over', group: 'g' })
    assert.deepEqual(
      steps.map(({ table }) => table),
      ['db.errors', 'db.raw'],
    )
    await late.halts('TableOwned', () => late.commit(batch))
    await scenario.pod().halts('TableOwned')
    await pod.consume()
    await scenario.assertExactlyOnce()
    for (const id of [rawTable, errorsTable])
      assert.deepEqual(Object.keys((await scenario.lake.load(id)).refs).sort(), ['hc-h', 'main'])
  })

  test('a former pod that commits, and a rollback that hides it, do not slip under the take-over', async () => {
    const scenario = await consumed(['a'], ['b'])
    const { lake } = scenario
    const { commitTable } = lake.catalog
    const head = headOf(await lake.load(rawTable))!['snapshot-id']
    Object.assign(lake.catalog, {
      commitTable: async (...args: Parameters<typeof commitTable>) => {
        if (args[0].name !== rawTable.name) return commitTable(...args)
        Object.assign(lake.catalog, { commitTable })
        const table = await lake.load(rawTable)
        const snapshot = { ...headOf(table)!, 'snapshot-id': lake.newSnapshotId(), 'parent-snapshot-id': head }
        const id = snapshot['snapshot-id']
        await lake.change(rawTable, { action: 'add-snapshot', snapshot })
        await lake.change(rawTable, { action: 'set-snapshot-ref', 'ref-name': 'hc-g', type: 'tag', 'snapshot-id': id })
        return commitTable(...args)
      },
    })
    await assert.rejects(
      recoveryOf(scenario, { group: 'h' }).go({ way: 'take-over', group: 'g' }, never),
      /db\.raw is not in order as a table of group g/,
    )
  })

  test('another name than that of the owner ends nothing', async () => {
    const scenario = await consumed(['a'])
    const recovery = recoveryOf(scenario, { group: 'h' })
    await assert.rejects(recovery.go({ way: 'take-over', group: 'i' }, never), /not in order as a table of group i/)
  })
})

for (const call of ['committedOf', 'watermarks', 'topicPartitions'] as const)
  test(`a pod that commits while the situation is read (before ${call}) looks like nothing that is wrong`, async () => {
    const scenario = await consumed(['a', 'bad-1'])
    const { kafka } = scenario
    const asked: Record<string, number> = {}
    for (const nth of [1, 2, 3]) {
      asked[call] = 0
      const watched = new Proxy(kafka, {
        get(target, name) {
          const value = Reflect.get(target, name)
          if (name !== call) return value
          return async (...args: never[]) => {
            if (++asked[call]! === nth) {
              scenario.produce('health:0', `x${nth}`, `bad-${nth}${call}`)
              await scenario.pod().consume()
            }
            return Reflect.apply(value as () => unknown, target, args)
          }
        },
      })
      const recovery = recoveryOf({ lake: scenario.lake, kafka: watched })
      assert.deepEqual(await flags(recovery), [])
    }
    await scenario.assertExactlyOnce()
  })

for (const table of [rawTable, errorsTable])
  test(`a pod that commits before ${table.name} is read looks like nothing that is wrong`, async () => {
    const scenario = await consumed(['a', 'bad-1'])
    const { catalog } = scenario.lake
    const { loadTable } = catalog
    Object.assign(catalog, {
      loadTable: async (id: typeof rawTable) => {
        if (id.name !== table.name) return loadTable(id)
        Object.assign(catalog, { loadTable })
        scenario.produce('health:0', 'b', 'bad-2')
        await scenario.pod().consume()
        return loadTable(id)
      },
    })
    assert.deepEqual(await flags(recoveryOf(scenario)), [])
    await scenario.assertExactlyOnce()
  })

test('without Kafka the ways that need it are not offered, the others are', async () => {
  const scenario = await consumed(['a', 'bad-1'], ['b'])
  const { lake } = scenario
  const table = await lake.load(rawTable)
  await lake.setMain(rawTable, table.snapshots.at(-2)!['snapshot-id'])
  const away = new SimulatedKafka('health', 1)
  Object.assign(away, { topicPartitions: () => assert.fail('nobody answers') })
  assert.deepEqual(await flags(recoveryOf({ lake, kafka: away })), ['--undo raw', '--accept-rollback raw'])
})
