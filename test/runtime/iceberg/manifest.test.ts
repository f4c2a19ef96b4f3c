import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AvroField,
  type AvroRecordSchema,
  allRecords,
  encodeContainer,
  openContainer,
} from '../../../runtime/iceberg/avro.ts'
import type { ManifestFile } from '../../../runtime/iceberg/dataFile.ts'
import { decodeManifest, describeManifest, EntryEncoder, encodeManifest } from '../../../runtime/iceberg/manifest.ts'
import { liveEntries, type ManifestEntry } from '../../../runtime/iceberg/manifestEntry.ts'
import { decodeManifestList, encodeManifestList } from '../../../runtime/iceberg/manifestList.ts'
import { partitionRecordSchema } from '../../../runtime/iceberg/manifestSchema.ts'
import fc from '../../properties.ts'
import { dataFile, definition } from './fixtures.ts'

function encodeEntries(
  entries: readonly ManifestEntry[],
  partition: AvroRecordSchema,
  header: Readonly<Record<string, string>>,
): Buffer {
  const encoder = new EntryEncoder(partition, header)
  for (const entry of entries) encoder.add([entry])
  return encoder.finish()
}

const location = 'file:///w/db/samples/metadata/m.avro'
const files = [dataFile('file:///w/a', -1, 'heart', 5), dataFile('file:///w/b', 20000, null, 7)]
const bytes = encodeManifest(files, definition)
const described = describeManifest(location, bytes.length, files, definition.spec)
const listed: ManifestFile = {
  ...described,
  sequence_number: 9n,
  min_sequence_number: 9n,
  added_snapshot_id: 2n ** 63n - 1n,
}

const fieldIds = (fields: readonly AvroField[]): readonly (number | undefined)[] =>
  fields.map(field => field['field-id'])
const recordAt = (schema: AvroRecordSchema, name: string): AvroRecordSchema =>
  schema.fields.find(field => field.name === name)?.type as AvroRecordSchema

test('a manifest has the header entries of the specification', () => {
  const { header } = openContainer(bytes)
  assert.deepEqual(JSON.parse(header.get('schema') ?? ''), definition.schema)
  assert.deepEqual(JSON.parse(header.get('partition-spec') ?? ''), definition.spec.fields)
  assert.deepEqual(
    ['schema-id', 'partition-spec-id', 'format-version', 'content', 'avro.codec'].map(key => header.get(key)),
    ['0', '0', '2', 'data', 'deflate'],
  )
})

test('every field of a manifest has its id (spec "Manifests"), partition values those of the spec', () => {
  const { schema } = openContainer(bytes)
  assert.deepEqual(fieldIds(schema.fields), [0, 1, 3, 4, 2])
  const file = recordAt(schema, 'data_file')
  assert.deepEqual(
    fieldIds(file.fields),
    [134, 100, 101, 102, 103, 104, 108, 109, 110, 137, 125, 128, 131, 132, 135, 140, 143],
  )
  const elementId = (id: number): unknown => {
    const [, array] = file.fields.find(field => field['field-id'] === id)!.type as [string, object]
    return Object.entries(array).find(([name]) => name === 'element-id')?.[1]
  }
  assert.deepEqual([elementId(132), elementId(135)], [133, 136])
  const partition = recordAt(file, 'partition')
  assert.deepEqual(partition.fields, [
    { name: 'at_day', type: ['null', { type: 'int', logicalType: 'date' }], default: null, 'field-id': 1000 },
    { name: 'kind', type: ['null', 'string'], default: null, 'field-id': 1001 },
  ])
  const maps = [
    [108, 117, 118],
    [109, 119, 120],
    [110, 121, 122],
    [137, 138, 139],
    [125, 126, 127],
    [128, 129, 130],
  ]
  for (const [id, key, value] of maps) {
    const field = file.fields.find(candidate => candidate['field-id'] === id)
    const [, array] = field!.type as [string, { logicalType: string; items: AvroRecordSchema }]
    assert.equal(array.logicalType, 'map')
    assert.deepEqual(fieldIds(array.items.fields), [key, value])
  }
})

test('new entries are ADDED data without snapshot id and sequence numbers, so that every attempt reuses them', () => {
  for (const { status, snapshotId, sequenceNumber, fileSequenceNumber, file } of decodeManifest(bytes).entries) {
    assert.deepEqual([status, snapshotId, sequenceNumber, fileSequenceNumber], [1, null, null, null])
    assert.equal(file.content, 0)
    assert.equal(file.format, 'PARQUET')
  }
})

test('files survive with their partition values and metrics', () => {
  const { entries, spec, content } = decodeManifest(bytes)
  assert.deepEqual(spec, definition.spec)
  assert.equal(content, 0)
  const plain = (pairs: unknown): unknown =>
    (pairs as { key: number; value: unknown }[]).map(({ key, value }) => [key, value])
  entries.forEach(({ file }, at) => {
    const given = files[at]!
    assert.equal(file.location, given.location)
    assert.deepEqual(file.partition, given.partition)
    assert.equal(file.recordCount, given.recordCount)
    assert.equal(file.fileSizeInBytes, given.fileSizeInBytes)
    assert.deepEqual(plain(file.fields.get(109)), [[1, BigInt(given.recordCount)]])
    assert.deepEqual(plain(file.fields.get(128)), [[2, Buffer.from('b')]])
    assert.deepEqual(file.fields.get(132), [4n])
  })
})

