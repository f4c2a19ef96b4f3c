/**
 * How deep arrays and objects lie within one another, measured on a parsed value or on its JSON bytes. The two agree on
 * every valid document. It checks no syntax, and neither recursion nor memory grows with the document.
 */

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Whether more than `levels` arrays and objects lie within one another; recurses at most `levels` deep. */
export function valueNestsDeeperThan(value: unknown, levels: number): boolean {
  return isContainer(value) && containerNestsDeeperThan(value, levels)
}

function containerNestsDeeperThan(container: object, levels: number): boolean {
  if (levels === 0) return true
  if (Array.isArray(container)) {
    for (let i = 0; i < container.length; i++) {
      const element: unknown = container[i]
      if (isContainer(element) && containerNestsDeeperThan(element, levels - 1)) return true
    }
    return false
  }
  const members = container as Readonly<Record<string, unknown>>
  for (const key in members) {
    const member = members[key]
    if (isContainer(member) && containerNestsDeeperThan(member, levels - 1)) return true
  }
  return false
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** The same for JSON bytes, valid or not: stops at the first bracket or brace too many. */
export function bytesNestDeeperThan(bytes: Uint8Array, levels: number): boolean {
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quote) at = endOfString(bytes, at) - 1
    else if (byte === openBracket || byte === openBrace) {
      if (++depth > levels) return true
    } else if (byte === closeBracket || byte === closeBrace) depth--
  }
  return false
}

/** Position just past the closing quote of the string that opens at `start`; the end of the bytes where it is open. */
export function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) return at + 1
    if (byte === backslash) at++
  }
  return bytes.length
}
