/**
 * Brokers that ask who is there: secrets come from files, a refusal is retried with a warning that names the broker, a
 * secret that comes right is taken up, and none is ever told.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../until.ts'
import { type Consumer, createConsumer, type Ended, type SpecParts } from './consumer.ts'
import { assertExactly, Written } from './samples.ts'
import { type SecuredBroker, startSecuredBroker, username } from './securedBroker.ts'

const plainPassword = 'plain-s3cret'
const scramPassword = 'scram-s3cret'
const wrongPassword = 'wr0ng-s3cret'

const main = join(import.meta.dirname, '../../cli/main.ts')

suite('credentials', () => {
  let broker: SecuredBroker
  let folder: string
  const consumers: Consumer[] = []

  before(async () => {
    broker = await startSecuredBroker(plainPassword)
    await broker.setScramPassword(scramPassword)
    folder = await mkdtemp(join(tmpdir(), 'secrets-'))
    await secret('ca', { 'authorities.pem': broker.certificates.ca })
  })
  after(async () => {
    for (const consumer of consumers) await consumer.remove()
    await broker.stop()
    await rm(folder, { recursive: true })
  })

  async function secret(name: string, keys: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(join(folder, name), { recursive: true })
    for (const [key, text] of Object.entries(keys)) await writeFile(join(folder, name, key), text)
  }

  async function consumerOf(topic: string, server: string, kafka: SpecParts['kafka']): Promise<Consumer> {
    const consumer = await createConsumer({ kafka: { bootstrapServers: [server], topics: [topic], ...kafka } })
    consumers.push(consumer)
    return consumer
  }

  /** One payload in a new topic, produced without credentials. */
  async function topicWithPayload(topic: string): Promise<Written> {
    await broker.createTopic(topic)
    const written = new Written(broker)
    await written.write(topic, 0, 1)
    return written
  }

  function assertNothingTold({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): void {
    const { clientKey } = broker.certificates
    const told = stdout + stderr
    for (const hidden of [plainPassword, scramPassword, wrongPassword, clientKey.split('\n')[1]!])
      assert.ok(!told.includes(hidden), 'a secret is in the output')
  }

  const saslOf = (mechanism: string, name: string) => ({ sasl: { mechanism, secretRef: { name } } })
  const tls = { caSecretRef: { name: 'ca', key: 'authorities.pem' } }
  const withSecrets = () => ({
    arguments: ['--secrets-dir', folder],
    environment: { LOG_LEVEL: 'DEBUG' },
  })

  for (const [mechanism, password, encrypted] of [
    ['plain', plainPassword, false],
    ['scram-sha-512', scramPassword, false],
    ['scram-sha-256', scramPassword, true],
    ['plain', plainPassword, true],
  ] as const)
    test(`${mechanism}${encrypted ? ' over TLS' : ''}`, async () => {
      const topic = `${mechanism}-${encrypted}`
      const written = await topicWithPayload(topic)
      // Written as `echo` writes it.
      await secret(topic, { username: `${username}\n`, password: `${password}\n` })
      const server = encrypted ? broker.loginOverTls : broker.login
      const consumer = await consumerOf(topic, server, { ...saslOf(mechanism, topic), ...(encrypted && { tls }) })
      const ended = await consumer.run(withSecrets())
      assert.equal(ended.code, 0, ended.stderr)
      assertNothingTold(ended)
      await assertExactly(consumer, written.ids)
    })

  test('a client certificate, for run, produce and status', async () => {
    const { ca, clientCertificate, clientKey } = broker.certificates
    await secret('certificate', { 'ca.crt': ca, 'tls.crt': clientCertificate, 'tls.key': clientKey })
    const references = { caSecretRef: { name: 'certificate' }, clientCertificateSecretRef: { name: 'certificate' } }
    const consumer = await consumerOf('certificate', broker.clientCertificate, { tls: references })
    const command = async (...parameters: readonly string[]) => {
      const given = [main, ...parameters, '-f', consumer.manifest, '-o', 'json']
      const environment = { ...process.env, HC_SECRETS_DIR: folder }
      return promisify(execFile)(process.execPath, given, { env: environment })
    }
    const produced = await command('produce', '--payloads', '5', '--invalid', '0')
    assert.equal(JSON.parse(produced.stdout).valid, 100)
    const ended = await consumer.run({ environment: { HC_SECRETS_DIR: folder } })
    assert.equal(ended.code, 0, ended.stderr)
    assert.equal((await consumer.rows('raw', ['sample_id'])).length, 100)
    const status = await command('status')
    assert.equal(JSON.parse(status.stdout).lag, 0)
    for (const output of [produced, ended, status]) assertNothingTold(output)
  })

  for (const [mechanism, password] of [
    ['plain', plainPassword],
    ['scram-sha-512', scramPassword],
  ] as const)
    test(`a wrong ${mechanism} password is retried with warnings, and the right one is taken up`, async () => {
      const topic = `wrong-${mechanism}`
      const written = await topicWithPayload(topic)
      await secret(topic, { username, password: wrongPassword })
      const consumer = await consumerOf(topic, broker.login, saslOf(mechanism, topic))
      const gaveUp = await consumer.run({ ...withSecrets(), arguments: ['--secrets-dir', folder, '--timeout', '3'] })
      assert.equal(gaveUp.code, 1)
      assert.match(gaveUp.stdout, /"code":"FAILED","what":"not caught up after 3 s"/)

      const running = consumer.start(withSecrets())
      const refusals = () =>
        running
          .log()
          .filter(({ level, error }) => level === 'WARNING' && error?.message.includes('refuses the SASL credentials'))
      await until('two refusals', () => refusals().length > 1)
      for (const { error } of refusals()) assert.ok(error?.message.includes(broker.login), error?.message)
      assert.equal((await running.get('/readyz')).status, 503)
      assert.equal((await running.get('/livez')).status, 200)
      await secret(topic, { password })
      await until('everything is durable', async () => {
        const { partitions, pendingErrorIntents } = await running.status()
        return pendingErrorIntents === 0 && partitions.some(({ committed }) => committed === 1)
      })
      const ended = await running.stop()
      assert.equal(ended.code, 0, ended.stderr)
      assertNothingTold(ended)
      assertNothingTold(gaveUp)
      await assertExactly(consumer, written.ids)
    })

  test('a password that is changed under a running consumer', async () => {
    const topic = 'rotated'
    const written = await topicWithPayload(topic)
    await broker.setScramPassword('scram-before')
    await secret(topic, { username, password: 'scram-before' })
    const consumer = await consumerOf(topic, broker.login, saslOf('scram-sha-512', topic))
    const running = consumer.start(withSecrets())
    const committed = async () => (await running.status()).partitions[0]?.committed ?? 0
    await until('the first payload', async () => (await committed()) === 1)
    await broker.setScramPassword(scramPassword)
    // Whoever is connected stays so: a broker asks again at the next connection.
    const trouble = async () => (await running.status()).trouble
    assert.equal(await trouble(), null)
    await broker.halt()
    await until('no broker', async () => (await trouble())?.code === 'BrokersUnreachable')
    const { since } = (await trouble())!
    await broker.resume()
    await until('a refusal', () => running.log().some(({ error }) => error?.message.includes('refuses the SASL')), 60)
    await until('a refused login', async () => (await trouble())?.code === 'LoginRefused')
    const refused = (await trouble())!
    // It has not worked in between.
    assert.equal(refused.since, since)
    assert.doesNotMatch(JSON.stringify(refused), new RegExp(`scram-before|${scramPassword}`))
    await secret(topic, { password: scramPassword })
    await written.write(topic, 0, 1)
    await until('the second payload', async () => (await committed()) === 2, 60)
    assert.equal(await trouble(), null)
    const ended = await running.stop()
    assertNothingTold(ended)
    await assertExactly(consumer, written.ids)
  })

  test('a broker whose certificate nobody vouches for is refused', async () => {
    await topicWithPayload('unknown-authority')
    await secret('unknown-authority', { username, password: plainPassword })
    const sasl = saslOf('plain', 'unknown-authority')
    const consumer = await consumerOf('unknown-authority', broker.loginOverTls, { ...sasl, tls: {} })
    const ended = await consumer.run({ arguments: ['--secrets-dir', folder, '--timeout', '3'] })
    assert.equal(ended.code, 1)
    assert.match(ended.stderr, /"level":"WARNING".*TLS handshake failed.*check the CA/)
    assert.ok(ended.stderr.includes(broker.loginOverTls))
  })
})
