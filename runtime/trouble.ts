/**
 * What is failing and being tried again right now, for `/status` and `/readyz`. It remembers since when; it decides
 * nothing, and what has no code of ours is named by its kind alone, for its message may quote anything.
 */
import type { TroubleStatus } from './contract/status.ts'
import { type TroubleCode, troubles } from './contract/troubles.ts'
import { CatalogError, type CatalogErrorCode } from './iceberg/catalog.ts'
import { StorageError, type StorageErrorCode } from './iceberg/storage.ts'
import { SourceError, type SourceErrorCode } from './source/sourceError.ts'

/** Each fails, and works again, by itself. */
export type Activity =
  /** Reading from Kafka, as a member of its group. */
  | 'reading'
  /** Finding out what the tables and Kafka say, and commits that only another look can settle. */
  | 'positions'
  /** Making rows durable. */
  | 'rows'

const ofSource: Partial<Record<SourceErrorCode, TroubleCode>> = {
  UNREACHABLE: 'BrokersUnreachable',
  NOT_READY: 'BrokersNotReady',
  AUTHENTICATION: 'LoginRefused',
  AUTHORIZATION: 'AccessDenied',
  UNKNOWN_TOPIC: 'TopicMissing',
}
const ofFiles: Partial<Record<CatalogErrorCode | StorageErrorCode, TroubleCode>> = {
  DENIED: 'StorageDenied',
  READ_ONLY: 'StorageReadOnly',
  NO_SPACE: 'StorageFull',
}
const ofCatalog: typeof ofFiles = { ...ofFiles, DENIED: 'CatalogDenied' }

export class Trouble {
  readonly #now: () => number
  /** In the order in which they began. */
  readonly #failing = new Map<Activity, TroubleStatus>()

  /** `now` is a clock in milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now
  }

  failed(activity: Activity, error: unknown): void {
    const since = this.#failing.get(activity)?.since ?? new Date(this.#now()).toISOString()
    this.#failing.set(activity, { ...described(error), since })
  }

  works(...activities: readonly Activity[]): void {
    for (const activity of activities) this.#failing.delete(activity)
  }

  /** The one that began first. */
  get current(): TroubleStatus | null {
    return this.#failing.values().next().value ?? null
  }
}

function described(error: unknown): Pick<TroubleStatus, 'code' | 'message'> {
  if (error instanceof SourceError) return { code: ofSource[error.code] ?? 'KafkaFailing', message: error.message }
  if (error instanceof CatalogError) {
    // A catalog on files fails as its files do.
    const of = error.cause instanceof StorageError ? ofFiles : ofCatalog
    return { code: of[error.code] ?? 'CatalogFailing', message: error.message }
  }
  if (error instanceof StorageError) return { code: ofFiles[error.code] ?? 'StorageFailing', message: error.message }
  const kind = error instanceof Error ? error.name : typeof error
  return { code: 'Failing', message: `${troubles.Failing} (${kind})` }
}
