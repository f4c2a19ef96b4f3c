/**
 * Table metadata (format version 2) from and to JSON without loss: snapshot ids and integers past 2^53 are bigint, fields
 * this project does not know survive. It checks what the project relies on and refuses other format versions. It never
 * opens a file and never repairs one.
 *
 * Source: apache/iceberg format/spec.md "Table Metadata and Snapshots", appendix C "JSON serialization".
 */
import { gunzipSync } from 'node:zlib'
import { CatalogError } from './catalog.ts'
import type { TableMetadata } from './tableMetadata.ts'

declare global {
  // ES2026 "JSON.parse source text access", in Node since 21; the TypeScript library does not list it yet.
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown
    rawJSON(text: string): unknown
  }
}

type JsonObject = Readonly<Record<string, unknown>>

/** Always bigint, also where the number would fit: one type for one meaning. */
const snapshotIdFields: ReadonlySet<string> = new Set([
  'snapshot-id',
  'parent-snapshot-id',
  'current-snapshot-id',
  'source-snapshot-id',
])

const integer = /^-?\d+$/

/** JSON with integers past ±(2^53−1) and snapshot ids as bigint. Throws SyntaxError. */
export const parseJson = (text: string): unknown =>
  JSON.parse(text, (key, value, { source }) => {
    if (typeof value !== 'number' || source === undefined || !integer.test(source)) return value
    return snapshotIdFields.has(key) || !Number.isSafeInteger(value) ? BigInt(source) : value
  })

/** The inverse of parseJson: a bigint becomes an integer of any size. */
export const stringifyJson = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? JSON.rawJSON(String(item)) : item))

const corrupt = (file: string, what: string, cause?: unknown): CatalogError =>
  new CatalogError(
    'CORRUPT_METADATA',
    `table metadata ${file}: ${what}; restore the file from a backup or, if no newer data depends on it, from the previous version`,
    cause,
  )

function decodeText(bytes: Uint8Array, file: string): unknown {
  try {
    // A JSON text never starts with the gzip magic, so the content decides, whatever the name says.
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(plain))
  } catch (cause) {
    throw corrupt(file, `${bytes.length} bytes that are not a whole JSON document`, cause)
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function checkVersion(document: JsonObject, file: string): void {
  const version = document['format-version']
  if (version === 2) return
  if (typeof version !== 'number')
    throw corrupt(file, `'format-version' is ${version === undefined ? 'missing' : 'no number'}`)
  const fix =
    version < 2
      ? "upgrade the table: set its property 'format-version' to 2 with an engine"
      : 'use a table of format version 2'
  throw new CatalogError(
    'UNSUPPORTED_FORMAT',
    `table metadata ${file}: format version ${version} is not supported, only 2; ${fix}`,
  )
}

type Kind = 'string' | 'number' | 'bigint' | 'object' | 'array'

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value)

const requiredFields: Readonly<Record<string, Kind>> = {
  'table-uuid': 'string',
  location: 'string',
  'last-sequence-number': 'number',
  'last-updated-ms': 'number',
  'last-column-id': 'number',
  'current-schema-id': 'number',
  schemas: 'array',
  'default-spec-id': 'number',
  'partition-specs': 'array',
  'last-partition-id': 'number',
  'default-sort-order-id': 'number',
  'sort-orders': 'array',
}

/** Optional by the specification; present in memory, so that no reader of them has to ask. */
const defaults: Readonly<Record<string, readonly unknown[] | JsonObject>> = {
  properties: {},
  snapshots: [],
  'snapshot-log': [],
  'metadata-log': [],
}

const snapshotFields: Readonly<Record<string, Kind>> = {
  'snapshot-id': 'bigint',
  'sequence-number': 'number',
  'timestamp-ms': 'number',
  'manifest-list': 'string',
  summary: 'object',
}

function checkFields(object: JsonObject, fields: Readonly<Record<string, Kind>>, file: string, path: string): void {
  for (const [name, kind] of Object.entries(fields)) {
    const found = kindOf(object[name])
    if (found === 'undefined') throw corrupt(file, `'${path}${name}' is missing`)
    if (found !== kind) throw corrupt(file, `'${path}${name}' is of type ${found}, not ${kind}`)
  }
}

function checkElements(value: unknown, fields: Readonly<Record<string, Kind>>, file: string, name: string): void {
  if (!Array.isArray(value)) throw corrupt(file, `'${name}' is no array`)
  value.forEach((element: unknown, at) => {
    if (!isObject(element)) throw corrupt(file, `'${name}[${at}]' is no object`)
    checkFields(element, fields, file, `${name}[${at}].`)
  })
}

