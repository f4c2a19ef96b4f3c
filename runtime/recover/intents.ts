/**
 * Announced batches of error rows as storage has them: whole, in part, or gone; and those that raw's retained history
 * announced. It writes nothing but the manifest of what is left of a batch.
 */
import type { Intent, RawKeys } from '../commit/keys.ts'
import { describeManifest, EntryEncoder, type NewManifest, sum } from '../iceberg/manifest.ts'
import type { Manifest } from '../iceberg/manifestEntry.ts'
import { readManifest } from '../iceberg/snapshotFiles.ts'
import { type Storage, StorageError } from '../iceberg/storage.ts'
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import { currentSpec } from '../iceberg/tables.ts'
import { ancestors, type Sound } from './situation.ts'

export interface SeenIntent {
  readonly intent: Intent
  /** Undefined where it cannot be read. */
  readonly manifest: Manifest | undefined
  /** Locations that are gone or not as long as announced. */
  readonly missing: readonly string[]
}

export const isWhole = ({ manifest, missing }: SeenIntent): boolean => manifest !== undefined && missing.length === 0

export async function seeIntent(storage: Storage, intent: Intent): Promise<SeenIntent> {
  const manifest = await readManifest(storage, intent.manifest, intent.length).catch(error => {
    if (error instanceof StorageError && (error.code === 'NOT_FOUND' || error.code === 'CORRUPT')) return undefined
    throw error
  })
  const missing: string[] = []
  for (const { file } of manifest?.entries ?? [])
    if ((await storage.size(file.location)) !== file.fileSizeInBytes) missing.push(file.location)
  return { intent, manifest, missing: manifest === undefined ? [intent.manifest] : missing }
}

/** Rows of the batch that are gone. */
export const lostRows = ({ intent, manifest, missing }: SeenIntent): number =>
  manifest === undefined
    ? intent.count
    : manifest.entries.reduce((rows, { file }) => rows + (missing.includes(file.location) ? file.recordCount : 0), 0)

/** As an errors commit appends it. */
export const manifestOf = ({ intent, manifest }: SeenIntent, errors: TableMetadata): NewManifest =>
  describeManifest(
    intent.manifest,
    intent.length,
    (manifest?.entries ?? []).map(({ file }) => file),
    currentSpec(errors),
  )

/** The batch without what is missing, its manifest written to `location`; undefined where nothing is left of it. */
export async function salvage(storage: Storage, seen: SeenIntent, location: string): Promise<Intent | undefined> {
  const { intent, manifest, missing } = seen
  const left = manifest?.entries.filter(({ file }) => !missing.includes(file.location)) ?? []
  if (manifest === undefined || left.length === 0) return undefined
  const encoder = new EntryEncoder(manifest.partition, manifest.header)
  encoder.add(left)
  const bytes = encoder.finish()
  await storage.create(location, bytes)
  return {
    ...intent,
    manifest: location,
    length: bytes.length,
    count: Number(sum(left, ({ file }) => file.recordCount)),
  }
}

export interface Announced {
  /** In order of their seq. */
  readonly intents: readonly Intent[]
  /** Why these are not all, or not what errors lacks. */
  readonly doubt: string | undefined
}

/** Batches with a seq above `seq`, which errors has applied, that raw and its retained ancestors announced. */
export function announcedSince(raw: Sound<RawKeys>, seq: number): Announced {
  const keysOf = new Map(raw.retained.map(own => [own.snapshot, own.keys]))
  const found = new Map<number, Intent>()
  const givenUp = new Set<number>()
  let doubt: string | undefined = `${raw.name} retains no snapshot from before seq ${seq}, which announced the others`
  for (const snapshot of ancestors(raw.table, raw.own.snapshot)) {
    const keys = keysOf.get(snapshot)
    for (const [, lost] of (snapshot.summary[lostKey] ?? '').matchAll(/"seq":(\d+)/g)) givenUp.add(Number(lost))
    for (const intent of keys?.pending ?? [])
      if (intent.seq > seq && !found.has(intent.seq)) found.set(intent.seq, intent)
    // What this one does not announce any more was seen applied, up to there.
    if (keys === undefined || keys.errorsAckedSeq > seq) continue
    // Numbers have no gap but where a rollback of raw was accepted, which cut rows that errors has again.
    doubt =
      keys.seq < seq
        ? `${raw.name} was rolled back after seq ${keys.seq}, and errors was set back past that`
        : undefined
    break
  }
  const intents = [...found.values()].filter(intent => !givenUp.has(intent.seq))
  return { intents: intents.sort((a, b) => a.seq - b.seq), doubt }
}

/** Key of a raw or errors snapshot that notes batches given up: `[{seq, rows, ranges}]`. */
export const lostKey = 'hc.lost'

export const printLost = (lost: readonly SeenIntent[]): string =>
  JSON.stringify(lost.map(seen => ({ seq: seen.intent.seq, rows: lostRows(seen), ranges: rangesOf(seen.intent) })))

const rangesOf = ({ ranges }: Intent) => [...ranges].map(([key, { start, end }]) => [key, start, end])
