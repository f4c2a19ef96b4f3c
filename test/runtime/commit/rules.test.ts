/**
 * The rules of the protocol that look as if they could be left out, each as the smallest story in which leaving it out
 * loses or doubles samples, halts a healthy pod or keeps one from ever going on.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CatalogError } from '../../../runtime/iceberg/catalog.ts'
import { ancestors, errorsTable, headOf, rawTable, tag, taggedOf } from './lake.ts'
import { never, Scenario } from './scenario.ts'

const lost = async () => {
  throw new CatalogError('UNKNOWN_OUTCOME', 'no answer')
}
const unavailable = async () => {
  throw new CatalogError('UNAVAILABLE', '503')
}

suite('the newest keys on main', () => {
  test('after a rollback nothing falls back to the tag', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    await scenario.pod().consume()
    const before = headOf(await scenario.lake.load(rawTable))!['snapshot-id']
    scenario.produce('health:0', 'b')
    await scenario.pod().consume()
    const after = headOf(await scenario.lake.load(rawTable))!['snapshot-id']
    await scenario.lake.setMain(rawTable, before)

    const message = await scenario.pod().halts('LineageBroken')
    assert.match(message, new RegExp(`db\\.raw.*snapshot ${before}, tag ${tag} names ${after}`))
    await scenario.lake.setMain(rawTable, after)
    assert.deepEqual(await scenario.pod().assign(), new Map([['health:0', 2]]))
  })

  test('are found beneath the snapshots of other engines', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    await scenario.pod().consume()
    for (const id of [rawTable, errorsTable, rawTable]) await scenario.lake.compact(id)
    scenario.produce('health:0', 'b', 'bad-2')
    await scenario.pod().consume()
    await scenario.assertExactlyOnce()
  })
})

suite('the order of the reads when positions are taken', () => {
  /** Another pod commits before `call` of a pod that assigns itself; however late, that looks like no fault. */
  async function commitBetween(call: string, skipped: number): Promise<void> {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    const other = scenario.pod()
    await other.consume()
    const pod = scenario.pod()
    await pod.assign()
    scenario.produce('health:0', 'b', 'bad-2')
    const batch = await scenario.batch(new Map([['health:0', 2]]))
    pod.pass(call, skipped)
    pod.before(call, async () => {
      assert.equal(await other.commit(batch), 'committed')
      // The next raw commit drops what errors has applied, so that raw says how far errors must be.
      scenario.produce('health:0', 'c')
      await other.consume()
    })
    const positions = await pod.assign()
    assert.ok(positions.get('health:0')! >= 2)
    await pod.consume()
    await scenario.assertExactlyOnce()
  }

  // initialise loads raw once, before the reads of an assignment begin.
  test('a commit before the committed offsets', () => commitBetween('committed', 0))
  test('a commit between the committed offsets and the low watermarks', () => commitBetween('watermarks', 1))
  test('a commit between the low watermarks and errors', () => commitBetween('load errors', 0))
  test('a commit between errors and raw', () => commitBetween('load raw', 1))
  test('a commit between raw and errors', () => commitBetween('load errors', 1))
  test('a commit between errors and the high watermarks', () => commitBetween('watermarks', 2))

  test('a commit and retention after raw was read look like no gap', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'b')
    const pod = scenario.pod()
    await pod.assign()
    pod.pass('load raw', 1)
    pod.after('load raw', async () => {
      await scenario.pod().consume()
      scenario.kafka.deleteBefore('health:0', 2)
    })
    // An old position, which the first fetch shows to be one: the positions are taken again.
    assert.deepEqual(await pod.assign(), new Map([['health:0', 0]]))
    assert.deepEqual(await pod.assign(), new Map([['health:0', 2]]))
  })

  test('is committed, low, errors, raw, errors, high', async () => {
    const scenario = new Scenario()
    const pod = scenario.pod()
    await pod.assign()
    pod.calls.length = 0
    await pod.assign()
    const reads = pod.calls.slice(pod.calls.indexOf('committed'))
    assert.deepEqual(reads.slice(0, 6), [
      'committed',
      'watermarks',
      'load errors',
      'load raw',
      'load errors',
      'watermarks',
    ])
  })
})

