/**
 * Brokers that want tokens, which a token server signs: they are renewed before a broker ends the connection, what goes
 * wrong on the way to one is retried with a warning that names who refuses, and no token and no secret is ever told.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../until.ts'
import { type Consumer, createConsumer, type Running } from './consumer.ts'
import { assertExactly, Written } from './samples.ts'
import { type SecuredBroker, startSecuredBroker } from './securedBroker.ts'
import { audience, clientId, scope, startTokenServer, type TokenServer } from './tokenServer.ts'

const clientSecret = 'cl1ent/s3cret ~ü'
const wrongSecret = 'wr0ng-s3cret'

const main = join(import.meta.dirname, '../../cli/main.ts')

suite('OAuth', () => {
  let tokens: TokenServer
  let broker: SecuredBroker
  let folder: string
  const consumers: Consumer[] = []

  before(async () => {
    tokens = await startTokenServer(clientSecret)
    broker = await startSecuredBroker('unused', tokens.jwks)
    folder = await mkdtemp(join(tmpdir(), 'secrets-'))
  })
  after(async () => {
    for (const consumer of consumers) await consumer.remove()
    await broker.stop()
    await tokens.stop()
    await rm(folder, { recursive: true })
  })
  beforeEach(async () => {
    Object.assign(tokens, { audience, isDown: false, clientSecret })
    await writeSecret(folder)
  })

  /** As `echo` writes it, into the folder that a command is given. */
  async function writeSecret(into: string, lifetimeSeconds = 300): Promise<void> {
    await mkdir(join(into, 'login'), { recursive: true })
    const tokenEndpoint = `${tokens.url}?lifetime=${lifetimeSeconds}`
    const keys = { tokenEndpoint, clientId, clientSecret, scope, 'ca.crt': tokens.ca }
    for (const [key, text] of Object.entries(keys)) await writeFile(join(into, 'login', key), `${text}\n`)
  }
  const secret = (key: string, text: string) => writeFile(join(folder, 'login', key), text)

  /** A topic of its own with one payload, produced without a login, and who consumes it. */
  async function consumerOf(topic: string, server: string): Promise<{ consumer: Consumer; written: Written }> {
    await broker.createTopic(topic)
    const written = new Written(broker)
    await written.write(topic, 0, 1)
    const sasl = { mechanism: 'oauthbearer', secretRef: { name: 'login' } }
    const consumer = await createConsumer({ kafka: { bootstrapServers: [server], topics: [topic], sasl } })
    consumers.push(consumer)
    return { consumer, written }
  }

  const withSecrets = (from = folder) => ({ arguments: ['--secrets-dir', from], environment: { LOG_LEVEL: 'DEBUG' } })

  function assertNothingTold(...outputs: readonly string[]): void {
    const signatures = tokens.issued.map(({ token }) => token.split('.')[2]!)
    for (const hidden of [clientSecret, encodeURIComponent(clientSecret), wrongSecret, 'fr33-text', ...signatures])
      assert.ok(!outputs.join().includes(hidden), 'a secret is in the output')
  }

  const committed = async (running: Running) => (await running.status()).partitions[0]?.committed ?? 0
  const warnings = (running: Running) => running.log().filter(({ level }) => level === 'WARNING')
  const saying = (running: Running, text: string) =>
    warnings(running).filter(({ error }) => error?.message.includes(text))

  test('run, produce, status and doctor, with SASL extensions', async () => {
    await secret('logicalCluster', 'lkc-1')
    await secret('identityPoolId', 'pool-1')
    const { consumer, written } = await consumerOf('once', broker.token)
    const before = tokens.issued.length
    const ended = await consumer.run(withSecrets())
    assert.equal(ended.code, 0, ended.stderr)
    assert.equal(tokens.issued.length, before + 1, 'one token serves every connection')
    await assertExactly(consumer, written.ids)
    const command = (...parameters: readonly string[]) =>
      promisify(execFile)(process.execPath, [main, ...parameters, '-f', consumer.manifest, '-o', 'json'], {
        env: { ...process.env, HC_SECRETS_DIR: folder },
      })
    const produced = await command('produce', '--payloads', '5', '--invalid', '0')
    const status = await command('status')
    assert.equal(JSON.parse(status.stdout).lag, 5)
    const doctor = await command('doctor').catch(failed => failed)
    assert.doesNotMatch(doctor.stdout, /token/)
    assertNothingTold(...[ended, produced, status, doctor].flatMap(({ stdout, stderr }) => [stdout, stderr]))
    for (const key of ['logicalCluster', 'identityPoolId']) await rm(join(folder, 'login', key))
  })

  /** Brokers end a connection with its token, or after 12 s where they are told to (KIP-368). */
  suite('for long, side by side', { concurrency: true }, () => {
    const issuedAfter = (ms: number) => tokens.issued.some(token => token.lifetimeSeconds === 20 && token.atMs > ms)
    for (const [what, listener, lifetimeSeconds, isOver] of [
      ['its tokens', 'token', 20, (startMs: number) => issuedAfter(startMs + 45_000)],
      ['its sessions', 'tokenSessions', 300, (startMs: number) => Date.now() > startMs + 26_000],
    ] as const)
      test(`a consumer outlives ${what}`, async () => {
        const secrets = join(folder, listener)
        await writeSecret(secrets, lifetimeSeconds)
        const { consumer, written } = await consumerOf(`outlives-${listener}`, broker[listener])
        const running = consumer.start(withSecrets(secrets))
        await until('the first payload', async () => (await committed(running)) === 1)
        const earlier = warnings(running).length
        const startMs = Date.now()
        await until(`the end of ${what}`, () => isOver(startMs), 90)
        await written.write(`outlives-${listener}`, 0, 1)
        await until('the second payload', async () => (await committed(running)) === 2)
        const ended = await running.stop()
        assert.equal(ended.code, 0, ended.stderr)
        assert.deepEqual(warnings(running).slice(earlier), [])
        assertNothingTold(ended.stdout, ended.stderr)
        await assertExactly(consumer, written.ids)
      })
  })

  test('a wrong client secret is retried with warnings, and the right one is taken up', async () => {
    await secret('clientSecret', wrongSecret)
    const { consumer, written } = await consumerOf('wrong-secret', broker.token)
    const running = consumer.start(withSecrets())
    const refusal = `${new URL(tokens.url).host} answers 401 (invalid_client): check tokenEndpoint, clientId`
    await until('two refusals', () => saying(running, refusal).length > 1)
    assert.equal((await running.get('/readyz')).status, 503)
    assert.equal((await running.get('/livez')).status, 200)
    assert.equal((await running.status()).trouble?.code, 'LoginRefused')
    await secret('clientSecret', clientSecret)
    await until('the payload', async () => (await committed(running)) === 1)
    assert.equal((await running.status()).trouble, null)
    const ended = await running.stop()
    assert.equal(ended.code, 0, ended.stderr)
    assertNothingTold(ended.stdout, ended.stderr)
    await assertExactly(consumer, written.ids)
  })

  test('produce gives up on a wrong client secret at once', async () => {
    await secret('clientSecret', wrongSecret)
    const { consumer } = await consumerOf('produce-wrong', broker.token)
    const refused = consumer.manifest
    const failed = await promisify(execFile)(process.execPath, [
      main,
      'produce',
      '--payloads',
      '1',
      '-f',
      refused,
      '--secrets-dir',
      folder,
    ]).catch(error => error)
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /error\[FAILED\]: Kafka refuses: the token endpoint \S+ answers 401 \(invalid_client\)/)
    assertNothingTold(failed.stdout, failed.stderr)
  })

  test('a token that the broker refuses is not used again', async () => {
    tokens.audience = 'somebody else'
    const { consumer, written } = await consumerOf('wrong-audience', broker.token)
    const running = consumer.start(withSecrets())
    await until('two refusals', () => saying(running, `${broker.token} refuses the token (invalid_token)`).length > 1)
    tokens.audience = audience
    await until('the payload', async () => (await committed(running)) === 1)
    const ended = await running.stop()
    assertNothingTold(ended.stdout, ended.stderr)
    await assertExactly(consumer, written.ids)
  })

  test('a token server that is down when a token is needed', async () => {
    await secret('tokenEndpoint', `${tokens.url}?lifetime=12`)
    const { consumer, written } = await consumerOf('down', broker.token)
    const running = consumer.start(withSecrets())
    await until('the first payload', async () => (await committed(running)) === 1)
    tokens.isDown = true
    await until('a warning', () => saying(running, 'answers 503').length > 0, 60)
    tokens.isDown = false
    await written.write('down', 0, 1)
    await until('the second payload', async () => (await committed(running)) === 2)
    const ended = await running.stop()
    assertNothingTold(ended.stdout, ended.stderr)
    await assertExactly(consumer, written.ids)
  })
})