/** What must agree inside the document, so that nothing downstream meets an id that leads nowhere. */
function checkReferences(metadata: TableMetadata, file: string): void {
  const ids = new Set(metadata.snapshots.map(snapshot => snapshot['snapshot-id']))
  const current = metadata['current-snapshot-id'] ?? null
  if (current !== null && !ids.has(current))
    throw corrupt(file, `'current-snapshot-id' ${current} is not in 'snapshots'`)
  for (const [name, ref] of Object.entries(metadata.refs))
    if (!ids.has(ref['snapshot-id']))
      throw corrupt(file, `ref '${name}' names snapshot ${ref['snapshot-id']}, not in 'snapshots'`)
  const main = metadata.refs.main?.['snapshot-id'] ?? null
  if (main !== current) throw corrupt(file, `ref 'main' is snapshot ${main} but 'current-snapshot-id' is ${current}`)
  if (!metadata.schemas.some(schema => schema['schema-id'] === metadata['current-schema-id']))
    throw corrupt(file, `'current-schema-id' ${metadata['current-schema-id']} is not in 'schemas'`)
  if (!metadata['partition-specs'].some(spec => spec['spec-id'] === metadata['default-spec-id']))
    throw corrupt(file, `'default-spec-id' ${metadata['default-spec-id']} is not in 'partition-specs'`)
}

/**
 * Whose metadata file of any format version this is; undefined where it does not say.
 * @throws CatalogError CORRUPT_METADATA
 */
export function tableUuidOf(bytes: Uint8Array, file: string): string | undefined {
  const document = decodeText(bytes, file)
  const uuid = isObject(document) ? document['table-uuid'] : undefined
  return typeof uuid === 'string' ? uuid : undefined
}

/**
 * Metadata from the bytes of a metadata file, plain or gzip.
 * @param file names the file in errors
 * @throws CatalogError CORRUPT_METADATA, UNSUPPORTED_FORMAT
 */
export const parseTableMetadata = (bytes: Uint8Array, file: string): TableMetadata =>
  tableMetadataOf(decodeText(bytes, file), file)

/**
 * Metadata from a document of parseJson. `current-snapshot-id` −1 (an empty table as older writers spell it) is null, a
 * missing `refs` follows from it.
 * @param file names the document in errors
 * @throws CatalogError CORRUPT_METADATA, UNSUPPORTED_FORMAT
 */
export function tableMetadataOf(document: unknown, file: string): TableMetadata {
  if (!isObject(document)) throw corrupt(file, 'not a JSON object')
  checkVersion(document, file)
  checkFields(document, requiredFields, file, '')
  const absent = Object.entries(defaults).filter(([name]) => (document[name] ?? null) === null)
  const complete: JsonObject = { ...document, ...Object.fromEntries(absent) }
  checkElements(complete.snapshots, snapshotFields, file, 'snapshots')
  checkElements(complete.schemas, { 'schema-id': 'number', fields: 'array' }, file, 'schemas')
  checkElements(complete['partition-specs'], { 'spec-id': 'number', fields: 'array' }, file, 'partition-specs')
  checkElements(complete['snapshot-log'], { 'snapshot-id': 'bigint', 'timestamp-ms': 'number' }, file, 'snapshot-log')
  checkElements(complete['metadata-log'], { 'metadata-file': 'string', 'timestamp-ms': 'number' }, file, 'metadata-log')
  if (!isObject(complete.properties)) throw corrupt(file, "'properties' is no object")
  const id = complete['current-snapshot-id']
  const current = typeof id === 'bigint' && id !== -1n ? id : null
  const refs = complete.refs ?? (current === null ? {} : { main: { 'snapshot-id': current, type: 'branch' } })
  if (!isObject(refs)) throw corrupt(file, "'refs' is no object")
  checkElements(Object.values(refs), { 'snapshot-id': 'bigint', type: 'string' }, file, 'refs')
  // The index signature of TableMetadata is all that a checked document lacks; its known fields were checked above.
  const metadata = { ...complete, 'current-snapshot-id': current, refs } as unknown as TableMetadata
  checkReferences(metadata, file)
  return metadata
}

/** One JSON document. An empty table has no `current-snapshot-id` field. */
export const stringifyTableMetadata = (metadata: TableMetadata): string =>
  stringifyJson({ ...metadata, 'current-snapshot-id': metadata['current-snapshot-id'] ?? undefined })
