/** What the files of Secrets become, and how a file that is missing or wrong is told: by field, file and fix. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { CredentialsError, type CredentialsErrorCode } from '../../../runtime/secrets.ts'
import { readKafkaCredentials } from '../../../runtime/source/credentials.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
after(() => rmSync(folder, { recursive: true }))

function secret(name: string, keys: Readonly<Record<string, string | Buffer>>): void {
  mkdirSync(join(folder, name))
  for (const [key, text] of Object.entries(keys)) writeFileSync(join(folder, name, key), text)
}
const sasl = (name: string, mechanism: 'plain' | 'scram-sha-512' = 'plain') => ({ sasl: { mechanism, secret: name } })
const oauth = (name: string) => ({ sasl: { mechanism: 'oauthbearer' as const, secret: name } })
const ca = (name: string, key = 'ca.crt') => ({ kafkaTls: { caSecret: { name, key } } })

suite('credentials', () => {
  test('a configuration without any needs no folder', () => {
    assert.deepEqual(readKafkaCredentials({}, undefined), {})
    assert.deepEqual(readKafkaCredentials({ kafkaTls: {} }, undefined), { tls: { ca: undefined } })
  })

  test('user and password are the files without a line end, and nothing else is taken off', () => {
    secret('login', { username: 'me\r\n', password: ' pass word \n\n' })
    assert.deepEqual(readKafkaCredentials(sasl('login', 'scram-sha-512'), folder).sasl, {
      mechanism: 'scram-sha-512',
      username: 'me',
      password: ' pass word \n',
    })
  })

  test('they are read anew each time', () => {
    secret('rotated', { username: 'me', password: 'old' })
    const login = { mechanism: 'plain', username: 'me' }
    assert.deepEqual(readKafkaCredentials(sasl('rotated'), folder).sasl, { ...login, password: 'old' })
    writeFileSync(join(folder, 'rotated', 'password'), 'new')
    assert.deepEqual(readKafkaCredentials(sasl('rotated'), folder).sasl, { ...login, password: 'new' })
  })

  secret('half', { username: 'me' })
  secret('empty', { username: 'me', password: '\n' })
  secret('binary', { username: Buffer.from([0xff, 0xfe]), password: 'hidden' })
  secret('folder', {})
  mkdirSync(join(folder, 'folder', 'username'))
  const notPem = '-----BEGIN CERTIFICATE-----\nhidden\n-----END CERTIFICATE-----\n'
  secret('authority', { 'ca.crt': 'hidden', other: notPem })
  secret('pair', { 'tls.crt': notPem, 'tls.key': 'hidden' })
  const login = { tokenEndpoint: 'https://login/token', clientId: 'me', clientSecret: 'hidden' }
  secret('no-client-secret', { ...login, clientSecret: '' })
  secret('no-endpoint', { clientId: 'me', clientSecret: 'hidden' })
  secret('endpoint', { ...login, tokenEndpoint: 'https://me:hidden@login' })
  secret('extension', { ...login, logicalCluster: 'hidden\x01a=b' })
  secret('own-authority', { ...login, 'ca.crt': 'hidden' })
  const pair = { kafkaTls: { clientCertificateSecret: 'pair' } }

  const cases: readonly (readonly [
    string,
    Parameters<typeof readKafkaCredentials>[0],
    CredentialsErrorCode,
    string,
    RegExp,
  ])[] = [
    ['a folder that is missing', sasl('nowhere'), 'MISSING_SECRET', 'sasl.secretRef', /nowhere\/username/],
    ['a key that is missing', sasl('half'), 'MISSING_SECRET', 'sasl.secretRef', /half\/password.*create the file/],
    ['an empty key', sasl('empty'), 'INVALID_SECRET', 'sasl.secretRef', /empty\/password/],
    ['a key that is no text', sasl('binary'), 'INVALID_SECRET', 'sasl.secretRef', /no text.*binary\/username/],
    ['a key that is a folder', sasl('folder'), 'UNREADABLE_SECRET', 'sasl.secretRef', /EISDIR/],
    ['an authority that is no PEM', ca('authority'), 'INVALID_SECRET', 'tls.caSecretRef', /no certificate.*PEM/],
    ['an authority that is no certificate', ca('authority', 'other'), 'INVALID_SECRET', 'tls.caSecretRef', /key other/],
    ['a token endpoint that is missing', oauth('no-endpoint'), 'MISSING_SECRET', 'sasl.secretRef', /tokenEndpoint/],
    ['a client secret that is empty', oauth('no-client-secret'), 'INVALID_SECRET', 'sasl.secretRef', /clientSecret/],
    ['an endpoint with a login', oauth('endpoint'), 'INVALID_SECRET', 'sasl.secretRef', /tokenEndpoint holds a login/],
    ['an extension of two lines', oauth('extension'), 'INVALID_SECRET', 'sasl.secretRef', /logicalCluster.*ASCII/],
    ['an endpoint’s authority', oauth('own-authority'), 'INVALID_SECRET', 'sasl.secretRef', /ca\.crt.*no certificate/],
    ['a certificate that is none', pair, 'INVALID_SECRET', 'tls.clientCertificateSecretRef', /tls\.crt with tls\.key/],
  ]
  for (const [what, configuration, code, field, message] of cases)
    test(`${what} is named, its content is not`, () => {
      assert.throws(
        () => readKafkaCredentials(configuration, folder),
        (error: unknown) => {
          assert.ok(error instanceof CredentialsError)
          assert.deepEqual([error.code, error.field], [code, `spec.kafka.${field}`])
          assert.match(error.message, message)
          assert.doesNotMatch(String(error.stack) + String(error.cause), /hidden/)
          return true
        },
      )
    })

  test('without a folder of secrets it says how to give one', () => {
    assert.throws(() => readKafkaCredentials(sasl('login'), undefined), /--secrets-dir DIR or HC_SECRETS_DIR/)
  })
})