suite('a commit of raw', () => {
  test('never brings files that have waited for so long that they may have been taken for waste', async () => {
    const scenario = new Scenario()
    const pod = scenario.pod()
    const positions = await pod.assign()
    scenario.produce('health:0', 'a', 'bad-1')
    const batch = await scenario.batch(positions)
    pod.before('commit raw', async () => {
      scenario.lake.pass(13 * 3_600_000)
      return unavailable()
    })
    assert.equal(await pod.commit(batch), 'moved')
    await pod.consume()
    await scenario.assertExactlyOnce()
  })

  test('fails where main was rolled back to the very head that it was built on', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    await scenario.pod().consume()
    scenario.produce('health:0', 'b', 'bad-1')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    const other = scenario.pod()
    const loaded = headOf(await scenario.lake.load(rawTable))!['snapshot-id']
    pod.before('commit raw', async () => {
      await other.consume()
      await scenario.lake.setMain(rawTable, loaded)
    })
    const head = () => scenario.lake.load(rawTable).then(table => headOf(table)!['snapshot-id'])
    await pod.halts('LineageBroken', () => pod.commit(batch))
    assert.equal(await head(), loaded)
  })

  test('fails where main moved though the tag did not', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    await scenario.pod().consume()
    scenario.produce('health:0', 'b')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    pod.before('commit raw', () => scenario.lake.compact(rawTable))
    assert.equal(await pod.commit(batch), 'committed')
    assert.ok(pod.calls.includes('conflict raw'))
    await scenario.assertExactlyOnce()
    const table = await scenario.lake.load(rawTable)
    assert.equal(ancestors(table, headOf(table)!)[1]!.summary.operation, 'replace')
  })

  test('names the table that it was built on: one put in its place with the same snapshots refuses it', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    const { catalog } = scenario.lake
    const { commitTable } = catalog
    const required: (string | undefined)[] = []
    Object.assign(catalog, {
      commitTable: (...[id, requirements, updates]: Parameters<typeof commitTable>) => {
        required.push(requirements.find(requirement => requirement.type === 'assert-table-uuid')?.uuid)
        return commitTable(id, requirements, updates)
      },
    })
    await pod.commit(batch)
    assert.deepEqual(required, [(await scenario.lake.load(rawTable))['table-uuid']])
  })

  test('is rebuilt with a new snapshot id: a repeated one would be refused for ever', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    await scenario.pod().consume()
    scenario.produce('health:0', 'b')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    // A catalog that keeps the snapshot of a commit whose requirements failed only when it came to move main, as one
    // does that stages snapshots: the id is taken from then on.
    pod.after('commit raw', async () => {
      const table = await scenario.lake.load(rawTable)
      const own = headOf(table)!
      const parent = own['parent-snapshot-id']!
      await scenario.lake.setMain(rawTable, parent)
      await scenario.lake.change(rawTable, {
        action: 'set-snapshot-ref',
        'ref-name': tag,
        type: 'tag',
        'snapshot-id': parent,
      })
      await scenario.lake.compact(rawTable)
      await lost()
    })
    const tooMany = AbortSignal.timeout(20_000)
    assert.equal(await pod.commit(batch, tooMany), 'committed')
    assert.equal(pod.calls.filter(call => call === 'commit raw').length, 2)
    await scenario.assertExactlyOnce()
  })

  test('whose answer is lost is not repeated', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    pod.after('commit raw', lost)
    pod.after('commit errors', lost)
    assert.equal(await pod.commit(batch), 'committed')
    assert.equal(pod.calls.filter(call => call === 'commit raw').length, 2, 'one at init and one for the batch')
    await scenario.assertExactlyOnce()
  })

  test('of offsets that another pod has committed is given up, its partitions included that nobody has', async () => {
    const scenario = new Scenario(2)
    const pod = scenario.pod()
    const other = scenario.pod()
    await other.assign()
    scenario.produce('health:0', 'a', 'bad-1')
    scenario.produce('health:1', 'b', 'bad-2')
    const batch = await scenario.batch(await pod.assign())
    await other.consume(['health:0'])
    assert.equal(await pod.commit(batch), 'moved')
    await pod.consume()
    await scenario.assertExactlyOnce()
  })

  test('without a valid row is an empty append, or its tail would never be acknowledged', async () => {
    const scenario = new Scenario()
    scenario.kafka.control('health:0')
    await scenario.pod().consume()
    assert.equal((await scenario.rawKeys()).offsets.get('health:0'), 1)
  })
})

