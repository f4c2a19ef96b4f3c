/**
 * Everything that can be wrong with the tables and their storage: it is said clearly, nothing is lost or doubled, and the
 * consumer goes on by itself once the cause is gone. The causes are real: mounts, cut files, tables moved away, rollbacks
 * by Iceberg Java.
 */
import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, suite, test } from 'node:test'
import type { HaltCode } from '../../runtime/contract/halts.ts'
import type { TroubleCode } from '../../runtime/contract/troubles.ts'
import { startBroker } from '../kafka/broker.ts'
import { change, read } from '../readers/readers.ts'
import { until } from '../until.ts'
import { allDurable } from './durable.ts'
import { exact, verdict } from './exactness.ts'
import { createFeed } from './feed.ts'
import { createMounts } from './mounts.ts'
import { createGround, type Ground, type Runtime } from './runtimes.ts'

const payloads = { seed: 5, samplesPerPayload: 3, invalidShare: 0.03 }

const versionsOf = async (table: string): Promise<readonly number[]> =>
  (await readdir(join(table, 'metadata')))
    .map(name => Number(/^v(\d+)\.metadata\.json$/.exec(name)?.[1]))
    .filter(number => number > 0)
    .sort((a, b) => a - b)

const metadataFile = (table: string, version: number) => join(table, `metadata/v${version}.metadata.json`)

async function newest(table: string): Promise<{ version: number; path: string }> {
  const version = (await versionsOf(table)).at(-1)!
  return { version, path: metadataFile(table, version) }
}

/** The cause of a trouble; resolves with its cure. */
type Trouble = (ground: Ground) => Promise<() => Promise<void>>

const cutMetadata: Trouble = async ({ rawTable }) => {
  const { path } = await newest(rawTable)
  const whole = await readFile(path)
  await writeFile(path, whole.subarray(0, whole.length / 2))
  return () => writeFile(path, whole)
}

const formatVersion =
  (format: number): Trouble =>
  async ({ rawTable }) => {
    const { version, path } = await newest(rawTable)
    const later = metadataFile(rawTable, version + 1)
    await writeFile(later, (await readFile(path, 'utf8')).replace('"format-version":2', `"format-version":${format}`))
    return () => rm(later)
  }

const withoutProperty: Trouble = async ({ rawTable }) => {
  const { path } = await newest(rawTable)
  const { properties } = JSON.parse(await readFile(path, 'utf8'))
  const name = 'hc.initialised'
  await change(rawTable, [{ op: 'updateProperties', remove: [name] }])
  return async () => void (await change(rawTable, [{ op: 'updateProperties', set: { [name]: properties[name] } }]))
}

const dropped =
  (which: 'rawTable' | 'errorsTable'): Trouble =>
  async ground => {
    const table = ground[which]
    await rename(table, `${table}.away`)
    return async () => {
      // Files of commits that failed since.
      await rm(table, { recursive: true, force: true })
      await rename(`${table}.away`, table)
    }
  }

/** As a person repairs it: the metadata of before, as the newest version. */
const rolledBack =
  (which: 'rawTable' | 'errorsTable'): Trouble =>
  async ground => {
    const table = ground[which]
    const { path } = await newest(table)
    const { pyiceberg } = await read(table, [{ op: 'snapshots' }], ['pyiceberg'])
    const { snapshots } = pyiceberg[0]!
    await change(table, [{ op: 'rollbackTo', snapshotId: snapshots.at(-2)!.id }])
    return async () => cp(path, metadataFile(table, (await newest(table)).version + 1))
  }

async function assertHalted(runtime: Runtime, code: HaltCode): Promise<void> {
  await until(`halt ${code}`, async () => (await runtime.status())?.halt?.code === code)
  const { halt } = (await runtime.status())!
  assert.ok(halt!.fix.length > 20 && halt!.message.includes('health_'), JSON.stringify(halt))
  assert.equal((await runtime.get('/readyz'))!.code, 503)
  assert.equal((await runtime.get('/livez'))!.code, 200)
  assert.match((await runtime.get('/metrics'))!.body, new RegExp(`^healthconsumer_halted\\{code="${code}"\\} 1$`, 'm'))
  const line = runtime.logged.findLast(({ context }) => context.halt_code === code)
  assert.equal(line?.level, 'CRITICAL')
  assert.equal(line?.context.fix, halt!.fix)
}

const failureCodes = (runtime: Runtime, from: number) =>
  runtime.logged.slice(from).flatMap(({ level, context }) => (level === 'ERROR' ? [context.error_code] : []))

const troubleOf: Readonly<Record<string, TroubleCode>> = {
  READ_ONLY: 'StorageReadOnly',
  NO_SPACE: 'StorageFull',
  CORRUPT_METADATA: 'CatalogFailing',
  UNSUPPORTED_FORMAT: 'CatalogFailing',
}

async function assertRetrying(runtime: Runtime, code: string, from: number): Promise<void> {
  await until(`two errors with code ${code}`, () => failureCodes(runtime, from).filter(it => it === code).length > 1)
  const { halt, trouble } = (await runtime.status())!
  assert.equal(halt, null)
  assert.equal(trouble?.code, troubleOf[code])
  assert.ok(trouble!.message.length > 20 && trouble!.message.includes('health_'), JSON.stringify(trouble))
  assert.match((await runtime.get('/readyz'))!.body, new RegExp(`^${trouble!.code}: `))
  assert.equal((await runtime.get('/livez'))!.code, 200)
  assert.doesNotMatch(
    (await runtime.get('/metrics'))!.body,
    /^iceberg_write_failures_total\{table="health_data_raw"\} 0$/m,
  )
}

