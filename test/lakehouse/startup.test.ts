/**
 * A consumer whose catalog or storage cannot be used when it starts: it says what is wrong by one word of the list, with the
 * fix and without a secret, stays up, and begins by itself once it can.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import type { TroubleCode } from '../../runtime/contract/troubles.ts'
import { createAuthority } from '../authority.ts'
import { createRandom } from '../faults/random.ts'
import type { Runtime } from '../faults/runtimes.ts'
import { Written } from '../pipeline/samples.ts'
import { read } from '../readers/readers.ts'
import { until } from '../until.ts'
import { type LakehouseGround, startLakehouse } from './lakehouse.ts'
import { startTlsFront } from './tlsFront.ts'

const canary = 'canary-of-a-wrong-key'

suite('at its start a consumer', async () => {
  const house = await startLakehouse({ random: createRandom(3) })
  after(() => house.stop())
  const writeKey = (ground: LakehouseGround, secret: string, key: string, text: string) =>
    writeFile(join(ground.secrets, secret, key), text)

  /** Of a topic of its own, with what is given in place of `spec.iceberg`. */
  async function groundOf(topic: string, iceberg?: object): Promise<LakehouseGround> {
    await house.broker.createTopic(topic, 2)
    return house.createGround({ topic }, iceberg)
  }

  async function untilInTrouble(runtime: Runtime, code: TroubleCode, message: RegExp): Promise<void> {
    await until(
      `${code} of ${runtime.name}: ${message}`,
      async () => {
        const trouble = (await runtime.status())?.trouble
        return trouble?.code === code && message.test(trouble.message)
      },
      60,
    )
    const ready = (await runtime.get('/readyz'))!
    assert.equal(ready.code, 503)
    assert.match(ready.body, new RegExp(code))
    assert.equal((await runtime.get('/livez'))!.code, 200)
  }

  /** And has told no secret till then. */
  async function untilAtWork(runtime: Runtime): Promise<void> {
    await until(`${runtime.name} is at work`, async () => (await runtime.get('/readyz'))?.code === 200, 60)
    await until('the trouble is over', async () => (await runtime.status())!.trouble === null)
    const answers = await Promise.all(['/status', '/metrics', '/readyz'].map(path => runtime.get(path)))
    const told = JSON.stringify([runtime.logged, runtime.complaints, runtime.stdout, answers])
    for (const secret of [canary, 'canary-of-the-catalog', house.s3.secretAccessKey])
      assert.ok(!told.includes(secret), `${runtime.name} tells a secret`)
    assert.match(told, /iceberg_request_failures_total\{backend=\\"(storage|catalog)\\"\} [1-9]/)
    await runtime.kill()
  }

  test('with a wrong key to S3 names it, and takes up the right one', async () => {
    const ground = await groundOf('wrong-key')
    await writeKey(ground, 's3', 'secretAccessKey', canary)
    const runtime = ground.start('wrong key')
    await untilInTrouble(runtime, 'StorageDenied', /SignatureDoesNotMatch.*the credentials are wrong or expired/)
    await writeKey(ground, 's3', 'secretAccessKey', house.s3.secretAccessKey)
    await untilAtWork(runtime)
  })

  test('whose login the catalog refuses names that', async () => {
    const ground = await groundOf('refused-login')
    const refused = house.catalogProxy.inject({
      kinds: ['token', 'config', 'load raw', 'load errors', 'namespace'],
      do: {
        fault: 'refuse',
        status: 401,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ error: { message: 'who are you?', type: 'NotAuthorizedException', code: 401 } }),
      },
    })
    const runtime = ground.start('refused login')
    await untilInTrouble(runtime, 'CatalogDenied', /401/)
    refused.end()
    await untilAtWork(runtime)
  })

  test('whose catalog is away waits for it', async () => {
    const ground = await groundOf('catalog-away')
    await house.catalog.kill()
    const runtime = ground.start('catalog away')
    await untilInTrouble(runtime, 'CatalogFailing', /./)
    await house.catalog.start()
    await untilAtWork(runtime)
  })

  test('whose bucket does not exist names it, and begins once it does', async () => {
    const s3 = { endpoint: house.storageProxy.url, pathStyle: true, secretRef: { name: 's3' } }
    const warehouse = 's3://not-there-yet/warehouse'
    const ground = await groundOf('no-bucket', { catalog: { type: 'filesystem', warehouse }, storage: { s3 } })
    const runtime = ground.start('no bucket')
    await untilInTrouble(runtime, 'CatalogFailing', /NoSuchBucket.*there is no such bucket.*s3:\/\/not-there-yet\//)
    await mkdir(join(house.s3.dir, 'data', 'not-there-yet'))
    await untilAtWork(runtime)
  })

  test('behind https checks catalog and storage against the authority that is named, and refuses any other', async () => {
    const [authority, other] = [await createAuthority(), await createAuthority()]
    const pair = await authority.issue('lakehouse')
    const [catalog, s3] = [await startTlsFront(house.catalog.uri, pair), await startTlsFront(house.s3.endpoint, pair)]
    after(() => [catalog, s3].map(front => front.close()))
    const caSecretRef = { name: 'authority' }
    const ground = await groundOf('over-tls', {
      catalog: { type: 'rest', uri: catalog.url, secretRef: { name: 'catalog' }, caSecretRef },
      storage: {
        s3: { endpoint: s3.url, region: 'us-east-1', pathStyle: true, secretRef: { name: 's3' }, caSecretRef },
      },
    })
    await mkdir(join(ground.secrets, 'authority'))
    await writeKey(ground, 'authority', 'ca.crt', other.ca)
    const wrong = ground.start('another authority')
    await untilInTrouble(wrong, 'CatalogFailing', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
    await wrong.kill()

    await writeKey(ground, 'authority', 'ca.crt', authority.ca)
    await new Written(house.broker).write('over-tls', 0, 5)
    await ground.catchUp()
    const { pyiceberg } = await read(ground.rawTable, [{ op: 'count' }], ['pyiceberg'])
    assert.equal(pyiceberg[0].rows, 10)
  })

  test('that is to end by itself ends with the trouble', async () => {
    const ground = await groundOf('ends')
    await writeKey(ground, 's3', 'secretAccessKey', canary)
    const runtime = ground.start('ends', { flags: ['--until-caught-up', '--timeout', '6'] })
    assert.equal((await runtime.end()).code, 1)
    const [complaint] = runtime.complaints.filter(line => line.startsWith('error['))
    assert.match(complaint!, /not caught up after 6 s: StorageDenied: .*the credentials are wrong or expired/)
    assert.ok(!JSON.stringify([runtime.logged, runtime.complaints]).includes(canary))
  })
})