test('a description counts files, rows and bytes and bounds each partition field', () => {
  assert.equal(described.added_files_count, 2)
  assert.equal(described.added_rows_count, 12n)
  assert.equal(described.added_files_size, 2012n)
  assert.equal(described.manifest_length, bytes.length)
  assert.equal(described.changed_partitions.length, 2)
  assert.deepEqual(described.partitions, [
    {
      contains_null: false,
      contains_nan: false,
      lower_bound: Buffer.from('ffffffff', 'hex'),
      upper_bound: Buffer.from('204e0000', 'hex'),
    },
    { contains_null: true, contains_nan: false, lower_bound: Buffer.from('heart'), upper_bound: Buffer.from('heart') },
  ])
})

test('the bounds of a description hold every value, by code point and not by UTF-16 unit', () => {
  const value = fc.record({
    day: fc.integer({ min: -1e6, max: 1e6 }),
    kind: fc.string({ unit: 'grapheme', minLength: 1 }),
  })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), values => {
      const described = describeManifest(
        location,
        1,
        values.map(({ day, kind }) => dataFile('f', day, kind)),
        definition.spec,
      )
      const [days, kinds] = described.partitions!
      for (const { day, kind } of values) {
        assert.ok(days!.lower_bound!.readInt32LE() <= day && day <= days!.upper_bound!.readInt32LE())
        assert.ok(
          kinds!.lower_bound!.compare(Buffer.from(kind)) <= 0 && kinds!.upper_bound!.compare(Buffer.from(kind)) >= 0,
        )
      }
    }),
  )
})

test('a partition value whose type the spec does not tell leaves out all summaries, so that readers open the manifest', () => {
  assert.equal(
    describeManifest(location, 1, [{ partition: [1, 5], recordCount: 1, fileSizeInBytes: 1 }], definition.spec)
      .partitions,
    null,
  )
  const [, kinds] = describeManifest(location, 1, [dataFile('f', 1, null)], definition.spec).partitions!
  assert.deepEqual(kinds, { contains_null: true, contains_nan: false, lower_bound: null, upper_bound: null })
})

test('live entries inherit the ids and numbers of the manifest list, unless they have their own', () => {
  const { entries, partition, header } = decodeManifest(bytes)
  const own = { ...entries[0]!, status: 0 as const, snapshotId: 5n, sequenceNumber: 3n, fileSequenceNumber: 2n }
  const deleted = { ...entries[1]!, status: 2 as const }
  const live = liveEntries(
    decodeManifest(encodeEntries([own, entries[1]!, deleted], partition, header)).entries,
    listed,
  )
  assert.deepEqual(
    live.map(entry => [entry.status, entry.snapshotId, entry.sequenceNumber, entry.fileSequenceNumber]),
    [
      [0, 5n, 3n, 2n],
      [1, 2n ** 63n - 1n, 9n, 9n],
    ],
  )
})

test('an entry encoded again keeps every field, of partition types unknown here too', () => {
  const { entries, header } = decodeManifest(bytes)
  const partition: AvroRecordSchema = {
    type: 'record',
    name: 'r102',
    fields: [
      {
        name: 'price',
        type: ['null', { type: 'fixed', name: 'decimal_4_2', size: 2, logicalType: 'decimal' }],
        default: null,
        'field-id': 1000,
      },
      { name: 'flag', type: ['null', 'boolean'], default: null, 'field-id': 1001 },
    ],
  }
  const fields = new Map([
    ...entries[0]!.file.fields,
    [131, Buffer.from('key')],
    [135, [1, 2]],
    [140, 7],
    [143, 'file:///w/x'],
  ])
  const entry = {
    ...entries[0]!,
    file: { ...entries[0]!.file, content: 2, partition: [Buffer.from('12'), true], fields: fields.set(134, 2) },
  }
  const [again] = decodeManifest(encodeEntries([entry], partition, header)).entries
  assert.deepEqual(again!.file.partition, [Buffer.from('12'), true])
  assert.deepEqual(
    [131, 134, 135, 140, 143].map(id => again!.file.fields.get(id)),
    [Buffer.from('key'), 2, [1, 2], 7, 'file:///w/x'],
  )
})

test('a manifest of another writer is read by field id, whatever the names, of format version 1 too', () => {
  const { schema, header, ...container } = openContainer(bytes)
  const records = allRecords({ schema, header, ...container })
  const renamed: AvroRecordSchema = {
    ...schema,
    fields: schema.fields
      .filter(field => field.name !== 'sequence_number' && field.name !== 'file_sequence_number')
      .map(field => ({ ...field, name: `x_${field.name}` })),
  }
  const asV1 = records.map(record =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [`x_${name}`, value])),
  )
  const v1 = decodeManifest(encodeContainer(renamed, asV1, { ...Object.fromEntries(header), 'format-version': '1' }))
  assert.deepEqual(
    v1.entries.map(entry => entry.file.location),
    ['file:///w/a', 'file:///w/b'],
  )
  assert.equal(v1.entries[0]!.sequenceNumber, null)
  assert.equal(v1.reencodable, false)
  assert.equal(decodeManifest(bytes).reencodable, true)
})

