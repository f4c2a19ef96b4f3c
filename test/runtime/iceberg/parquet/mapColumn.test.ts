import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MapColumn } from '../../../../runtime/iceberg/parquet/mapColumn.ts'
import { StringPool } from '../../../../runtime/iceberg/parquet/stringPool.ts'

test('a page never begins amid a row', () => {
  const size = { bytes: 0 }
  const column = new MapColumn(size, new StringPool(size), new StringPool(size))
  const map = { a: '1', b: '2', c: '3', d: '4', e: '5', f: '6', g: '7' }
  for (let row = 0; row < 10_000; row++) column.push(map)
  for (const { pages, valueCount } of column.encode()) {
    assert.equal(valueCount, 70_000)
    assert.ok(pages.length > 1)
    for (const page of pages) assert.equal(page.valueCount % 7, 0)
  }
})
