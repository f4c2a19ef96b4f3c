import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, parseAddress, sameServer, withoutCredentials, withoutSecrets } from '../../../cli/doctor/address.ts'

test('user and password become a header, and neither they nor a query are shown', () => {
  const address = parseAddress('http://u%40x:p%2Fw@host:9249/base/?token=t#f')!
  assert.equal(address.shown, 'http://host:9249/base')
  assert.equal(address.authorization, `Basic ${Buffer.from('u@x:p/w').toString('base64')}`)
  assert.equal(below(address, '/metrics').href, 'http://host:9249/base/metrics?token=t')
  assert.equal(below(address, '/q', { query: 'a & b' }).href, 'http://host:9249/base/q?token=t&query=a+%26+b')
})

test('an address without a path, and one with a slash at its end, are the same', () => {
  for (const text of ['http://host:9249', 'http://host:9249/', 'HTTP://host:9249//']) {
    const address = parseAddress(text)!
    assert.deepEqual([address.shown, address.authorization], ['http://host:9249', undefined])
    assert.equal(below(address, '/metrics').href, 'http://host:9249/metrics')
  }
})

for (const text of ['', 'host:9249', 'ftp://host', 'http://', 'http://h:port', 'u:p@host:9249', 'file:///etc/passwd'])
  test(`${JSON.stringify(text)} is no web address`, () => {
    assert.equal(parseAddress(text), undefined)
  })

test('secrets of addresses inside a text are left out', () => {
  assert.equal(
    withoutSecrets('Get "http://u:p@h:1/a?token=t": refused; see https://h/b#s, kafka:9092'),
    'Get "http://h:1/a": refused; see https://h/b kafka:9092',
  )
  assert.equal(withoutCredentials('u:p@host:9249/x?token=t'), '…@host:9249/x')
})

test('the names of this machine are one server, ports and other hosts are not', () => {
  assert.ok(sameServer('http://localhost:9249/metrics', 'http://127.0.0.1:9249'))
  assert.ok(sameServer('http://[::1]:9249', 'http://0.0.0.0:9249'))
  assert.ok(sameServer('https://host/a', 'https://host:443'))
  assert.ok(!sameServer('http://localhost:9249', 'http://localhost:9250'))
  assert.ok(!sameServer('http://a:9249', 'http://b:9249'))
  assert.ok(!sameServer('no address', 'http://b:9249'))
})
