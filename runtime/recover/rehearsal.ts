/**
 * The tables and their files as they are, with a memory on top that takes every write: what is tried here shows what would
 * happen, and nothing of it lasts.
 */
import { type Catalog, CatalogError, type TableIdentifier } from '../iceberg/catalog.ts'
import { applyUpdates, checkRequirements, newTableMetadata } from '../iceberg/metadataUpdates.ts'
import { type Storage, StorageError } from '../iceberg/storage.ts'
import type { TableMetadata } from '../iceberg/tableMetadata.ts'

export interface Rehearsed {
  readonly catalog: Catalog
  readonly storage: Storage
}

/** Each table is read once, so that a rehearsal has one view of it. A new table gets a location and a uuid for show. */
export function rehearse(real: Rehearsed, now: () => number, newUuid: () => string): Rehearsed {
  const tables = new Map<string, TableMetadata | undefined>()
  const files = new Map<string, Buffer>()
  const nameOf = (id: TableIdentifier): string => [...id.namespace, id.name].join('.')

  async function load(id: TableIdentifier): Promise<TableMetadata | undefined> {
    const name = nameOf(id)
    if (!tables.has(name)) tables.set(name, await real.catalog.loadTable(id))
    return tables.get(name)
  }

  return {
    catalog: {
      async ensureNamespace() {},
      loadTable: load,
      async createTable(id, definition) {
        const created = newTableMetadata(definition, `rehearsal:///${nameOf(id)}`, newUuid(), now())
        tables.set(nameOf(id), created)
        return created
      },
      async commitTable(id, requirements, updates) {
        const table = await load(id)
        if (table === undefined) throw new CatalogError('NOT_FOUND', `no table ${nameOf(id)}`)
        checkRequirements(table, requirements)
        const next = applyUpdates(table, updates, now())
        tables.set(nameOf(id), next)
        return next
      },
    },
    storage: {
      read: async location => files.get(location) ?? real.storage.read(location),
      size: async location => files.get(location)?.length ?? real.storage.size(location),
      list: folder => real.storage.list(folder),
      async create(location, bytes) {
        files.set(location, Buffer.from(bytes))
      },
      async delete(location) {
        throw new StorageError('READ_ONLY', location, 'a rehearsal deletes nothing')
      },
    },
  }
}
