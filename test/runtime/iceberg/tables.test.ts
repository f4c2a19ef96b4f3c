import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TableDefinition } from '../../../runtime/iceberg/catalog.ts'
import type { PartitionField, SchemaField, TableMetadata } from '../../../runtime/iceberg/tableMetadata.ts'
import { checkTableLayout, errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { tableOf } from './tableOf.ts'

const names = (definition: TableDefinition) => definition.schema.fields.map(field => field.name)
const requiredNames = (definition: TableDefinition) =>
  definition.schema.fields.filter(field => field.required).map(field => field.name)

test('columns, in the order that gives them their ids', () => {
  assert.equal(
    names(rawDefinition).join(' '),
    'device_id user_id sample_id data_type value unit start_date end_date source_bundle metadata is_synced ' +
      'created_at payload_timestamp app_version processing_time timezone timezone_offset',
  )
  assert.equal(
    names(errorsDefinition).join(' '),
    'raw_payload error_type error_reason error_message error_timestamp device_id user_id sample_id data_type ' +
      'kafka_topic kafka_partition kafka_offset sample_index app_version processing_time',
  )
  for (const { schema } of [rawDefinition, errorsDefinition])
    assert.deepEqual(
      schema.fields.map(field => field.id),
      schema.fields.map((_, index) => index + 1),
    )
})

test('required columns', () => {
  assert.deepEqual(requiredNames(rawDefinition), [
    'user_id',
    'sample_id',
    'data_type',
    'value',
    'start_date',
    'end_date',
    'processing_time',
  ])
  assert.deepEqual(requiredNames(errorsDefinition), [
    'error_type',
    'error_reason',
    'error_timestamp',
    'kafka_topic',
    'kafka_partition',
    'kafka_offset',
    'processing_time',
  ])
})

test('partition fields refer to the columns they are named after', () => {
  for (const { schema, spec } of [rawDefinition, errorsDefinition]) {
    const [day, category] = spec.fields as [PartitionField, PartitionField]
    const source = (field: PartitionField) => schema.fields.find(({ id }) => id === field['source-id'])?.name
    assert.equal(`${source(day)}_day`, day.name)
    assert.equal(source(category), category.name)
  }
})

test('no bounds are kept of who a sample is about', () => {
  for (const { properties } of [rawDefinition, errorsDefinition])
    for (const column of ['user_id', 'device_id'])
      assert.equal(properties[`write.metadata.metrics.column.${column}`], 'counts')
})

const raw = tableOf(rawDefinition)
const withFields = (change: (fields: readonly SchemaField[]) => SchemaField[]): TableMetadata => ({
  ...raw,
  schemas: [{ ...rawDefinition.schema, fields: change(rawDefinition.schema.fields) }],
})
const changed = (name: string, change: Partial<SchemaField>): TableMetadata =>
  withFields(fields => fields.map(field => (field.name === name ? { ...field, ...change } : field)))
const theirOwn = (required: boolean): SchemaField => ({ id: 20, name: 'cohort', required, type: 'string' })

test('a table as it was created can be written', () => {
  assert.deepEqual(checkTableLayout(raw, rawDefinition), [])
  assert.deepEqual(checkTableLayout(tableOf(errorsDefinition), errorsDefinition), [])
})

test('optional columns of the user, new names, another order and laxer columns are fine', () => {
  for (const table of [
    withFields(fields => [theirOwn(false), ...fields].reverse()),
    changed('unit', { name: 'unit_code' }),
    changed('processing_time', { required: false }),
  ])
    assert.deepEqual(checkTableLayout(table, rawDefinition), [])
})

test('what cannot be written is named', () => {
  const cases: [TableMetadata, RegExp][] = [
    [withFields(fields => [...fields, theirOwn(true)]), /cohort \(id 20\) is required/],
    [withFields(fields => fields.filter(field => field.name !== 'unit')), /unit \(id 6\) is missing/],
    [changed('timezone_offset', { type: 'long' }), /timezone_offset \(id 17\) has type long/],
    [changed('metadata', { type: 'string' }), /metadata \(id 10\) has type string/],
    [changed('unit', { required: true }), /unit \(id 6\) is required/],
    [{ ...raw, 'format-version': 3 }, /format-version is 3/],
    [
      { ...raw, 'partition-specs': [{ 'spec-id': 0, fields: rawDefinition.spec.fields.slice(0, 1) }] },
      /partitioned by day\(start_date\), day\(start_date\), identity\(data_type\) is written/,
    ],
    [{ ...raw, 'partition-specs': [{ 'spec-id': 0, fields: [] }] }, /partitioned by nothing/],
  ]
  for (const [table, expected] of cases) {
    const problems = checkTableLayout(table, rawDefinition)
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, expected)
  }
})

test('only the current schema and spec count', () => {
  const old = { 'spec-id': 7, fields: [] }
  assert.deepEqual(checkTableLayout({ ...raw, 'partition-specs': [old, ...raw['partition-specs']] }, rawDefinition), [])
  assert.equal(
    checkTableLayout(
      { ...raw, 'partition-specs': [old, ...raw['partition-specs']], 'default-spec-id': 7 },
      rawDefinition,
    ).length,
    1,
  )
})
