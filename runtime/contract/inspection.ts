/** What `healthconsumer status` answers, as JSON: where a consumer stands by its tables and Kafka. Types only. */
import type { HaltStatus } from './status.ts'

/** Snapshot ids are decimal strings, instants RFC 3339 in UTC. Null is unknown, or not there yet. */
export interface TableInspection {
  /** Qualified, e.g. `health_db.health_data_raw`. */
  readonly name: string
  readonly location: string | null
  readonly initialised: boolean
  /** Current snapshot of branch main. */
  readonly snapshotId: string | null
  readonly snapshots: number
  /** Of the current snapshot, by its own summary. */
  readonly rows: number | null
  readonly dataFiles: number | null
  /** `hc.seq` of raw, `hc.applied-seq` of errors. */
  readonly sequence: number | null
  readonly lastCommitAt: string | null
}

export interface PartitionInspection {
  readonly topic: string
  readonly partition: number
  /** Everything below is durable in the tables. */
  readonly nextOffset: number | null
  readonly endOffset: number | null
  /** Records from the next offset, or the first retained one, to the end; never zero for unknown. */
  readonly lag: number | null
  /** What the group committed to Kafka, for lag tools only. */
  readonly groupOffset: number | null
}

export interface Inspection {
  readonly group: string
  readonly tables: { readonly raw: TableInspection; readonly errors: TableInspection }
  readonly partitions: readonly PartitionInspection[]
  /** Of all partitions; null where that of any is unknown. */
  readonly lag: number | null
  /** Error batches that raw announced and errors has not applied yet. */
  readonly pendingErrorFiles: number | null
  readonly pendingErrorRows: number | null
  readonly lastCommitAt: string | null
  /** What a run would halt at. */
  readonly halts: readonly HaltStatus[]
  /** `code` is the error's own, such as UNREACHABLE or UNKNOWN_TOPIC; null where it has none. */
  readonly kafka: { readonly reachable: boolean; readonly error: string | null; readonly code: string | null }
}
