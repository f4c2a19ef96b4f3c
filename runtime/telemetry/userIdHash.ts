/** The form in which logs name a person. It knows no log line, and forgets ids as soon as they are too many. */
import { createHmac } from 'node:crypto'

/** Hashing costs more than the rest of a line. */
const maximumRemembered = 10_000

/**
 * HMAC-SHA-256 cut to 128 bits: the same person is the same text, and no list of known ids finds out who. Null and
 * undefined stay as they are.
 */
export function createKeyedHash(key: string | Buffer): (id: unknown) => unknown {
  const remembered = new Map<string, string>()
  return id => {
    if (id === null || id === undefined) return id
    const text = String(id)
    let hash = remembered.get(text)
    if (hash === undefined) {
      hash = `hmac:${createHmac('sha256', key).update(text).digest('hex').slice(0, 32)}`
      if (remembered.size >= maximumRemembered) remembered.clear()
      remembered.set(text, hash)
    }
    return hash
  }
}