test('a manifest with a field nobody here knows is not encoded again, lest the field be lost', () => {
  const { schema, header, ...container } = openContainer(bytes)
  const records = allRecords({ schema, header, ...container })
  const file = recordAt(schema, 'data_file')
  const unknown: AvroField = { name: 'unknown', type: ['null', 'long'], default: null, 'field-id': 999 }
  const extended = { ...file, fields: [...file.fields, unknown] }
  const fields = schema.fields.map(field => (field.name === 'data_file' ? { ...field, type: extended } : field))
  const again = decodeManifest(encodeContainer({ ...schema, fields }, records, Object.fromEntries(header)))
  assert.equal(again.entries.length, 2)
  assert.equal(again.reencodable, false)
})

test('bytes that are no manifest are refused', () => {
  assert.throws(() => decodeManifest(Buffer.from('PAR1')), { name: 'AvroError', code: 'MALFORMED' })
  assert.throws(
    () => decodeManifest(encodeManifestList([listed], { id: 1n, parentId: undefined, sequenceNumber: 1 })),
    { code: 'MALFORMED', message: /not a manifest/ },
  )
  assert.throws(() => decodeManifestList(bytes), { name: 'AvroError', code: 'MALFORMED' })
})

test('a partition type that is not written is refused by name', () => {
  const spec = { 'spec-id': 1, fields: [{ name: 'at', transform: 'identity', 'source-id': 1, 'field-id': 1000 }] }
  assert.throws(() => encodeManifest(files, { schema: definition.schema, spec }), {
    code: 'UNSUPPORTED_FORMAT',
    message: /'at': type timestamptz/,
  })
})

test('partition names are made valid for Avro as Iceberg Java does', () => {
  const named = (name: string) =>
    partitionRecordSchema(
      { 'spec-id': 0, fields: [{ name, transform: 'identity', 'source-id': 2, 'field-id': 1000 }] },
      definition.schema,
    ).fields[0]!.name
  assert.deepEqual(['kind', 'a b', '9x', 'naïve'].map(named), ['kind', 'a_x20b', '_9x', 'na_xEFve'])
})

test('a manifest list survives, its 63-bit ids exact, with field ids and the snapshot in its header', () => {
  const { added_files_size: _, changed_partitions: __, ...manifest } = { ...described, ...listed }
  const manifests: readonly ManifestFile[] = [
    { ...manifest, key_metadata: Buffer.from('k') },
    { ...manifest, manifest_path: 'other', content: 1, partitions: null },
  ]
  const list = encodeManifestList(manifests, { id: 2n ** 63n - 1n, parentId: 12n, sequenceNumber: 9 })
  assert.deepEqual(decodeManifestList(list), manifests)
  const { header, schema } = openContainer(list)
  assert.deepEqual(
    ['snapshot-id', 'parent-snapshot-id', 'sequence-number', 'format-version'].map(key => header.get(key)),
    ['9223372036854775807', '12', '9', '2'],
  )
  assert.deepEqual(fieldIds(schema.fields), [500, 501, 502, 517, 515, 516, 503, 504, 505, 506, 512, 513, 514, 507, 519])
  assert.deepEqual(decodeManifestList(encodeManifestList([], { id: 1n, parentId: undefined, sequenceNumber: 1 })), [])
})

test('a manifest list of format version 1 is read: counts under their old names, no sequence numbers', () => {
  const fields: readonly AvroField[] = [
    { name: 'manifest_path', type: 'string', 'field-id': 500 },
    { name: 'manifest_length', type: 'long', 'field-id': 501 },
    { name: 'partition_spec_id', type: 'int', 'field-id': 502 },
    { name: 'added_snapshot_id', type: 'long', 'field-id': 503 },
    { name: 'added_data_files_count', type: 'int', 'field-id': 504 },
    { name: 'existing_data_files_count', type: 'int', 'field-id': 505 },
    { name: 'deleted_data_files_count', type: 'int', 'field-id': 506 },
    { name: 'added_rows_count', type: 'long', 'field-id': 512 },
    { name: 'existing_rows_count', type: 'long', 'field-id': 513 },
    { name: 'deleted_rows_count', type: 'long', 'field-id': 514 },
  ]
  const values = ['p', 3n, 0, 8n, 1, 2, 3, 4n, 5n, 6n]
  const record = Object.fromEntries(fields.map(({ name }, at) => [name, values[at]]))
  const [manifest] = decodeManifestList(
    encodeContainer({ type: 'record', name: 'manifest_file', fields }, [record], {}),
  )
  assert.equal(manifest?.added_files_count, 1)
  assert.equal(manifest.existing_files_count, 2)
  assert.equal(manifest.sequence_number, 0n)
  assert.equal(manifest.content, 0)
  assert.equal(manifest.partitions, null)
})
