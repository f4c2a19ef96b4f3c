/** Writes record batches of magic 2 for tests, damaged or emptied ones included. Checksums are left 0. */

export interface RecordFields {
  readonly offsetDelta?: number
  readonly timestampDelta?: number
  readonly key?: Buffer | string | null
  readonly value?: Buffer | string | null
  readonly headers?: readonly (readonly [string, string])[]
}

export interface BatchFields {
  readonly baseOffset: number
  readonly lastOffsetDelta?: number
  readonly attributes?: number
  readonly baseTimestampMs?: number
  readonly maxTimestampMs?: number
  readonly producerId?: bigint
  readonly transactional?: boolean
  /** A control batch in place of records. */
  readonly marker?: 'abort' | 'commit'
  readonly records?: readonly RecordFields[]
}

export function encodeBatch(fields: BatchFields): Buffer {
  const records = fields.marker === undefined ? (fields.records ?? []) : [markerRecord(fields.marker)]
  const attributes =
    (fields.attributes ?? 0) | (fields.transactional || fields.marker ? 0x10 : 0) | (fields.marker ? 0x20 : 0)
  const last = records.reduce((highest, { offsetDelta = 0 }) => Math.max(highest, offsetDelta), 0)
  const header = Buffer.alloc(61)
  const body = Buffer.concat(records.map(encodeRecord))
  header.writeBigInt64BE(BigInt(fields.baseOffset), 0)
  header.writeInt32BE(61 - 12 + body.length, 8)
  header.writeInt8(2, 16)
  header.writeInt16BE(attributes, 21)
  header.writeInt32BE(fields.lastOffsetDelta ?? last, 23)
  header.writeBigInt64BE(BigInt(fields.baseTimestampMs ?? 0), 27)
  header.writeBigInt64BE(BigInt(fields.maxTimestampMs ?? 0), 35)
  header.writeBigInt64BE(fields.producerId ?? -1n, 43)
  header.writeInt32BE(records.length, 57)
  return Buffer.concat([header, body])
}

const markerRecord = (marker: 'abort' | 'commit'): RecordFields => ({
  key: Buffer.from([0, 0, 0, marker === 'abort' ? 0 : 1]),
  value: Buffer.alloc(6),
})

function encodeRecord({ offsetDelta = 0, timestampDelta = 0, key = null, value = null, headers = [] }: RecordFields) {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(timestampDelta),
    varint(offsetDelta),
    lengthPrefixed(key),
    lengthPrefixed(value),
    varint(headers.length),
    ...headers.flat().map(lengthPrefixed),
  ])
  return Buffer.concat([varint(body.length), body])
}

function lengthPrefixed(bytes: Buffer | string | null): Buffer {
  if (bytes === null) return varint(-1)
  const content = Buffer.from(bytes)
  return Buffer.concat([varint(content.length), content])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}
