/**
 * The catalog behind an Iceberg REST server: loads, creates and commits tables as the specification says. What a commit did
 * is told by its answer or by nobody: without a clear answer it is UNKNOWN_OUTCOME, and never sent again except with an
 * idempotency key where the server keeps them. It opens no file of a table, and no secret leaves it but to the server.
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml loadTable, createTable, updateTable, createNamespace.
 */

import type { HttpAnswer } from '../httpExchange.ts'
import { type Catalog, CatalogError, type TableDefinition, type TableIdentifier } from './catalog.ts'
import { tableMetadataOf } from './metadataJson.ts'
import { type JsonObject, saysNoTable, unreadable } from './rest/answers.ts'
import { namespacePath, namespacesPath, tablePath, tablesPath } from './rest/paths.ts'
import { type CatalogRequest, nameOf } from './rest/requests.ts'
import { endpoints, type ServerConfiguration } from './rest/serverConfiguration.ts'
import { objectIn, type RestSession, type RestSessionOptions, restSession } from './rest/session.ts'
import { freshUntil, vendedWith } from './rest/vending.ts'
import type { TableMetadata } from './tableMetadata.ts'
import type { VendedCredentials } from './vendedCredentials.ts'

export interface RestCatalogOptions extends RestSessionOptions {
  /**
   * Where storage credentials go that come with tables. They are asked for only where this is given, and then also where
   * the property `header.X-Iceberg-Access-Delegation` does not say so; an empty one asks for none.
   */
  readonly vended?: VendedCredentials
}

/** What the last answer told of a table, to be asked whether it still holds. */
interface Known {
  readonly etag: string
  readonly metadata: TableMetadata
  /** Its credentials need not be vended again before, milliseconds since the epoch. */
  readonly freshUntilMs: number
}

/** @throws CatalogError DENIED for options that cannot be used; every method rejects with CatalogError */
export function restCatalog(options: RestCatalogOptions): Catalog & { close(): void } {
  const { vended, now } = options
  const session = restSession(options)
  const tableHeaders = delegationHeaders(session, vended)
  /** By path. */
  const known = new Map<string, Known>()

  /** The metadata in an answer, remembered, and the credentials in it, handed on. */
  function tableIn(request: CatalogRequest, answer: HttpAnswer, path: string): TableMetadata {
    const result = objectIn(request, answer)
    const metadata = metadataIn(request, answer, result)
    // The answer to a commit has no credentials.
    const credentials = vended === undefined || request.operation === 'commitTable' ? undefined : vendedWith(result)
    if (credentials !== undefined) vended?.replace(path, credentials)
    const before = known.get(path)?.freshUntilMs ?? (vended === undefined ? Number.POSITIVE_INFINITY : 0)
    const freshUntilMs = credentials === undefined ? before : freshUntil(credentials, now())
    if (answer.etag === undefined) known.delete(path)
    else known.set(path, { etag: answer.etag, metadata, freshUntilMs })
    return metadata
  }

  return {
    async ensureNamespace(namespace) {
      await ensureNamespace(session, await session.configuration(), namespace)
    },

    async loadTable(table) {
      const server = await session.configuration()
      const path = tablePath(server.paths, table)
      const before = known.get(path)
      const mayBeOld = before !== undefined && now() < before.freshUntilMs
      const headers = { ...tableHeaders, ...(mayBeOld && { 'if-none-match': before.etag }) }
      // As Iceberg's own clients spell the default: to some servers an ETag is of an address with its query.
      const request = session.request(server, 'loadTable', `${path}?snapshots=all`, { intent: 'read', headers })
      const answer = await session.send(request, [304, 404])
      if (answer.status === 200) return tableIn(request, answer, path)
      if (answer.status === 304 && mayBeOld) return before.metadata
      known.delete(path)
      if (saysNoTable(answer)) return undefined
      throw session.refusal(request, answer)
    },

    async createTable(table, definition) {
      const server = await session.configuration()
      const content = { intent: 'create', headers: tableHeaders, body: creation(table, definition) } as const
      const request = session.request(server, 'createTable', tablesPath(server.paths, table.namespace), content)
      return tableIn(request, await session.send(request), tablePath(server.paths, table))
    },

    async commitTable(table, requirements, updates) {
      const server = await session.configuration()
      const path = tablePath(server.paths, table)
      const body = { identifier: table, requirements, updates }
      const request = session.request(server, 'commitTable', path, { intent: 'commit', body })
      try {
        return tableIn(request, await session.send(request), path)
      } catch (error) {
        // What is known may be what made it fail: the next load is a whole one.
        known.delete(path)
        throw error
      }
    },

    close: session.close,
  }
}

const delegation = 'x-iceberg-access-delegation'

function delegationHeaders({ settings }: RestSession, vended: VendedCredentials | undefined): Record<string, string> {
  const given = settings.headers[delegation]
  if (given !== undefined && given !== '' && !given.split(',').some(way => way.trim() === 'vended-credentials'))
    throw new CatalogError(
      'DENIED',
      `spec.iceberg.catalog.properties.header.X-Iceberg-Access-Delegation must hold vended-credentials or nothing: other ways are not supported`,
    )
  return given === undefined && vended !== undefined ? { [delegation]: 'vended-credentials' } : {}
}

/** Outermost first: some servers want the parents to be there. */
async function ensureNamespace(
  session: RestSession,
  server: ServerConfiguration,
  levels: readonly string[],
): Promise<void> {
  if (levels.length === 0 || (await hasNamespace(session, server, levels))) return
  await ensureNamespace(session, server, levels.slice(0, -1))
  const content = { intent: 'create', body: { namespace: levels, properties: {} } } as const
  await session.send(session.request(server, 'createNamespace', namespacesPath(server.paths), content), [409])
}

/** Looking needs fewer rights than creating. */
async function hasNamespace(
  session: RestSession,
  server: ServerConfiguration,
  levels: readonly string[],
): Promise<boolean> {
  if (!server.serves(endpoints.loadNamespace)) return false
  const request = session.request(server, 'loadNamespace', namespacePath(server.paths, levels), { intent: 'read' })
  return (await session.send(request, [404])).status === 200
}

/** A format version is always said: the newest that a server knows may be one that this project does not write. */
const creation = ({ name }: TableIdentifier, { schema, spec, properties }: TableDefinition) => ({
  name,
  schema,
  'partition-spec': spec,
  properties: { ...properties, 'format-version': '2' },
  'stage-create': false,
})

/** Metadata that cannot be used is no news of a read, but leaves the outcome of a change unknown. */
function metadataIn(request: CatalogRequest, answer: HttpAnswer, result: JsonObject): TableMetadata {
  const location = result['metadata-location']
  try {
    return tableMetadataOf(result.metadata, typeof location === 'string' ? location : request.url.pathname)
  } catch (error) {
    if (request.intent === 'read' || !(error instanceof CatalogError)) throw error
    throw unreadable(nameOf(request), answer, request.intent, `no metadata of a table (${error.message})`)
  }
}
