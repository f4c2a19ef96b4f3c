/**
 * Which files of the errors table hold rows of raw commits that a rollback of raw took away. The offsets of a snapshot of
 * ours are a commit boundary, so an announced batch lies wholly before or wholly past them, and whole files tell rows
 * apart. Where other engines have rewritten such files nothing tells, and that is said. It reads and changes nothing.
 */
import type { ErrorsKeys, Intent, RawKeys } from '../commit/keys.ts'
import type { ManifestEntry } from '../iceberg/manifestEntry.ts'
import { liveDataFiles, readManifest } from '../iceberg/snapshotFiles.ts'
import { type Storage, StorageError } from '../iceberg/storage.ts'
import type { Snapshot } from '../iceberg/tableMetadata.ts'
import { ancestors, type Own, type Situation, type Sound } from './situation.ts'

/** Marks an errors snapshot that appended again what errors had lost: not only what it was the first to apply. */
export const againKey = 'hc.appended-again'

export interface LostErrors {
  readonly locations: ReadonlySet<string>
  readonly rows: number
}

/** The files, or why they cannot be told. `own` is the snapshot that raw was set back to. */
export async function findLostErrors(
  { raw }: Pick<Situation, 'raw'>,
  own: Own<RawKeys>,
  errors: Sound<ErrorsKeys>,
  storage: Storage,
): Promise<LostErrors | string> {
  const { seq, pending } = own.keys
  // Errors has applied nothing past the offsets.
  if (errors.own.keys.appliedSeq <= seq) return { locations: new Set(), rows: 0 }
  const live = new Map<string, ManifestEntry>()
  for await (const entry of liveDataFiles(storage, errors.head))
    if (entry.file.content === 0) live.set(entry.file.location, entry)
  const announced = await filesOfLostCommits(raw, own, errors.own.keys.appliedSeq, storage)
  const lost = announced
    ? byAnnouncement(announced, errors, live)
    : byCommit(own.keys, await filesOf(pending, storage), errors, live)
  if (typeof lost === 'string') return lost
  const rows = [...lost].reduce((sum, location) => sum + (live.get(location)?.file.recordCount ?? 0), 0)
  return { locations: lost, rows }
}

const rewritten = (name: string, location: string): string =>
  `${name} no longer has ${location}, which raw announced: another engine rewrote or removed it, so rows to keep and rows to drop cannot be told apart by file`

type FilesOf = ReadonlyMap<Intent, readonly string[]>

/** Files of each batch whose manifest can be read. */
async function filesOf(intents: Iterable<Intent>, storage: Storage): Promise<FilesOf> {
  const files = new Map<Intent, readonly string[]>()
  for (const intent of intents) {
    const manifest = await readManifest(storage, intent.manifest, intent.length).catch(error => {
      if (error instanceof StorageError && (error.code === 'NOT_FOUND' || error.code === 'CORRUPT')) return undefined
      throw error
    })
    if (manifest !== undefined)
      files.set(
        intent,
        manifest.entries.map(({ file }) => file.location),
      )
  }
  return files
}

/** The batches of the commits between the tag and `own`; undefined where not all of them are known. */
async function filesOfLostCommits(
  raw: Situation['raw'],
  own: Own<RawKeys>,
  applied: number,
  storage: Storage,
): Promise<FilesOf | undefined> {
  if (raw.table === undefined || raw.tagged === undefined || raw.tagged === own.snapshot) return undefined
  const ours = new Map(raw.retained.map(({ snapshot, keys }) => [snapshot, keys]))
  // Commits after the tagged one are gone without a trace: a backup was restored before main was set back.
  if ((ours.get(raw.tagged)?.seq ?? -1) < applied) return undefined
  const lost = new Map<number, Intent>()
  for (const snapshot of ancestors(raw.table, raw.tagged)) {
    if (raw.damaged.has(snapshot['snapshot-id'])) return undefined
    if (snapshot === own.snapshot) {
      const files = await filesOf(lost.values(), storage)
      return files.size === lost.size ? files : undefined
    }
    // The newest announcement of a batch tells what is left of it.
    for (const intent of ours.get(snapshot)?.pending ?? [])
      if (intent.seq > own.keys.seq && !lost.has(intent.seq)) lost.set(intent.seq, intent)
  }
  return undefined
}

function byAnnouncement(
  announced: FilesOf,
  errors: Sound<ErrorsKeys>,
  live: ReadonlyMap<string, ManifestEntry>,
): ReadonlySet<string> | string {
  const lost = new Set<string>()
  for (const [intent, locations] of announced)
    for (const location of locations) {
      if (live.has(location)) lost.add(location)
      else if (intent.seq <= errors.own.keys.appliedSeq) return rewritten(errors.name, location)
    }
  return lost
}

/**
 * By the errors commits alone. One that applied more than `seq` holds batches past the offsets, and those of `kept`: what
 * it applied up to `seq` was not applied before, and raw announced it still.
 */
function byCommit(
  { seq, pending }: RawKeys,
  kept: FilesOf,
  errors: Sound<ErrorsKeys>,
  live: ReadonlyMap<string, ManifestEntry>,
): ReadonlySet<string> | string {
  const keep = new Set([...kept.values()].flat())
  const keysOf = new Map(errors.retained.map(own => [own.snapshot, own.keys]))
  const byNumber = new Map<bigint, Snapshot>()
  let boundary: bigint | undefined
  let appliedBefore = 0
  for (const snapshot of ancestors(errors.table, errors.head)) {
    const number = BigInt(snapshot['sequence-number'])
    byNumber.set(number, snapshot)
    const applied = keysOf.get(snapshot)?.appliedSeq ?? Number.POSITIVE_INFINITY
    if (applied <= seq) {
      boundary = number
      appliedBefore = applied
    } else if (snapshot['parent-snapshot-id'] === undefined) boundary = 0n
    if (boundary !== undefined) break
  }
  if (boundary === undefined)
    return `${errors.name} retains no snapshot from before the offsets, so its rows cannot be told apart by commit`
  const unread = pending.find(intent => intent.seq > appliedBefore && !kept.has(intent))
  if (unread !== undefined) return rewritten(errors.name, unread.manifest)
  const lost = new Set<string>()
  for (const [location, { fileSequenceNumber, sequenceNumber }] of live) {
    const number = fileSequenceNumber ?? sequenceNumber ?? 0n
    if (number <= boundary) continue
    const adder = byNumber.get(number)
    if (adder === undefined || keysOf.get(adder) === undefined || adder.summary.operation !== 'append')
      return rewritten(errors.name, location)
    if (keep.has(location)) continue
    // It holds batches from before the offsets, too, which raw no longer announces.
    if (againKey in adder.summary)
      return `${errors.name} got rows again in snapshot ${adder['snapshot-id']}, those before the offsets and those past them`
    lost.add(location)
  }
  return lost
}
