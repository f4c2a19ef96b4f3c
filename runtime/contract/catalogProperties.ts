/**
 * Which properties of a catalog a manifest may not hold: those that are credentials, for manifests are read by many and
 * kept for ever. Their Secret is the place. Pure; it never repeats a value.
 */
import type { Problem } from '../../crds/problems.ts'
import { type FieldPath, fieldName } from '../../crds/schemaPath.ts'

/** Words of a name that say so wherever they stand. */
const anywhere: ReadonlySet<string> = new Set([
  'credential',
  'credentials',
  'secret',
  'password',
  'passwd',
  'authorization',
])
/** Words that say so as the last: `rest.access-key`, but not `token-refresh-enabled`. */
const atTheEnd: ReadonlySet<string> = new Set(['token', 'key', 'apikey', 'cookie', 'auth'])

/** Words of `s3.secret-access-key`, `clientSecret`, `header.X_API_KEY`. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')

function isCredential(name: string): boolean {
  const words = wordsOf(name)
  return (
    words.some(word => anywhere.has(word)) ||
    atTheEnd.has(words.at(-1) ?? '') ||
    words.join('-').endsWith('access-key-id')
  )
}

/** Something like `https://user:password@host`. */
const holdsLogin = (value: string): boolean => /^[a-z][a-z0-9+.-]*:\/\/[^/]*@/i.test(value)

/** A problem for each property that is a credential by its name, or an address with one in it. */
export function credentialsInProperties(properties: Readonly<Record<string, string>>): readonly Problem[] {
  return Object.entries(properties).flatMap(([name, value]) =>
    isCredential(name) ? [refused(name, 'is a credential')] : holdsLogin(value) ? [refused(name, 'holds a login')] : [],
  )
}

function refused(name: string, what: string): Problem {
  const path: FieldPath = ['spec', 'iceberg', 'catalog', 'properties', name]
  return {
    code: 'BROKEN_RULE',
    path,
    field: fieldName(path),
    what: `${what}, which a manifest must not hold`,
    fix: 'put it into a Secret, as token, clientId and clientSecret, or accessKeyId and secretAccessKey, and name that in spec.iceberg.catalog.secretRef',
  }
}
