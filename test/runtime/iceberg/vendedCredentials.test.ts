import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VendedCredentials } from '../../../runtime/iceberg/vendedCredentials.ts'

const credential = (prefix: string, key: string) => ({ prefix, config: { 's3.access-key-id': key } })
const keyOf = (vended: VendedCredentials, location: string) => vended.of(location)?.config['s3.access-key-id']

test('the longest prefix of a location decides, whichever table it came with', () => {
  const vended = new VendedCredentials()
  vended.replace('raw', [credential('s3://b/', 'wide'), credential('s3://b/raw/', 'raw')])
  vended.replace('errors', [credential('s3://b/raw/errors/', 'errors')])
  assert.equal(keyOf(vended, 's3://b/raw/errors/1'), 'errors')
  assert.equal(keyOf(vended, 's3://b/raw/1'), 'raw')
  assert.equal(keyOf(vended, 's3://b/1'), 'wide')
  assert.equal(keyOf(vended, 's3://other/1'), undefined)
})

test('what a table came with before is forgotten, and of equal prefixes the newest counts', () => {
  const vended = new VendedCredentials()
  vended.replace('raw', [credential('s3', '1')])
  vended.replace('errors', [credential('s3', '2')])
  assert.equal(keyOf(vended, 's3://b/1'), '2')
  vended.replace('raw', [credential('s3', '3')])
  assert.equal(keyOf(vended, 's3://b/1'), '3')
  vended.replace('raw', [])
  assert.equal(keyOf(vended, 's3://b/1'), '2')
})