suite('nothing is deleted whatever becomes of a commit', () => {
  // Every pod of a scenario fails its test when it deletes; this holds that its files are there for a late success.
  test('the files of a refused commit stay for the one that arrives late', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    const control = new AbortController()
    pod.before('commit raw', async () => {
      control.abort(new Error('the pod must stop'))
      await unavailable()
    })
    await assert.rejects(pod.commit(batch, control.signal), /the pod must stop/)
    for (const file of [...batch.rawFiles, ...batch.errorFiles])
      assert.equal(await scenario.lake.storage.size(file.location), file.fileSizeInBytes)
    assert.equal(await pod.commit(batch), 'committed')
    await scenario.assertExactlyOnce()
  })

  test('nor after a batch that was moved, halted or lost the race', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    await scenario.pod().consume()
    assert.equal(await pod.commit(batch), 'moved')
    for (const file of [...batch.rawFiles, ...batch.errorFiles])
      assert.notEqual(await scenario.lake.storage.size(file.location), undefined)
  })
})

suite('pending error files', () => {
  test('and their manifests lie outside both table locations', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'bad-1')
    const pod = scenario.pod()
    const batch = await scenario.batch(await pod.assign())
    const { pendingFolder } = await pod.protocol.state()
    await pod.commit(batch)
    for (const id of [rawTable, errorsTable]) {
      const { location } = await scenario.lake.load(id)
      const inside: string[] = []
      for await (const file of scenario.lake.storage.list(location)) inside.push(file.location)
      assert.ok(!`${pendingFolder}/`.startsWith(`${location}/`))
      const { pending } = await scenario.rawKeys()
      assert.equal(pending.length, 1)
      assert.ok(!inside.includes(pending[0]!.manifest), pending[0]!.manifest)
      assert.ok(pending[0]!.manifest.startsWith(`${pendingFolder}/`))
    }
  })

  test('lie outside a table whose location ends in a slash', async () => {
    const scenario = new Scenario()
    const pod = scenario.pod()
    const { catalog } = scenario.lake
    const load = catalog.loadTable
    await pod.assign()
    Object.assign(catalog, {
      loadTable: async (id: typeof rawTable) => {
        const table = await load(id)
        return table && { ...table, location: `${table.location}/` }
      },
    })
    const { pendingFolder, errorsTable: table } = await pod.protocol.state()
    assert.ok(!pendingFolder.startsWith(table.location), pendingFolder)
  })
})

suite("the errors commit applies raw's pending as loaded", () => {
  test('not the own file only: what another pod announced and never applied is not passed over', async () => {
    const scenario = new Scenario(2)
    scenario.produce('health:0', 'bad-1')
    scenario.produce('health:1', 'bad-2')
    const first = scenario.pod()
    const second = scenario.pod()
    const [one, two] = [await first.assign(['health:0']), await second.assign(['health:1'])]
    const died = new AbortController()
    first.after('commit raw', async () => died.abort(new Error('died')))
    await assert.rejects(first.commit(await scenario.batch(one), died.signal), /died/)
    await second.commit(await scenario.batch(two))
    await scenario.assertExactlyOnce()
  })

  test('not the own file again: what another pod has applied for this one is not doubled', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'bad-1')
    const first = scenario.pod()
    const batch = await scenario.batch(await first.assign())
    const second = scenario.pod()
    // Between raw's commit and errors' another pod takes positions, and rolls forward.
    first.after('commit raw', () => second.assign())
    assert.equal(await first.commit(batch), 'committed')
    await scenario.assertExactlyOnce()
    assert.ok(!first.calls.slice(first.calls.lastIndexOf('commit raw')).includes('commit errors'))
  })

  test('not the own file where another pod committed those offsets: by other rules they are rows of raw', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'bad-1')
    const first = scenario.pod()
    const batch = await scenario.batch(await first.assign())
    // The other pod's rules call the same sample valid.
    const valid = { ...batch, errorFiles: [], rawFiles: [await scenario.lake.writeFile('memory:///w/v', ['bad-1'])] }
    const second = scenario.pod()
    await second.assign()
    first.before('commit raw', () => second.commit(valid))
    await first.commit(batch)
    await scenario.assertExactlyOnce()
    assert.deepEqual(await scenario.lake.rows(errorsTable), [])
  })

  test('in their order, each once, and raw drops them once they were seen applied', async () => {
    const scenario = new Scenario()
    const pod = scenario.pod()
    scenario.produce('health:0', 'bad-0')
    await pod.consume()
    for (const [next, id] of ['bad-1', 'bad-2'].entries()) {
      scenario.produce('health:0', id)
      const batch = await scenario.batch(new Map([['health:0', next + 1]]))
      for (let i = 0; i < 4; i++) pod.before('commit errors', unavailable)
      assert.equal(await pod.commit(batch), 'committed')
    }
    const waiting = await scenario.rawKeys()
    assert.deepEqual([waiting.pending.map(({ seq }) => seq), waiting.errorsAckedSeq], [[3, 4], 2])
    scenario.produce('health:0', 'c')
    await pod.consume()
    await scenario.assertExactlyOnce()
    assert.equal((await scenario.errorsKeys()).appliedSeq, 4)
    const { pending, errorsAckedSeq } = await scenario.rawKeys()
    assert.deepEqual([pending.length, errorsAckedSeq], [0, 4])
  })

  test('at the cap a commit with errors waits for the errors table', async () => {
    const scenario = new Scenario()
    const pod = scenario.pod({ pendingCap: 1 })
    scenario.produce('health:0', 'bad-1')
    const first = await scenario.batch(await pod.assign())
    for (let i = 0; i < 4; i++) pod.before('commit errors', unavailable)
    await pod.commit(first)
    scenario.produce('health:0', 'bad-2')
    pod.calls.length = 0
    await pod.commit(await scenario.batch(new Map([['health:0', 1]])))
    const commits = pod.calls.filter(call => call === 'commit raw' || call === 'commit errors')
    assert.deepEqual(commits, ['commit errors', 'commit raw', 'commit errors'])
    await scenario.assertExactlyOnce()
  })
})

