import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restSettings } from '../../../../runtime/iceberg/rest/settings.ts'
import { catalogOf } from './catalogStub.ts'

test('without properties it is OAuth2 for the scope catalog, and everything else as usual', () => {
  const settings = restSettings({ unknown: 'x', 's3.endpoint': 'http://s3' })
  assert.equal(settings.auth, 'oauth2')
  assert.equal(settings.oauth2.scope, 'catalog')
  assert.deepEqual(settings.headers, {})
  assert.equal(settings.timeoutMs, undefined)
})

test('what is known is taken', () => {
  const settings = restSettings({
    'rest.sigv4-enabled': 'TRUE',
    'rest.signing-region': 'eu-1',
    'header.X-A': '1',
    'rest.client.connection-timeout-ms': '100',
    'rest.client.socket-timeout-ms': '2000',
  })
  assert.equal(settings.auth, 'sigv4')
  assert.deepEqual(settings.sigv4, { region: 'eu-1', name: 'execute-api' })
  assert.deepEqual(settings.headers, { 'x-a': '1' })
  assert.deepEqual([settings.connectTimeoutMs, settings.timeoutMs], [100, 2000])
})

const malformed: readonly (readonly [property: string, value: string])[] = [
  ['rest.sigv4-enabled', 'yes'],
  ['rest.auth.type', 'basic'],
  ['rest.client.socket-timeout-ms', '0'],
  ['rest.client.connection-timeout-ms', '5s'],
  ['oauth2-server-uri', 'ftp://x'],
  ['oauth2-server-uri', ''],
  ['oauth2-server-uri', 'https://me:canary@host/token'],
  ['header.X A', 'canary'],
  ['header.Authorization', 'canary'],
  ['header.If-None-Match', 'canary'],
  ['header.X-A', 'canary\r\nX-B: 1'],
  ['header.X-A', 'canary ü'],
]
for (const [property, value] of malformed)
  test(`${property} '${JSON.stringify(value)}' is refused by name, and no value of a header or login is shown`, () => {
    assert.throws(
      () => restSettings({ [property]: value }),
      (error: Error) => {
        assert.ok(error.message.startsWith(`spec.iceberg.catalog.properties.${property} `), error.message)
        return !error.message.includes('canary')
      },
    )
  })

test('an address that is none, or holds a login, is refused by name', () => {
  for (const uri of ['', 'catalog', 's3://x', 'http://me:canary@host', 'http://host/?token=canary', 'http://host/#x'])
    assert.throws(
      () => catalogOf(uri),
      (error: Error) => /^spec\.iceberg\.catalog\.uri /.test(error.message) && !error.message.includes('canary'),
    )
})
