import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFooter } from '../../../../runtime/iceberg/parquet/footer.ts'
import { leavesOf } from '../../../../runtime/iceberg/parquet/leaves.ts'

test('the footer ends with the order of each column: readers ignore bounds without it', () => {
  const field = { id: 1, name: 'c', required: true, type: 'int' } as const
  const chunk = {
    leaf: leavesOf(field)[0]!,
    statistics: { valueCount: 1, nullCount: 0, nanCount: 0, bounds: undefined },
    encodings: [0, 3],
    codecId: 0,
    dictionaryOffset: undefined,
    dataOffset: 4,
    uncompressedBytes: 10,
    compressedBytes: 10,
  }
  const schema = { type: 'struct', 'schema-id': 0, fields: [field] } as const
  const footer = encodeFooter(schema, [{ offset: 4, rows: 1, chunks: [chunk, chunk] }])
  // Field 7, a list of two structs, each a union of an empty struct at 1; then the end of the message.
  assert.deepEqual([...footer.subarray(-9)], [0x19, 0x2c, 0x1c, 0, 0, 0x1c, 0, 0, 0])
})
