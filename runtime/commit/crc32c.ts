/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), which marks the last consumed record of a partition. Pure. */

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

/** Checksum of the parts as if they were one; null parts count as empty. Unsigned 32 bits. */
export function crc32c(...parts: readonly (Uint8Array | null)[]): number {
  let value = 0xffffffff
  for (const part of parts) {
    if (part === null) continue
    for (let i = 0; i < part.length; i++) value = table[(value ^ part[i]!) & 0xff]! ^ (value >>> 8)
  }
  return (value ^ 0xffffffff) >>> 0
}
