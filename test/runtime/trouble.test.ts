/** What a consumer says is failing: in a word, since when, and only as long as it is so. */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { CatalogError } from '../../runtime/iceberg/catalog.ts'
import { StorageError } from '../../runtime/iceberg/storage.ts'
import { SourceError } from '../../runtime/source/sourceError.ts'
import { Trouble } from '../../runtime/trouble.ts'
import { headOf, rawTable } from './commit/lake.ts'
import { PipelineWorld, type Started, topic } from './pipelineWorld.ts'

suite('trouble', () => {
  test('has one word of a closed list for each error, and the message that names the fix', () => {
    const cases: readonly (readonly [Error, string])[] = [
      [new SourceError('UNREACHABLE', 'm'), 'BrokersUnreachable'],
      [new SourceError('NOT_READY', 'm'), 'BrokersNotReady'],
      [new SourceError('AUTHENTICATION', 'm'), 'LoginRefused'],
      [new SourceError('AUTHORIZATION', 'm'), 'AccessDenied'],
      [new SourceError('UNKNOWN_TOPIC', 'm'), 'TopicMissing'],
      [new SourceError('CORRUPT_DATA', 'm'), 'KafkaFailing'],
      [new CatalogError('UNAVAILABLE', 'm'), 'CatalogFailing'],
      [new CatalogError('READ_ONLY', 'm'), 'StorageReadOnly'],
      [new CatalogError('DENIED', 'm'), 'CatalogDenied'],
      [new CatalogError('DENIED', 'm', new StorageError('DENIED', 'file:///a', 'm')), 'StorageDenied'],
      [new StorageError('NO_SPACE', 'file:///a', 'm'), 'StorageFull'],
      [new StorageError('DENIED', 'file:///a', 'm'), 'StorageDenied'],
      [new StorageError('UNAVAILABLE', 'file:///a', 'm'), 'StorageFailing'],
    ]
    for (const [error, code] of cases) {
      const trouble = new Trouble(() => 0)
      trouble.failed('rows', error)
      assert.deepEqual(trouble.current, { code, message: error.message, since: '1970-01-01T00:00:00.000Z' })
    }
  })

  test('quotes nothing of an error without a code, which may hold anything', () => {
    const trouble = new Trouble(() => 0)
    trouble.failed('rows', new TypeError('heart rate 71'))
    assert.equal(trouble.current?.code, 'Failing')
    assert.match(trouble.current.message, /TypeError/)
    assert.doesNotMatch(trouble.current.message, /71/)
  })

  test('tells the newest failure of what has failed longest, and ends with it', () => {
    let nowMs = 1_000
    const trouble = new Trouble(() => nowMs)
    assert.ok(trouble.current === null)
    trouble.failed('positions', new CatalogError('UNAVAILABLE', 'catalog'))
    nowMs = 2_000
    trouble.failed('reading', new SourceError('UNREACHABLE', 'broker'))
    trouble.failed('positions', new CatalogError('DENIED', 'denied'))
    const since = (ms: number) => new Date(ms).toISOString()
    assert.deepEqual(trouble.current, { code: 'CatalogDenied', message: 'denied', since: since(1_000) })
    trouble.works('positions')
    assert.deepEqual(trouble.current, { code: 'BrokersUnreachable', message: 'broker', since: since(2_000) })
    trouble.works('reading', 'rows')
    assert.equal(trouble.current, null)
    nowMs = 3_000
    trouble.failed('positions', new CatalogError('UNAVAILABLE', 'catalog'))
    assert.deepEqual(trouble.current, { code: 'CatalogFailing', message: 'catalog', since: since(3_000) })
  })
})

suite('a pipeline in trouble', () => {
  function begin(context: TestContext): [PipelineWorld, Started] {
    const world = new PipelineWorld()
    context.after(() => world.end())
    return [world, world.start()]
  }

  test('says so from its first look at the tables until that works', async context => {
    const world = new PipelineWorld()
    context.after(() => world.end())
    world.catalogError = new CatalogError('UNAVAILABLE', 'the catalog is away')
    const beganMs = world.clock.now()
    const { trouble } = world.start()
    await world.clock.until('it is in trouble', () => trouble() !== null)
    const first = trouble()!
    assert.deepEqual([first.code, first.message], ['CatalogFailing', 'the catalog is away'])
    assert.ok(Date.parse(first.since) - beganMs <= 1_000)
    await world.clock.pass(300_000)
    assert.deepEqual(trouble(), first)
    world.catalogError = undefined
    // Nothing is there to be read or written.
    await world.clock.pass(15_000)
    assert.equal(trouble(), null)
  })

  test('names a missing topic', async context => {
    const [world, { trouble }] = begin(context)
    await world.clock.until('it runs', () => trouble() === null)
    world.kafka.deleteTopic(topic)
    await world.clock.until('it is in trouble', () => trouble() !== null)
    assert.equal(trouble()?.code, 'TopicMissing')
    assert.match(trouble()!.message, /no topic health|no partition health:0/)
  })

  test('of which rows cannot be written has one beginning, though the tables can be read all the while', async context => {
    const [world, { trouble, count }] = begin(context)
    world.produce(0, 'first')
    await world.untilCommitted(1)
    world.storageError = new StorageError('READ_ONLY', 'file:///warehouse', 'cannot create the file')
    world.produce(0, 'a')
    await world.clock.until('it is in trouble', () => trouble() !== null)
    const { since } = trouble()!
    const seen = new Set<string>()
    await world.clock.until('five attempts', () => {
      seen.add(`${trouble()?.code} ${trouble()?.since}`)
      return count('flush failed') >= 5
    })
    assert.deepEqual([...seen], [`StorageReadOnly ${since}`])
    world.storageError = undefined
    await world.untilCommitted(2)
    await world.clock.pass(1_000)
    assert.equal(trouble(), null)
    await world.assertExactlyOnce()
  })

  test('forgets what it could not write once that is another assignment', async context => {
    const [world, { trouble }] = begin(context)
    world.produce(0, 'first')
    await world.untilCommitted(1)
    world.storageError = new StorageError('NO_SPACE', 'file:///warehouse', 'cannot create the file')
    world.produce(0, 'a')
    await world.clock.until('it is in trouble', () => trouble() !== null)
    const other = world.start()
    world.storageError = undefined
    await world.untilCommitted(2)
    await world.clock.pass(1_000)
    assert.deepEqual([trouble(), other.trouble()], [null, null])
  })

  test('is not in trouble while it is halted, for a person has to act', async context => {
    const [world, { trouble, pipeline }] = begin(context)
    world.produce(0, 'first')
    await world.untilCommitted(1)
    world.catalogError = new CatalogError('UNAVAILABLE', 'the catalog is away')
    await world.clock.until('it is in trouble', () => trouble() !== null)
    await world.lake.setMain(rawTable, headOf(await world.lake.load(rawTable))!['parent-snapshot-id']!)
    world.catalogError = undefined
    await world.clock.until('it halts', () => pipeline.halt !== null)
    assert.equal(trouble(), null)
  })
})
