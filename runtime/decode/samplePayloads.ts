/**
 * Cuts single samples out of a JSON payload byte for byte, for error rows: re-serialising would lose duplicate keys,
 * digits and escapes, which is what someone who looks for the fault needs to see. Pure; only for bytes that JSON.parse
 * took, so it checks no syntax. It walks a record once, however many of its samples failed.
 */
import type { SamplePayloads } from '../contract/decoder.ts'
import { endOfString } from './nesting.ts'

/** Half-open positions in the record's bytes. */
interface Slice {
  readonly start: number
  readonly end: number
}

/** A member with its key, as it stands in the record, and where its value begins. */
interface Member extends Slice {
  readonly valueStart: number
}

/** The envelope's own scalar fields; their bytes are kept even where a value is no scalar, for that is then the fault. */
const knownScalars: ReadonlySet<string> = new Set(['deviceId', 'userId', 'timestamp', 'appVersion'])

/**
 * Copies of the envelope that one record may cause, in bytes. Samples past it are kept without the envelope, else a
 * record of a long user id and a million failing samples would grow a million times in memory.
 */
const envelopeBudget = 16 << 20

export function jsonSamplePayloads(value: Buffer): SamplePayloads {
  const members = membersOf(value)
  const samplesMember = members.get('samples')
  const samples = samplesMember === undefined ? [] : elementsOf(value, samplesMember.valueStart)
  const envelope = envelopeOf(value, members)
  const bare = Buffer.from('{')
  const open = Buffer.from('"samples":[')
  const close = Buffer.from(']}')
  let budget = envelopeBudget
  return {
    payload(index) {
      const { start, end } = samples[index]!
      budget -= envelope.length
      return Buffer.concat([budget < 0 ? bare : envelope, open, value.subarray(start, end), close])
    },
  }
}

/** `{`, then each scalar member and a comma. */
function envelopeOf(value: Buffer, members: ReadonlyMap<string, Member>): Buffer {
  const parts: Buffer[] = [Buffer.from('{')]
  for (const [key, { start, end, valueStart }] of members) {
    const scalar = value[valueStart] !== openBrace && value[valueStart] !== openBracket
    if (key !== 'samples' && (scalar || knownScalars.has(key))) parts.push(value.subarray(start, end), Buffer.from(','))
  }
  return Buffer.concat(parts)
}

const comma = 0x2c
const colon = 0x3a
const quote = 0x22
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const byteOrderMarkLength = 3

/** The members of the object that the bytes hold; of duplicate keys the last. */
function membersOf(bytes: Buffer): Map<string, Member> {
  const members = new Map<string, Member>()
  let at = skipSpace(bytes, bytes[0] === 0xef ? byteOrderMarkLength : 0)
  at = skipSpace(bytes, at + 1)
  while (bytes[at] !== closeBrace) {
    const start = at
    const keyEnd = endOfString(bytes, start)
    const key = String(JSON.parse(bytes.toString('utf8', start, keyEnd)))
    const valueStart = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1)
    const end = endOfValue(bytes, valueStart)
    members.set(key, { start, valueStart, end })
    at = skipSeparator(bytes, end)
  }
  return members
}

/** The elements of the array that opens at `start`. */
function elementsOf(bytes: Buffer, start: number): Slice[] {
  const elements: Slice[] = []
  let at = skipSpace(bytes, start + 1)
  while (bytes[at] !== closeBracket) {
    const end = endOfValue(bytes, at)
    elements.push({ start: at, end })
    at = skipSeparator(bytes, end)
  }
  return elements
}

/** Space, tab, line feed and carriage return. */
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d

function skipSpace(bytes: Buffer, at: number): number {
  while (isSpace(bytes[at])) at++
  return at
}

/** To the next element or member, or to the closing bracket. */
function skipSeparator(bytes: Buffer, at: number): number {
  const next = skipSpace(bytes, at)
  return bytes[next] === comma ? skipSpace(bytes, next + 1) : next
}

/** Position just past the value that begins at `start`. */
function endOfValue(bytes: Buffer, start: number): number {
  const first = bytes[start]
  if (first === quote) return endOfString(bytes, start)
  if (first === openBrace || first === openBracket) return endOfContainer(bytes, start)
  let at = start
  while (at < bytes.length && !isSpace(bytes[at]) && !isDelimiter(bytes[at])) at++
  return at
}

const isDelimiter = (byte: number | undefined): boolean =>
  byte === comma || byte === colon || byte === closeBrace || byte === closeBracket

function endOfContainer(bytes: Buffer, start: number): number {
  let depth = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) at = endOfString(bytes, at) - 1
    else if (byte === openBrace || byte === openBracket) depth++
    else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return at + 1
  }
  return bytes.length
}