suite('trouble with the tables', async () => {
  const broker = await startBroker()
  const mounts = await createMounts()
  const { bootstrapServers } = broker
  const cleanup: (() => Promise<unknown>)[] = [() => broker.stop(), () => mounts.end()]
  after(async () => {
    for (const undo of cleanup.reverse()) await undo()
  })

  async function prepare(topic: string) {
    await broker.createTopic(topic, 6)
    const ground = await createGround({ bootstrapServers, topic })
    const feed = await createFeed(broker, topic, payloads)
    cleanup.push(
      () => ground.clear(),
      () => feed.stop(),
    )
    return { ground, feed }
  }

  suite('is said, survived and overcome by one process', async () => {
    const { ground, feed } = await prepare('troubles')
    const { warehouse } = ground
    await mounts.mount('--bind', warehouse, warehouse)
    const readOnly: Trouble = async () => {
      await mounts.mount('-o', 'remount,bind,ro', warehouse)
      return () => mounts.mount('-o', 'remount,bind,rw', warehouse)
    }
    const runtime = ground.start('patient', { through: mounts.through })
    const durable = () => allDurable(runtime, feed)

    const troubles: readonly (readonly [name: string, Trouble, { halt: HaltCode } | { error: string }])[] = [
      ['a read-only warehouse', readOnly, { error: 'READ_ONLY' }],
      ['a newest metadata file that was cut', cutMetadata, { error: 'CORRUPT_METADATA' }],
      ['metadata of format version 3', formatVersion(3), { error: 'UNSUPPORTED_FORMAT' }],
      ['metadata of format version 99', formatVersion(99), { error: 'UNSUPPORTED_FORMAT' }],
      ['a table that says nothing of us', withoutProperty, { halt: 'ForeignTable' }],
      ['a raw table that was dropped', dropped('rawTable'), { halt: 'TableReplaced' }],
      ['an errors table that was dropped', dropped('errorsTable'), { halt: 'TableReplaced' }],
      ['a raw table that was rolled back', rolledBack('rawTable'), { halt: 'LineageBroken' }],
      ['an errors table that was rolled back', rolledBack('errorsTable'), { halt: 'LineageBroken' }],
    ]
    for (const [name, cause, sign] of troubles)
      test(name, async () => {
        await feed.send(40)
        await durable()
        const from = runtime.logged.length
        const cure = await cause(ground)
        await feed.send(40)
        if ('halt' in sign) await assertHalted(runtime, sign.halt)
        else await assertRetrying(runtime, sign.error, from)
        await cure()
        await durable()
        assert.equal((await runtime.get('/readyz'))!.code, 200)
        assert.equal((await runtime.status())!.trouble, null)
        assert.doesNotMatch((await runtime.get('/metrics'))!.body, /^healthconsumer_halted\{.*\} 1$/m)
      })

    test('without losing or doubling a sample', async () => {
      assert.equal(runtime.ended, undefined)
      const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
      assert.deepEqual([read, rest], [feed.payloads, exact])
    })
  })

  test('a full disk loses nothing', async () => {
    const { ground, feed } = await prepare('disk-full')
    const { warehouse } = ground
    await mounts.mount('-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', warehouse)
    const runtime = ground.start('full', { through: mounts.through })
    feed.grow()
    await until('a full disk', () => failureCodes(runtime, 0).includes('NO_SPACE'), 120)
    await assertRetrying(runtime, 'NO_SPACE', 0)
    await mounts.mount('-o', 'remount,size=500m', warehouse)
    await feed.stop()
    await allDurable(runtime, feed)
    await runtime.kill()
    await mounts.copyOut(warehouse)
    const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
    assert.deepEqual([read, rest], [feed.payloads, exact])
  })

  test('an errors table that is away holds up nobody, and a lost pending manifest is missed', async () => {
    const { ground, feed } = await prepare('pending')
    const metadata = join(ground.errorsTable, 'metadata')
    const first = ground.start('first', { through: mounts.through })
    await feed.send(100)
    await allDurable(first, feed)
    await mounts.mount('--bind', metadata, metadata)
    await mounts.mount('-o', 'remount,bind,ro', metadata)
    for (const count of [200, 200]) {
      const before = (await first.status())!.pendingErrorIntents
      await feed.send(count)
      await until('another pending batch', async () => ((await first.status())?.pendingErrorIntents ?? 0) > before, 60)
    }
    await first.kill()
    const pending = join(dirname(ground.errorsTable), '_hc_pending')
    const manifests = (await readdir(pending, { recursive: true })).filter(name => name.endsWith('.avro'))
    const away = join(ground.folder, 'away')
    await mkdir(away)
    const moved = manifests.map((name, at) => [join(pending, name), join(away, String(at))] as const)
    for (const [from, to] of moved) await rename(from, to)
    const second = ground.start('second', { place: 'first' })
    await assertHalted(second, 'PendingLost')
    for (const [from, to] of moved) await rename(to, from)
    await allDurable(second, feed)
    const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
    assert.deepEqual([read, rest], [feed.payloads, exact])
  })

  test('tables of another group are left alone, and a run that ends by itself says so and fails', async () => {
    const { ground, feed } = await prepare('owned')
    await feed.send(50)
    const own = await ground.catchUp()
    assert.equal(own.ended!.code, 0)
    const { warehouse, topic } = ground
    const versions = await versionsOf(ground.rawTable)
    const other = await createGround({ bootstrapServers, topic, groupId: 'other', warehouse })
    cleanup.push(() => other.clear())
    const run = await other.catchUp()
    assert.equal(run.ended!.code, 1)
    assert.match(run.complaints.join('\n'), /^error\[FAILED\]: TableOwned: .*group owned.*group other/m)
    assert.deepEqual(await versionsOf(ground.rawTable), versions)
  })
})
