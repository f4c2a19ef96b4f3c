import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redaction } from '../../../../runtime/iceberg/rest/redaction.ts'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.q-dT0sVx1_aB2cD3'

test('what looks like a secret is removed, whoever sent it', () => {
  const redaction = new Redaction()
  for (const secret of [
    `Bearer ${jwt}`,
    jwt,
    'token=canary',
    '"client_secret": "canary"',
    'X-Amz-Signature=canary',
    'Authorization: Basic canary==',
    'AKIAIOSFODNN7EXAMPLE',
    'https://s3/bucket/key?X-Amz-Credential=canary',
    'https://me:canary@host/',
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    'd41d8cd98f00b204e9800998ecf8427e',
  ]) {
    const shown = redaction.shown(`refused ${secret} for you`)
    assert.match(shown, /^refused .*\[removed\]/, secret)
    assert.doesNotMatch(shown, /canary|eyJ|IOSFODNN|wJalr|d41d8/, secret)
  }
})

test('what says what is wrong stays', () => {
  const said = [
    "Requirement failed: branch main was created concurrently, snapshot 4358109269873137077 of 'health_db.health_data_raw'",
    'Table uuid is 6f1f3fd0-53b1-4a8e-9d7c-0f4a5a3ffb21, required other',
    'cannot read s3://lakehouse/warehouse/health_db/health_data_raw/metadata/00001-6f1f3fd0.metadata.json',
  ]
  for (const text of said) assert.equal(new Redaction().shown(text), text)
})

test('a secret that was told is removed wherever it stands, also a newer one, and the beginning of another', () => {
  const redaction = new Redaction()
  redaction.add(undefined)
  redaction.add('pass')
  redaction.add('pass word')
  for (let n = 0; n < 62; n++) redaction.add(`secret ${n}!`)
  assert.equal(redaction.shown('(pass word) <pass> secret 61!'), '([removed]) <[removed]> [removed]')
})

test('it is one line of at most 300 characters', () => {
  const shown = new Redaction().shown(`a\nb\u0000\tc ${'long '.repeat(100)}`)
  assert.match(shown, /^a b c long/)
  assert.equal(shown.length, 300)
})
