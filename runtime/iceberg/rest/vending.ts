/**
 * Which storage credentials come with a table. Pure; it shows none.
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml LoadTableResult, StorageCredential.
 */
import type { VendedCredential } from '../vendedCredentials.ts'
import { isObject, type JsonObject, stringsOf } from './answers.ts'

const accessKey = 's3.access-key-id'

const ofStorage = (config: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(config).filter(([name]) => /^(?:s3|client)\./.test(name)))

/** Where files of a table may lie beside its location. */
const folderProperties = ['write.data.path', 'write.metadata.path'] as const

/** Those for S3. `storage-credentials` come before the table's `config`, which opens every folder of the table. */
export function vendedWith(result: JsonObject): readonly VendedCredential[] {
  const config = ofStorage(stringsOf(result.config))
  const listed = Array.isArray(result['storage-credentials']) ? result['storage-credentials'].filter(isObject) : []
  const vended = listed.flatMap(({ prefix, config: own }) => {
    const merged = { ...config, ...ofStorage(stringsOf(own)) }
    return typeof prefix === 'string' && accessKey in merged ? [{ prefix, config: merged }] : []
  })
  if (vended.length > 0 || !(accessKey in config)) return vended
  const { location, properties } = isObject(result.metadata) ? result.metadata : {}
  const others = folderProperties.map(name => stringsOf(properties)[name])
  // With a slash at the end, or they would be tried for a folder whose name only begins so.
  return [location, ...others].flatMap(folder =>
    typeof folder === 'string' ? [{ prefix: `${folder.replace(/\/+$/, '')}/`, config }] : [],
  )
}

const marginMs = 600_000
const unknownLifetimeMs = 300_000

/** Until when they need not be vended again, milliseconds since the epoch; for ever where there are none. */
export function freshUntil(vended: readonly VendedCredential[], nowMs: number): number {
  return Math.min(
    ...vended.map(({ config }) => {
      const expiresMs = Number(config['s3.session-token-expires-at-ms'])
      return expiresMs > 0 ? expiresMs - marginMs : nowMs + unknownLifetimeMs
    }),
  )
}
