/** What a configuration asks for that this runtime cannot do, or must not, though its schema lets it pass. Pure. */
import type { Problem } from '../../crds/problems.ts'
import { type FieldPath, fieldName } from '../../crds/schemaPath.ts'
import type { RuntimeConfiguration } from './configuration.ts'
import { restProblems } from './restSettings.ts'
import { s3Problems } from './s3Settings.ts'

function refusal(code: Problem['code'], path: FieldPath, what: string, fix: string): Problem {
  return { code, path, field: fieldName(path), what, fix }
}

/** What the configuration asks for and this version's runtime cannot do, or must not: it refuses to run. */
export function unsupportedHere(configuration: RuntimeConfiguration): readonly Problem[] {
  const { catalog } = configuration
  const checks: readonly [boolean, FieldPath, string, string][] = [
    [
      // kafkajs takes what stands before the first colon for the host.
      configuration.bootstrapServers.some(server => server.startsWith('[')),
      ['spec', 'kafka', 'bootstrapServers'],
      'an IPv6 address',
      'write a host name that resolves to it',
    ],
    [configuration.format === 'avro', ['spec', 'format'], 'avro', 'use json'],
    [
      catalog.type === 'filesystem' && Object.keys(catalog.properties).length > 0,
      ['spec', 'iceberg', 'catalog', 'properties'],
      'a property of a filesystem catalog',
      'remove the properties',
    ],
    [
      configuration.maintenance.compaction.enabled,
      ['spec', 'iceberg', 'maintenance', 'compaction', 'enabled'],
      'compaction',
      "set it to false, and rewrite small files with an engine's rewrite_data_files",
    ],
  ]
  return [
    ...checks
      .filter(([found]) => found)
      .map(([, path, what, fix]) => refusal('NOT_SUPPORTED', path, `${what} is not supported yet`, fix)),
    ...(catalog.type === 'rest' ? restProblems(catalog.uri!, catalog.properties) : []),
    ...s3Problems(configuration.storage.s3),
    ...(pendingInsideTable(configuration) ? [misplacedPending] : []),
  ]
}

/** An engine's orphan removal would take pending files inside a table's location for waste. */
const misplacedPending = refusal(
  'BROKEN_RULE',
  ['spec', 'iceberg', 'storage', 'pendingLocation'],
  'lies inside a table',
  'choose a folder outside both tables, or remove it for the default beside the errors table',
)

function pendingInsideTable({ catalog, tables, pendingLocation }: RuntimeConfiguration): boolean {
  if (catalog.type !== 'filesystem' || pendingLocation === undefined) return false
  const folders = [tables.raw, tables.errors].map(table => [catalog.warehouse, ...tables.namespace, table].join('/'))
  return folders.some(folder => `${pendingLocation}/`.startsWith(`${folder}/`))
}
