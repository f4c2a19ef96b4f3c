/**
 * What a server says, made fit to be shown: shortened, without the secrets that were sent to it and without anything that
 * looks like one. It keeps the newest secrets in memory for that, and shows none.
 */
const longest = 300
const removed = '[removed]'
/** Secrets rotate and tokens expire; more than these are not in flight at once. */
const remembered = 64
/** Shorter ones would tear words apart, and guard nothing. */
const shortest = 4

const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[^\s"',]+/gi, `$1 ${removed}`],
  // key=value, "key": "value"
  [
    /((?:token|secret|password|credentials?|signature|authorization|access[-_ ]?key(?:[-_ ]?id)?|api[-_ ]?key)["']?\s*[:=]\s*["']?)[^\s"',;&)}\]]+/gi,
    `$1${removed}`,
  ],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}/g, removed],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${removed}@`],
  [/(https?:\/\/[^\s?]+)\?[^\s"')]+/gi, `$1?${removed}`],
  [/\b[0-9a-f]{32,}\b/gi, removed],
]

/** Long runs with capitals, small letters and digits: no word and no path looks so. */
const opaque = (run: string): string => (/[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run) ? removed : run)

export class Redaction {
  readonly #secrets = new Set<string>()

  /** It is never to be shown. */
  add(secret: string | undefined): void {
    if (secret === undefined || secret.length < shortest) return
    this.#secrets.delete(secret)
    this.#secrets.add(secret)
    if (this.#secrets.size > remembered) this.#secrets.delete(this.#secrets.values().next().value!)
  }

  /** At most 300 characters, on one line. */
  shown(text: string): string {
    // Longer ones first: one secret may be the beginning of another.
    const secrets = [...this.#secrets].sort((a, b) => b.length - a.length)
    let safe = text.slice(0, 10_000)
    for (const secret of secrets) safe = safe.replaceAll(secret, removed)
    for (const [pattern, replacement] of patterns) safe = safe.replace(pattern, replacement)
    safe = safe
      .replace(/[\w+/=.~-]{24,}/g, opaque)
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
    return safe.length > longest ? `${safe.slice(0, longest - 1)}…` : safe
  }
}
