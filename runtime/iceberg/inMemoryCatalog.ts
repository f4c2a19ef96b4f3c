/** A catalog in memory, for tests and simulations: the contract of filesystemCatalog.ts without files. */
import { type Catalog, CatalogError, type TableIdentifier } from './catalog.ts'
import { applyUpdates, checkRequirements, newTableMetadata } from './metadataUpdates.ts'
import type { TableMetadata } from './tableMetadata.ts'

export interface InMemoryCatalogOptions {
  /** Folder location under which tables say they lie, e.g. `memory:///warehouse`. */
  readonly warehouse: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly newUuid: () => string
}

export function inMemoryCatalog({ warehouse, now, newUuid }: InMemoryCatalogOptions): Catalog {
  const tables = new Map<string, TableMetadata>()
  const locationOf = (table: TableIdentifier): string => [warehouse, ...table.namespace, table.name].join('/')
  return {
    async ensureNamespace() {},
    async loadTable(table) {
      return tables.get(locationOf(table))
    },
    async createTable(table, definition) {
      const location = locationOf(table)
      if (tables.has(location)) throw new CatalogError('ALREADY_EXISTS', `table ${location} exists; load it`)
      const metadata = newTableMetadata(definition, location, newUuid(), now())
      tables.set(location, metadata)
      return metadata
    },
    async commitTable(table, requirements, updates) {
      const location = locationOf(table)
      const base = tables.get(location)
      if (base === undefined) throw new CatalogError('NOT_FOUND', `no table ${location}; create it first`)
      checkRequirements(base, requirements)
      const next = applyUpdates(base, updates, now())
      tables.set(location, next)
      return next
    },
  }
}