suite('an idle audit', () => {
  test('puts our keys on top of foreign snapshots, so that expiry by others cannot cut the walk to them', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    const pod = scenario.pod()
    await pod.consume()
    for (const id of [rawTable, errorsTable]) {
      await scenario.lake.compact(id)
      await scenario.lake.compact(id)
    }
    assert.equal(await pod.audit(new Map([['health:0', 2]])), true)
    for (const id of [rawTable, errorsTable]) {
      const table = await scenario.lake.load(id)
      assert.equal(taggedOf(table), headOf(table))
      // An engine that keeps the head alone, tags aside.
      const [, ...older] = ancestors(table, headOf(table)!)
      const gone = older.map(snapshot => snapshot['snapshot-id'])
      await scenario.lake.change(id, { action: 'remove-snapshots', 'snapshot-ids': gone })
    }
    assert.deepEqual(await scenario.pod().assign(), new Map([['health:0', 2]]))
    await scenario.assertExactlyOnce()
  })

  test('commits nothing where our keys are on top', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    const pod = scenario.pod()
    await pod.consume()
    pod.calls.length = 0
    assert.equal(await pod.audit(new Map([['health:0', 1]])), true)
    assert.deepEqual(
      pod.calls.filter(call => call.startsWith('commit')),
      ['committed'],
    )
  })

  test('rolls forward what a dead pod announced', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'bad-1')
    const dead = scenario.pod()
    const batch = await scenario.batch(await dead.assign())
    const died = new AbortController()
    dead.after('commit raw', async () => died.abort(new Error('died')))
    await assert.rejects(dead.commit(batch, died.signal), /died/)
    assert.equal(await scenario.pod().audit(new Map([['health:0', 1]])), true)
    await scenario.assertExactlyOnce()
  })

  test('tells that the table has moved, or that Kafka dropped what comes next', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'b')
    const pod = scenario.pod({ onGap: 'RecordAndContinue' })
    await pod.consume()
    assert.equal(await pod.audit(new Map([['health:0', 1]])), false)
    scenario.produce('health:0', 'c')
    scenario.kafka.deleteBefore('health:0', 3)
    assert.equal(await pod.audit(new Map([['health:0', 2]])), false)
  })
})

suite('a tag', () => {
  test('is kept by no age limit', async () => {
    const scenario = new Scenario()
    await scenario.pod().assign()
    for (const id of [rawTable, errorsTable])
      assert.equal((await scenario.lake.load(id)).refs[tag]!['max-ref-age-ms'], 9223372036854775807n)
  })

  test('is moved by every commit of ours and by nothing else', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a', 'bad-1')
    await scenario.pod().consume()
    const ours = taggedOf(await scenario.lake.load(rawTable))!
    await scenario.lake.compact(rawTable)
    assert.equal(taggedOf(await scenario.lake.load(rawTable))!['snapshot-id'], ours['snapshot-id'])
  })
})

test('offsets that cannot be committed to Kafka hold nothing up', async () => {
  const scenario = new Scenario()
  scenario.produce('health:0', 'a')
  const pod = scenario.pod()
  pod.before('commit offsets', unavailable)
  await pod.consume()
  assert.equal(scenario.kafka.committed.size, 0)
  assert.equal(await pod.protocol.audit(new Map([['health:0', 1]]), [{ topic: 'health', partition: 0 }], never), true)
})
