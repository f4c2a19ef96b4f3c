/**
 * Steps 4 and 9: brings the errors table up to the intents that the raw table announced, whoever announced them, always
 * from raw's `hc.pending` and never from a pod's own memory. Also writes an intent's durable manifest.
 */
import type { DataFile } from '../iceberg/dataFile.ts'
import { describeManifest, encodeManifest, type NewManifest, sum } from '../iceberg/manifest.ts'
import { readManifest } from '../iceberg/snapshotFiles.ts'
import { StorageError } from '../iceberg/storage.ts'
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import { currentSchema, currentSpec } from '../iceberg/tables.ts'
import type { CommitContext, CommitSettings } from './context.ts'
import { HaltError } from './halt.ts'
import { type ErrorsKeys, type Intent, printErrorsKeys, type RawKeys } from './keys.ts'
import type { Located } from './lineage.ts'
import { refuseRolledBack, unapplied } from './plan.ts'
import { appendOwn, loadErrors, untilSettled } from './tables.ts'

/**
 * Folder for error files and manifests that are not committed yet. Outside both table locations, so that no engine's
 * removal of orphan files finds them there; but for credentials that reach nothing else, whose files only the age that
 * such a removal waits for protects.
 */
export function pendingFolder(
  { settings }: { readonly settings: Pick<CommitSettings, 'pendingLocation' | 'isConfined'> },
  errors: TableMetadata,
): string {
  const table = errors.location.replace(/\/+$/, '')
  const above = table.slice(0, table.lastIndexOf('/'))
  // Above a table that is a bucket there is nothing.
  const parent = settings.isConfined?.(table) || above.endsWith(':/') ? table : above
  return `${settings.pendingLocation ?? `${parent}/_hc_pending`}/${errors['table-uuid']}`
}

/** Writes the manifest of a batch's error files; from then on any pod can append them. */
export async function writeIntent(
  context: CommitContext,
  errors: TableMetadata,
  files: readonly DataFile[],
): Promise<Omit<Intent, 'seq' | 'ranges'>> {
  const bytes = encodeManifest(files, { schema: currentSchema(errors), spec: currentSpec(errors) })
  const manifest = `${pendingFolder(context, errors)}/${context.ports.newId()}-m0.avro`
  await context.ports.storage.create(manifest, bytes)
  return { manifest, length: bytes.length, count: Number(sum(files, file => file.recordCount)) }
}

export interface RollForwardOptions {
  /** The errors table as it was read a moment ago: the first attempt builds on it. */
  readonly errors?: Located<ErrorsKeys>
  /** Rejects with the last error once as many have failed. */
  readonly attempts?: number
}

/**
 * Appends every intent that errors has not seen, in order, in one commit; resolves with the newest applied seq. Raw was
 * read before: where errors lost what raw saw applied, this halts, for an append would hide the loss.
 */
export async function rollForward(
  context: CommitContext,
  { pending, errorsAckedSeq }: Pick<RawKeys, 'pending' | 'errorsAckedSeq'>,
  signal: AbortSignal,
  options: RollForwardOptions = {},
): Promise<number> {
  const attempt = async (number: number) => {
    const errors = (number === 0 ? options.errors : undefined) ?? (await loadErrors(context))
    refuseRolledBack(errorsAckedSeq, errors.keys.appliedSeq)
    const due = unapplied(pending, errors.keys)
    const last = due.at(-1)
    if (last === undefined) return errors.keys.appliedSeq
    const manifests: NewManifest[] = []
    for (const intent of due) manifests.push(await readIntent(context, errors.table, intent))
    const keys = { ...errors.keys, appliedSeq: last.seq, commitId: context.ports.newId() }
    await appendOwn(context, 'errors', errors, manifests, printErrorsKeys(keys))
    context.applied = last.seq
    return last.seq
  }
  return untilSettled(context, 'errors', signal, attempt, options.attempts)
}

/** The manifest of an intent, once it and every file that it lists are known to be whole; halts where one is not. */
async function readIntent(context: CommitContext, errors: TableMetadata, intent: Intent): Promise<NewManifest> {
  const { storage } = context.ports
  const { entries } = await readManifest(storage, intent.manifest, intent.length).catch(cause => {
    if (cause instanceof StorageError && (cause.code === 'NOT_FOUND' || cause.code === 'CORRUPT'))
      throw new HaltError('PendingLost', `manifest of seq ${intent.seq}: ${cause.message}`, cause)
    throw cause
  })
  for (const { file } of entries) {
    const size = await storage.size(file.location)
    if (size === file.fileSizeInBytes) continue
    const found = size === undefined ? 'is gone' : `has ${size} bytes instead of ${file.fileSizeInBytes}`
    throw new HaltError('PendingLost', `data file ${file.location} of seq ${intent.seq} ${found}`)
  }
  const files = entries.map(entry => entry.file)
  return describeManifest(intent.manifest, intent.length, files, currentSpec(errors))
}
