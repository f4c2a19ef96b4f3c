/** What the Secrets of the catalog and of S3 become, and how one that is missing or half is told without its content. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import {
  readCatalogAuthorities,
  readCatalogSecret,
  readLakeSecrets,
  readS3Authorities,
  readS3Credentials,
} from '../../runtime/lakeCredentials.ts'
import { CredentialsError } from '../../runtime/secrets.ts'
import { createAuthority } from '../authority.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
after(() => rmSync(folder, { recursive: true }))

function secret(name: string, keys: Readonly<Record<string, string>>): string {
  mkdirSync(join(folder, name))
  for (const [key, text] of Object.entries(keys)) writeFileSync(join(folder, name, key), text)
  return name
}
const ofCatalog = (name?: string) =>
  readCatalogSecret(
    { catalog: { type: 'rest', uri: 'http://a', properties: {}, ...(name && { secret: name }) } },
    folder,
  )
const ofS3 = (name?: string) =>
  readS3Credentials({ storage: { s3: { pathStyle: false, ...(name && { secret: name }) } } }, folder)

const message = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof CredentialsError)
    return error.message
  }
  return assert.fail('nothing was refused')
}

suite('the Secret of a catalog', () => {
  test('is not needed where none is named', () => assert.equal(ofCatalog(), undefined))

  test('gives the keys that it has, without the line ends of editors, and no others', () => {
    assert.deepEqual(ofCatalog(secret('bearer', { token: 't\n', other: 'x' })), { token: 't' })
    const login = { clientId: 'id\n', clientSecret: 's' }
    assert.deepEqual(ofCatalog(secret('oauth', login)), { clientId: 'id', clientSecret: 's' })
    const signing = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' }
    assert.deepEqual(ofCatalog(secret('sigv4', signing)), signing)
  })

  test('is read anew each time', () => {
    secret('rotated', { token: 'old' })
    assert.equal(ofCatalog('rotated')?.token, 'old')
    writeFileSync(join(folder, 'rotated', 'token'), 'new')
    assert.equal(ofCatalog('rotated')?.token, 'new')
  })

  test('with half of a pair, or nothing of use, is told by name and file, never by content', () => {
    const half = message(() => ofCatalog(secret('half', { clientSecret: 'canary' })))
    assert.match(
      half,
      /Secret half has one of clientId and clientSecret alone in .*half · spec\.iceberg\.catalog\.secretRef/,
    )
    const useless = message(() => ofCatalog(secret('useless', { password: 'canary' })))
    assert.match(useless, /no key that a catalog takes.*give it a key token/)
    assert.match(
      message(() => ofCatalog('absent')),
      /Secret absent/,
    )
    assert.doesNotMatch(half + useless, /canary/)
  })
})

suite('the Secret of S3', () => {
  test('is not needed where none is named', () => {
    assert.equal(ofS3(), undefined)
    assert.equal(readS3Credentials({ storage: {} }, undefined), undefined)
  })

  test('gives both keys, and the token of temporary ones', () => {
    const keys = { accessKeyId: 'a', secretAccessKey: 'b' }
    assert.deepEqual(ofS3(secret('static', keys)), keys)
    assert.deepEqual(ofS3(secret('temporary', { ...keys, sessionToken: 'c\n' })), { ...keys, sessionToken: 'c' })
  })

  test('without a key is told by name and file, never by content', () => {
    const text = message(() => ofS3(secret('lone', { secretAccessKey: 'canary' })))
    assert.match(text, /key accessKeyId of Secret lone is missing: no file .* · spec\.iceberg\.storage\.s3\.secretRef/)
    assert.doesNotMatch(text, /canary/)
    assert.match(
      message(() => readS3Credentials({ storage: { s3: { pathStyle: false, secret: 'a' } } }, undefined)),
      /--secrets-dir DIR or HC_SECRETS_DIR/,
    )
  })
})

suite('the authorities', async () => {
  const { ca } = await createAuthority()
  const of = (caSecret?: { readonly name: string; readonly key: string }) => ({
    catalog: { type: 'rest', uri: 'https://a', properties: {}, ...(caSecret && { caSecret }) } as const,
    storage: { s3: { pathStyle: false, ...(caSecret && { caSecret }) } },
  })

  test('are not needed where none are named', () => {
    assert.equal(readCatalogAuthorities(of(), undefined), undefined)
    assert.equal(readS3Authorities(of(), undefined), undefined)
    assert.equal(readS3Authorities({ storage: {} }, undefined), undefined)
  })

  test('are the certificates under a key', () => {
    const named = of({ name: secret('authorities', { 'own.pem': ca }), key: 'own.pem' })
    assert.equal(readCatalogAuthorities(named, folder), ca)
    assert.equal(readS3Authorities(named, folder), ca)
    readLakeSecrets(named, folder)
  })

  const damaged = ca.replace(/\n.{8}/, '\n--------')
  for (const [what, pem, expected] of [
    ['without a certificate', 'canary', /key ca\.crt of Secret .* cannot be used \(no certificate\)/],
    ['that are damaged', damaged, /key ca\.crt of Secret .* cannot be used \(.*write certificates and key in PEM form/],
    ['that are no text', '\n', /key ca\.crt of Secret .* is no text/],
    ['that are missing', undefined, /key ca\.crt of Secret .* is missing: no file/],
  ] as const)
    test(`${what} are told by field, never by content`, () => {
      const name = secret(what.replaceAll(' ', '-'), pem === undefined ? {} : { 'ca.crt': pem })
      const named = of({ name, key: 'ca.crt' })
      for (const [read, field] of [
        [readCatalogAuthorities, /spec\.iceberg\.catalog\.caSecretRef/],
        [readS3Authorities, /spec\.iceberg\.storage\.s3\.caSecretRef/],
      ] as const) {
        const text = message(() => read(named, folder))
        assert.match(text, expected)
        assert.match(text, field)
        assert.doesNotMatch(text, /canary/)
      }
      assert.match(
        message(() => readLakeSecrets({ ...named, catalog: of().catalog }, folder)),
        expected,
      )
    })
})
