/**
 * The port to the files of a table: immutable, named by absolute location (`file:///…`, `s3://…`).
 * Implementations: localStorage.ts, s3Storage.ts and inMemoryStorage.ts; one contract test runs on all.
 */
export interface StoredFile {
  readonly location: string
  readonly length: number
  readonly modifiedMs: number
}

export interface Storage {
  /** The whole file. Rejects with StorageError `NOT_FOUND`, `CORRUPT` or `UNAVAILABLE`. */
  read(location: string): Promise<Buffer>
  /**
   * Creates a new file, durable (file and folder synced) before it resolves. Never replaces one: an existing file of
   * that name rejects with StorageError `EXISTS`. A failed write leaves no partial file under that name; the whole one
   * may be there where only making it durable failed (`UNAVAILABLE`).
   */
  create(location: string, bytes: Uint8Array): Promise<void>
  /** Length in bytes, or undefined where there is no such file. */
  size(location: string): Promise<number | undefined>
  /** Every file below a folder location. */
  list(folder: string): AsyncIterable<StoredFile>
  /** Only upkeep deletes (invariant I5). Deleting what is not there is not an error. */
  delete(location: string): Promise<void>
  /**
   * As `delete` of each, where many go together for less. Where it rejects, some of them may be gone, and some that could
   * be deleted may be there still.
   */
  deleteMany?(locations: readonly string[]): Promise<void>
}

/** A storage that can also replace a small file in one step. Only hints are ever replaced: every other file is immutable. */
export interface ReplacingStorage extends Storage {
  /** Readers see the old bytes or the new ones, never a part. Not durable: a hint may go back after a power cut. */
  replace(location: string, bytes: Uint8Array): Promise<void>
}

export type StorageErrorCode = 'NOT_FOUND' | 'EXISTS' | 'NO_SPACE' | 'READ_ONLY' | 'DENIED' | 'CORRUPT' | 'UNAVAILABLE'

export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  readonly location: string
  constructor(code: StorageErrorCode, location: string, what: string, cause?: unknown) {
    super(`${what} · ${location}`, { cause })
    this.code = code
    this.location = location
  }
}
