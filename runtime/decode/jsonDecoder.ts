/**
 * JSON bytes (RFC 8259) to a payload, or the reason why they are none. It judges the outer shape only: no field and no
 * sample. Pure; it never throws for what a record holds and never overflows the stack.
 *
 * A leading byte order mark is skipped: RFC 8259 section 8.1 forbids writing one and lets a reader ignore it, and a
 * refused mark would cost health samples. Of duplicate keys the last wins, and `__proto__` is an ordinary key: both are
 * what JSON.parse does.
 */
import { isUtf8 } from 'node:buffer'
import type { Decoded, Decoder, Envelope } from '../contract/decoder.ts'
import type { DeserializationReason } from '../contract/reasons.ts'
import { bytesNestDeeperThan, valueNestsDeeperThan } from './nesting.ts'
import { jsonSamplePayloads } from './samplePayloads.ts'

/** Arrays and objects open at once, the payload itself being the first. */
export const maxNesting = 64

/**
 * Above this length the bytes are measured before they are parsed, since JSON.parse takes some 70 bytes of memory a level
 * (a 10 MB record of brackets: 0.6 GB); below it the parsed value is measured, which is five times cheaper.
 */
const measuredFirst = 1 << 20

export const jsonDecoder: Decoder = {
  decode,
  samplePayloads: jsonSamplePayloads,
}

const undecodable = (reason: DeserializationReason): Decoded => ({ envelope: null, reason })

function decode(value: Buffer): Decoded {
  if (!isUtf8(value)) return undecodable('invalid_utf8')
  const long = value.length > measuredFirst
  if (long && bytesNestDeeperThan(value, maxNesting)) return undecodable('nesting_too_deep')
  let payload: unknown
  try {
    const text = value.toString('utf8')
    payload = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch {
    // A parser of bounded depth stops at the bracket too many, before it sees what is wrong further on.
    return undecodable(bytesNestDeeperThan(value, maxNesting) ? 'nesting_too_deep' : 'invalid_json')
  }
  if (!long && valueNestsDeeperThan(payload, maxNesting)) return undecodable('nesting_too_deep')
  return shapeOf(payload)
}

function shapeOf(payload: unknown): Decoded {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undecodable('not_an_object')
  const samples = 'samples' in payload ? payload.samples : undefined
  if (samples === undefined || samples === null) return { envelope: payload, reason: 'missing_samples' }
  if (!Array.isArray(samples)) return { envelope: payload, reason: 'samples_not_array' }
  return { envelope: payload as Envelope, reason: null }
}
