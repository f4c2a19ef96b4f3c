/**
 * The port to an Iceberg catalog. A commit is a compare-and-swap: `requirements` are checked against the newest
 * metadata and `updates` applied in one atomic step, as the REST specification's updateTable does.
 * Implementations: filesystemCatalog.ts and inMemoryCatalog.ts (REST later); one contract test runs on all.
 */
import type { PartitionSpec, Requirement, Schema, TableMetadata, Update } from './tableMetadata.ts'

export interface TableIdentifier {
  /** Levels of the namespace, outermost first, e.g. ['health_db']. */
  readonly namespace: readonly string[]
  readonly name: string
}

export interface TableDefinition {
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly properties: Readonly<Record<string, string>>
}

export interface Catalog {
  /** Creates the namespace (and the warehouse folder) unless it is there. */
  ensureNamespace(namespace: readonly string[]): Promise<void>
  /** The newest metadata, or undefined where there is no such table. */
  loadTable(table: TableIdentifier): Promise<TableMetadata | undefined>
  /** Creates the table without snapshots. Rejects with CatalogError `ALREADY_EXISTS` where another won the race. */
  createTable(table: TableIdentifier, definition: TableDefinition): Promise<TableMetadata>
  /**
   * Applies the updates if every requirement holds, and resolves with the new metadata. Rejects with CatalogError:
   * `CONFLICT` when a requirement does not hold or another commit won, any other code when the outcome is unknown or
   * the catalog refused. Whatever it rejects with, the caller must load the table again to learn what happened.
   */
  commitTable(
    table: TableIdentifier,
    requirements: readonly Requirement[],
    updates: readonly Update[],
  ): Promise<TableMetadata>
}

export type CatalogErrorCode =
  | 'CONFLICT'
  | 'ALREADY_EXISTS'
  | 'NOT_FOUND'
  | 'UNKNOWN_OUTCOME'
  | 'UNAVAILABLE'
  | 'READ_ONLY'
  | 'NO_SPACE'
  | 'DENIED'
  | 'CORRUPT_METADATA'
  | 'UNSUPPORTED_FORMAT'

export class CatalogError extends Error {
  override readonly name = 'CatalogError'
  readonly code: CatalogErrorCode
  constructor(code: CatalogErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
