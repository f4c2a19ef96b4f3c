import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThriftCompactWriter, thriftElement } from '../../../../runtime/iceberg/parquet/thriftCompact.ts'

const written = (write: (out: ThriftCompactWriter) => void): number[] => {
  const out = new ThriftCompactWriter()
  write(out)
  return [...out.bytes()]
}

test('integers are zigzag varints, to 2^53', () => {
  assert.deepEqual(
    written(out => out.zigzag(0)),
    [0],
  )
  assert.deepEqual(
    written(out => out.zigzag(-1)),
    [1],
  )
  assert.deepEqual(
    written(out => out.zigzag(150)),
    [0xac, 0x02],
  )
  assert.deepEqual(
    written(out => out.zigzag(2 ** 31 - 1)),
    [0xfe, 0xff, 0xff, 0xff, 0x0f],
  )
  assert.deepEqual(
    written(out => out.zigzag(2 ** 40)),
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
  )
})

test('field ids are deltas within a struct, and spelt out beyond fifteen', () => {
  const bytes = written(out =>
    out.structBody(() => {
      out.i32(1, 1)
      out.struct(3, () => out.boolean(1, true))
      out.i64(20, 1)
    }),
  )
  assert.deepEqual(bytes, [0x15, 2, 0x2c, 0x11, 0, 0x06, 40, 2, 0])
})

test('a list of fifteen or more has its length after the type', () => {
  const list = (length: number) =>
    written(out => out.list(1, thriftElement.binary, Array(length).fill('é'), text => out.binaryBody(text)))
  assert.deepEqual(list(1), [0x19, 0x18, 2, 0xc3, 0xa9])
  assert.deepEqual(list(15).slice(0, 3), [0x19, 0xf8, 15])
})
