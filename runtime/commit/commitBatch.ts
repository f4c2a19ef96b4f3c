/**
 * Steps 6 (manifests), 7, 8, 9 and 10: makes a batch durable exactly once, or learns that somebody else did. After any
 * answer but success it loads the table again and lets the offsets in it decide; it deletes nothing, ever.
 *
 * Without errors and without a race that is one load and one commit of raw; with errors, as much of their table again.
 */
import { metadataFolder } from '../iceberg/append.ts'
import type { DataFile } from '../iceberg/dataFile.ts'
import { describeManifest, encodeManifest, type NewManifest } from '../iceberg/manifest.ts'
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import { currentSchema, currentSpec } from '../iceberg/tables.ts'
import type { LastRecord, OffsetRange, TopicPartitionKey } from '../kafka.ts'
import type { CommitContext } from './context.ts'
import { HaltError } from './halt.ts'
import { printRawKeys, type RawKeys } from './keys.ts'
import type { Located } from './lineage.ts'
import { type CommitRequest, nextRawKeys, refuseBehind, standing } from './plan.ts'
import { rollForward, writeIntent } from './rollForward.ts'
import { appendOwn, loadErrors, loadRaw, untilSettled } from './tables.ts'

export interface Batch {
  /** Half-open offsets per topic partition that the files hold, each starting where the table ends. */
  readonly ranges: ReadonlyMap<TopicPartitionKey, OffsetRange>
  /** Last record consumed of each partition that had one. */
  readonly last: ReadonlyMap<TopicPartitionKey, LastRecord>
  readonly rawFiles: readonly DataFile[]
  readonly errorFiles: readonly DataFile[]
}

/** `moved`: the table no longer stands where the batch starts; discard it and take positions anew (step 3). */
export type CommitResult = 'committed' | 'moved'

/** Commits raw, then errors, then Kafka's offsets. Rejects with HaltError, or with the signal's reason. */
export async function commitBatch(context: CommitContext, batch: Batch, signal: AbortSignal): Promise<CommitResult> {
  const prepared = await untilSettled(context, 'raw', signal, () => prepare(context, batch))
  const settled = await untilSettled(context, 'raw', signal, attempt =>
    commitRaw(context, batch, prepared, attempt, signal),
  )
  if (settled === 'moved') return 'moved'
  const { keys } = context.known.raw ?? (await untilSettled(context, 'raw', signal, () => loadRaw(context)))
  signal.throwIfAborted()
  // The batch is durable. An errors table that is away holds nobody up until the cap: the next commit or the idle audit
  // rolls forward what it missed.
  if (isErrorsTurn(context, keys))
    await rollForward(context, keys, signal, { attempts: errorsAttempts }).catch(rethrowHalt)
  await context.ports.positions
    .commit(new Map([...batch.ranges].map(([key, range]) => [key, range.end])))
    .catch(() => undefined) // Only lag tools read them (step 10).
  return 'committed'
}

const errorsAttempts = 4
/** A pod that never finds an invalid sample looks at the errors table all the same, lest its loss be noticed too late. */
const errorsUnseenMs = 30_000

/** Something waits for the errors table, or it was not looked at for a while. */
const isErrorsTurn = ({ applied, appliedMs, ports }: CommitContext, { pending }: RawKeys): boolean =>
  pending.some(intent => intent.seq > applied) || ports.now() - appliedMs >= errorsUnseenMs

function rethrowHalt(error: unknown): void {
  if (error instanceof HaltError) throw error
}

/**
 * Removal of orphans, ours and that of engines, takes files for waste once they are a day old and in no table: what has
 * waited for half of that, in a pod that slept or was cut off, is not committed any more but read anew.
 */
const maxBatchAgeMs = 12 * 3_600_000

interface Prepared {
  /** Milliseconds since the epoch. */
  readonly startedMs: number
  readonly manifests: readonly NewManifest[]
  readonly request: CommitRequest
}

/** Writes the manifests, which every attempt reuses; a table that changed since it was known is found by the attempts. */
async function prepare(context: CommitContext, batch: Batch): Promise<Prepared> {
  const startedMs = context.ports.now()
  const { table } = context.known.raw ?? (await loadRaw(context))
  const manifests = batch.rawFiles.length === 0 ? [] : [await writeManifest(context, table, batch.rawFiles)]
  const intent =
    batch.errorFiles.length === 0
      ? undefined
      : await writeIntent(context, (context.known.errors ?? (await loadErrors(context))).table, batch.errorFiles)
  const { ranges, last } = batch
  return { startedMs, manifests, request: { ranges, last, commitId: context.ports.newId(), intent } }
}

async function writeManifest(
  context: CommitContext,
  table: TableMetadata,
  files: readonly DataFile[],
): Promise<NewManifest> {
  const spec = currentSpec(table)
  const bytes = encodeManifest(files, { schema: currentSchema(table), spec })
  const location = `${metadataFolder(table)}/${context.ports.newId()}-m0.avro`
  await context.ports.storage.create(location, bytes)
  return describeManifest(location, bytes.length, files, spec)
}

/** One attempt of steps 7 and 8: undefined means try again on what is then the head. */
async function commitRaw(
  context: CommitContext,
  batch: Batch,
  prepared: Prepared,
  attempt: number,
  signal: AbortSignal,
): Promise<CommitResult | undefined> {
  // Read before raw: only a raw table that was set back can lie behind it.
  const { applied } = context
  const raw = await loadRaw(context)
  refuseBehind(raw.keys.seq, applied)
  const stands = standing(batch.ranges, raw.keys.offsets)
  if (stands === 'mixed') return 'moved'
  // At the first attempt nothing of this batch can be in the table by our doing: the start has moved.
  if (stands === 'durable') return attempt === 0 ? 'moved' : 'committed'
  await keepUnderCap(context, raw, prepared, signal)
  if (context.ports.now() - prepared.startedMs > maxBatchAgeMs) return 'moved'
  const keys = printRawKeys(nextRawKeys(raw.keys, prepared.request, context.applied))
  await appendOwn(context, 'raw', raw, prepared.manifests, keys)
  return 'committed'
}

/** Step 12: at the cap of pending intents a commit with errors waits until the errors table has taken them. */
async function keepUnderCap(
  context: CommitContext,
  raw: Located<RawKeys>,
  prepared: Prepared,
  signal: AbortSignal,
): Promise<void> {
  if (prepared.request.intent === undefined) return
  const waiting = raw.keys.pending.filter(intent => intent.seq > context.applied)
  if (waiting.length >= context.settings.pendingCap) await rollForward(context, raw.keys, signal)
}
