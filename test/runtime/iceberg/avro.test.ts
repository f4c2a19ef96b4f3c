import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib'
import snappy from 'snappy'
import {
  type AvroRecord,
  type AvroRecordSchema,
  allRecords,
  encodeContainer,
  openContainer,
} from '../../../runtime/iceberg/avro.ts'
import fc from '../../properties.ts'

const schema: AvroRecordSchema = {
  type: 'record',
  name: 'row',
  fields: [
    { name: 'id', type: 'long', 'field-id': 1 },
    { name: 'name', type: ['null', 'string'], default: null, 'field-id': 2 },
    { name: 'raw', type: 'bytes', 'field-id': 3 },
    { name: 'fixed', type: { type: 'fixed', name: 'f2', size: 2 }, 'field-id': 4 },
    {
      name: 'days',
      type: { type: 'array', items: { type: 'int', logicalType: 'date' }, 'element-id': 6 },
      'field-id': 5,
    },
  ],
}
const row = (id: bigint, name: string | null): AvroRecord => ({
  id,
  name,
  raw: Buffer.from('r'),
  fixed: Buffer.from('ff'),
  days: [-1, 2],
})
const plain = (records: readonly AvroRecord[]): unknown => records.map(record => ({ ...record }))

test('records and header survive, every int64 exact', () => {
  const record = fc.record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    name: fc.option(fc.string({ unit: 'grapheme' })),
    raw: fc.uint8Array().map(Buffer.from),
    fixed: fc.uint8Array({ minLength: 2, maxLength: 2 }).map(Buffer.from),
    days: fc.array(fc.integer()),
  })
  fc.assert(
    fc.property(fc.array(record), records => {
      const decoded = openContainer(encodeContainer(schema, records, { 'format-version': '2', empty: '' }))
      assert.deepEqual(plain(allRecords(decoded)), plain(records))
      assert.equal(decoded.header.get('format-version'), '2')
      assert.equal(decoded.header.get('empty'), '')
      assert.deepEqual(decoded.schema, schema)
    }),
  )
})

test('the header holds the schema with its field ids, and the same contents make the same bytes', () => {
  const bytes = encodeContainer(schema, [row(1n, 'a')], {})
  assert.equal(bytes.subarray(0, 4).toString('latin1'), 'Obj\x01')
  assert.ok(bytes.includes('"field-id":5'))
  assert.ok(bytes.includes('"element-id":6'))
  assert.deepEqual(encodeContainer(schema, [row(1n, 'a')], {}), bytes)
})

/** A container by hand: one header block, then blocks of one record each, all lengths below 64. */
function container(codec: string | undefined, blocks: readonly Buffer[], tail: Buffer = Buffer.alloc(0)): Buffer {
  const short = (length: number): Buffer => Buffer.from([length * 2])
  const text = JSON.stringify({ type: 'record', name: 'r', fields: [{ name: 'n', type: 'int' }] })
  const entry = (key: string, value: string): Buffer =>
    Buffer.concat([
      short(key.length),
      Buffer.from(key),
      Buffer.from([((value.length * 2) & 127) | 128, value.length >> 6]),
      Buffer.from(value),
    ])
  const sync = Buffer.alloc(16, 7)
  return Buffer.concat([
    Buffer.from('Obj\x01'),
    short(codec === undefined ? 1 : 2),
    entry('avro.schema', text),
    ...(codec === undefined ? [] : [entry('avro.codec', codec)]),
    short(0),
    sync,
    ...blocks.flatMap(block => [short(1), short(block.length), block, sync]),
    tail,
  ])
}

const decodeAll = (bytes: Buffer): readonly AvroRecord[] => allRecords(openContainer(bytes))

const seven = Buffer.from([14])
const snappyBlock = (): Buffer => {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(seven))
  return Buffer.concat([snappy.compressSync(seven), checksum])
}

test('the codecs of other writers are read, over any number of blocks', () => {
  const blocks: readonly [string | undefined, Buffer][] = [
    [undefined, seven],
    ['null', seven],
    ['deflate', deflateRawSync(seven)],
    ['snappy', snappyBlock()],
    ['zstandard', zstdCompressSync(seven)],
  ]
  for (const [codec, block] of blocks)
    assert.deepEqual(plain(decodeAll(container(codec, [block, block]))), [{ n: 7 }, { n: 7 }], codec)
})

test('an unknown codec is named', () => {
  assert.throws(() => decodeAll(container('bzip2', [])), {
    code: 'UNSUPPORTED_CODEC',
    message: /'bzip2'.*deflate/,
  })
})

test('no truncation and no damage to framing passes for a shorter file', () => {
  const bytes = encodeContainer(schema, [row(1n, 'a'), row(2n, null)], { k: 'v' })
  const ends = new Set([bytes.length])
  const blockStart = bytes.lastIndexOf(bytes.subarray(-16), -17) + 16
  ends.add(blockStart) // A container may end after any sync marker: the length is recorded where it is referred to.
  for (let length = 0; length < bytes.length; length++)
    if (!ends.has(length))
      assert.throws(() => decodeAll(bytes.subarray(0, length)), { name: 'AvroError' }, `${length} bytes`)
  const otherSync = Buffer.from(bytes)
  otherSync[bytes.length - 1]! ^= 1
  assert.throws(() => decodeAll(otherSync), { code: 'MALFORMED', message: /sync marker/ })
  assert.throws(() => decodeAll(container('null', [Buffer.from([14, 14])])), { message: /1 bytes follow/ })
  const wrongChecksum = snappyBlock()
  wrongChecksum[wrongChecksum.length - 1]! ^= 1
  assert.throws(() => decodeAll(container('snappy', [wrongChecksum])), { message: /checksum/ })
})
