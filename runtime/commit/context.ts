/** What every step of the protocol is given: its settings and its ports. Types, and what the process has learnt. */
import type { Catalog, TableDefinition, TableIdentifier } from '../iceberg/catalog.ts'
import type { Storage } from '../iceberg/storage.ts'
import type { KafkaPositions } from '../source/source.ts'
import type { ErrorsKeys, RawKeys } from './keys.ts'
import type { Located } from './lineage.ts'

export interface CommitSettings {
  readonly group: string
  readonly topics: readonly string[]
  readonly startFrom: 'earliest' | 'latest'
  readonly onGap: 'Halt' | 'RecordAndContinue'
  readonly raw: TableIdentifier
  readonly errors: TableIdentifier
  readonly rawDefinition: TableDefinition
  readonly errorsDefinition: TableDefinition
  /** Folder for error files and their manifests; default: beside the errors table, outside both table locations. */
  readonly pendingLocation?: string
  /** True where a table's credentials, which the catalog vends, end at its own location: the default then lies in it. */
  readonly isConfined?: (tableLocation: string) => boolean
  /** Most intents that may wait for the errors table; at the cap a raw commit waits for it. */
  readonly pendingCap: number
}

/** Told of what happens, for metrics and logs. Never awaited, must not throw. */
export interface CommitObserver {
  /** Another commit won the race. */
  conflict(table: 'raw' | 'errors'): void
  /** A load or commit failed, outcome possibly unknown; it is tried again after `delayMs`. */
  failed(table: 'raw' | 'errors', error: unknown, delayMs: number): void
  /** A commit of ours is durable. */
  committed(table: 'raw' | 'errors', rows: number, durationMs: number): void
  /** Records [start, end) were deleted by Kafka before they were read, and noted in the table. */
  gap(topicPartition: string, start: number, end: number): void
}

export interface CommitPorts {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly positions: KafkaPositions
  /** Milliseconds since the epoch. */
  now(): number
  /** A fresh UUID. */
  newId(): string
  /** A fresh positive 63-bit id. */
  newSnapshotId(): bigint
  /** In [0, 1). */
  random(): number
  /** Rejects with the signal's reason once it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  readonly observer: CommitObserver
}

export interface CommitContext {
  readonly settings: CommitSettings
  readonly ports: CommitPorts
  /** Uuids of the tables once seen: from then on a table of another uuid, or none, is a halt. */
  readonly seen: { raw?: string; errors?: string }
  /**
   * The tables as they were last loaded, or as a commit of ours left them; absent after whatever failed. Good for what
   * an old state does no harm to. What is decided on the newest state loads, or asserts it in its commit.
   */
  readonly known: { raw?: Located<RawKeys>; errors?: Located<ErrorsKeys> }
  /** Both tables are known to hold our keys. */
  initialised: boolean
  /** Newest applied seq that was read from, or committed to, the errors table. */
  applied: number
  /** When that was, in milliseconds since the epoch. */
  appliedMs: number
}

export const createContext = (settings: CommitSettings, ports: CommitPorts): CommitContext => ({
  settings,
  ports,
  seen: {},
  known: {},
  initialised: false,
  applied: 0,
  appliedMs: Number.NEGATIVE_INFINITY,
})
