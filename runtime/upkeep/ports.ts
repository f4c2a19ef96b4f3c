/** What upkeep is given: its settings, its ports, and whom it tells what happens. Types only. */
import type { CommitSettings } from '../commit/context.ts'
import type { UpkeepReport, UpkeepStep } from '../contract/upkeep.ts'
import type { Catalog } from '../iceberg/catalog.ts'
import type { Storage } from '../iceberg/storage.ts'

export interface Retention {
  /** Age past which a snapshot is expired. */
  readonly maxAgeMs: number
  /** Snapshots of branch main that are kept at most; whichever keeps fewer decides. */
  readonly maxCount: number
}

/** What is the commit protocol's must be the same as there. */
export interface UpkeepSettings
  extends Pick<CommitSettings, 'group' | 'raw' | 'errors' | 'pendingLocation' | 'isConfined'> {
  readonly retention: Retention
  /** `enabled` is about the background only. A day at least: what is younger may be on its way into a commit. */
  readonly orphanRemoval: { readonly enabled: boolean; readonly minAgeMs: number }
  /** Whether nobody else removes old metadata files: so it is in a filesystem catalog, while others own theirs. */
  readonly ownsMetadataFiles: boolean
}

export interface UpkeepObserver {
  /** A step of the background is over; it may have found nothing to do. */
  done(step: UpkeepStep, report: UpkeepReport): void
  /** A step of the background failed, or met a halt; it is tried again in time. */
  failed(step: UpkeepStep, error: unknown): void
}

export interface UpkeepPorts {
  readonly catalog: Catalog
  readonly storage: Storage
  /** Milliseconds since the epoch. */
  now(): number
  /** A fresh name. */
  newId(): string
  /** In [0, 1). */
  random(): number
  /** Rejects with the signal's reason once it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Asked right before each commit and each batch of deletes; false leaves the rest to another pod. */
  mayAct(): boolean
  readonly observer: UpkeepObserver
}
