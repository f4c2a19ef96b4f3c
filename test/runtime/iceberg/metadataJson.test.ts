import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { CatalogError, type CatalogErrorCode } from '../../../runtime/iceberg/catalog.ts'
import {
  parseJson,
  parseTableMetadata,
  stringifyJson,
  stringifyTableMetadata,
} from '../../../runtime/iceberg/metadataJson.ts'
import { applyUpdates, newTableMetadata } from '../../../runtime/iceberg/metadataUpdates.ts'
import fc from '../../properties.ts'
import { appended, definition, snapshotOf } from './fixtures.ts'

const file = 'file:///w/db/samples/metadata/v7.metadata.json'
const largeId = 9223372036854775807n
const empty = newTableMetadata(definition, 'file:///w/db/samples', 'uuid-1', 1000)
const table = applyUpdates(empty, appended(snapshotOf(1, largeId, 1000)), 1000)
const bytes = (document: object): Buffer => Buffer.from(stringifyJson(document))

function refused(input: Uint8Array, code: CatalogErrorCode, message: RegExp): void {
  assert.throws(
    () => parseTableMetadata(input, file),
    error => {
      assert.ok(error instanceof CatalogError)
      assert.equal(error.code, code)
      assert.ok(error.message.includes(file), error.message)
      assert.match(error.message, message)
      return true
    },
  )
}

test('a table survives being written and read, its 63-bit ids and int64 ages exact', () => {
  const tag = { 'snapshot-id': largeId, type: 'tag' as const, 'max-ref-age-ms': largeId }
  const tagged = { ...table, refs: { ...table.refs, 'hc-group': tag } }
  assert.deepEqual(parseTableMetadata(Buffer.from(stringifyTableMetadata(tagged)), file), tagged)
})

test('an empty table is written without current-snapshot-id and read with none', () => {
  const text = stringifyTableMetadata(empty)
  assert.ok(!text.includes('current-snapshot-id'))
  assert.ok(text.includes('"snapshots":[]'))
  assert.deepEqual(parseTableMetadata(Buffer.from(text), file), empty)
})

test('current-snapshot-id -1 means an empty table', () => {
  assert.equal(parseTableMetadata(bytes({ ...empty, 'current-snapshot-id': -1 }), file)['current-snapshot-id'], null)
})

test('a missing refs follows from the current snapshot', () => {
  const { refs: _, ...without } = table
  assert.deepEqual(parseTableMetadata(bytes(without), file).refs, { main: { 'snapshot-id': largeId, type: 'branch' } })
})

test('gzip is recognised', () => {
  assert.deepEqual(parseTableMetadata(gzipSync(stringifyTableMetadata(table)), file), table)
})

test('fields nobody here knows survive, whatever integers they hold', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string(),
        fc.oneof(
          fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
          fc.string(),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
        ),
      ),
      fields => {
        const text = stringifyJson({ ...table, extension: fields })
        assert.equal(stringifyTableMetadata(parseTableMetadata(Buffer.from(text), file)), text)
      },
    ),
  )
})

test('snapshot ids are bigint however small, other integers only where a double would round them', () => {
  assert.deepEqual(parseJson('{"snapshot-id":3,"a":[9007199254740991,9007199254740993,-9007199254740993,0.5]}'), {
    'snapshot-id': 3n,
    a: [9007199254740991, 9007199254740993n, -9007199254740993n, 0.5],
  })
})

test('damaged metadata is refused with the file and the fault named', () => {
  const whole = Buffer.from(stringifyTableMetadata(table))
  refused(whole.subarray(0, whole.length - 1), 'CORRUPT_METADATA', /not a whole JSON document/)
  refused(gzipSync(whole).subarray(0, 40), 'CORRUPT_METADATA', /not a whole JSON document/)
  refused(Buffer.alloc(0), 'CORRUPT_METADATA', /0 bytes/)
  refused(Buffer.from('[]'), 'CORRUPT_METADATA', /not a JSON object/)
  refused(
    Buffer.concat([whole.subarray(0, 60), Buffer.from([0xff]), whole.subarray(60)]),
    'CORRUPT_METADATA',
    /not a whole/,
  )
  for (const field of [
    'table-uuid',
    'location',
    'last-sequence-number',
    'schemas',
    'partition-specs',
    'format-version',
  ])
    refused(bytes({ ...table, [field]: undefined }), 'CORRUPT_METADATA', new RegExp(`'${field}' is missing`))
  refused(
    bytes({ ...table, 'last-updated-ms': '5' }),
    'CORRUPT_METADATA',
    /'last-updated-ms' is of type string, not number/,
  )
  refused(
    bytes({ ...table, snapshots: [{ ...table.snapshots[0], summary: undefined }] }),
    'CORRUPT_METADATA',
    /'snapshots\[0\].summary' is missing/,
  )
  refused(bytes({ ...table, snapshots: [] }), 'CORRUPT_METADATA', /9223372036854775807 is not in 'snapshots'/)
  refused(bytes({ ...table, refs: {} }), 'CORRUPT_METADATA', /ref 'main' is snapshot null/)
  refused(bytes({ ...table, 'current-schema-id': 4 }), 'CORRUPT_METADATA', /'current-schema-id' 4/)
  refused(bytes({ ...table, 'default-spec-id': 4 }), 'CORRUPT_METADATA', /'default-spec-id' 4/)
})

test('other format versions are refused by their number', () => {
  refused(bytes({ ...table, 'format-version': 3 }), 'UNSUPPORTED_FORMAT', /version 3 is not supported, only 2/)
  refused(bytes({ ...table, 'format-version': 1 }), 'UNSUPPORTED_FORMAT', /version 1 .* upgrade the table/)
})
