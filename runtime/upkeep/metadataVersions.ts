/**
 * Removes old metadata files of a filesystem catalog, `vN.metadata.json`, for which nobody else cares: the newest and
 * `write.metadata.previous-versions-max` before it stay. Oldest first and one after another, because the catalog relies on
 * it: while a version is there, no number above it was ever free to be taken again.
 */
import type { Which } from '../commit/tables.ts'
import { metadataVersionOf } from '../iceberg/filesystemCatalog.ts'
import { previousVersionsOf } from '../iceberg/metadataUpdates.ts'
import type { StoredFile } from '../iceberg/storage.ts'
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import type { StepResult } from './expiry.ts'
import { loadPair, mayDeleteFiles, qualified } from './pair.ts'
import type { UpkeepPorts, UpkeepSettings } from './ports.ts'

/** Rejects with HaltError, CatalogError or StorageError. */
export async function removeMetadataVersions(
  ports: UpkeepPorts,
  settings: UpkeepSettings,
  which: Which,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<StepResult> {
  if (!settings.ownsMetadataFiles) return { items: [], left: [] }
  const pair = await loadPair(ports, settings)
  if (pair === undefined) return { items: [], left: [] }
  const { table } = pair[which]
  const label = qualified(settings[which])
  if (!mayDeleteFiles(pair[which])) return { items: [], left: [`${label}: gc.enabled is false`] }
  const found = await outdated(ports, table)
  let removed = 0
  for (const { location } of dryRun ? [] : found) {
    signal.throwIfAborted()
    if (!ports.mayAct()) break
    await ports.storage.delete(location)
    removed++
  }
  const files = dryRun ? found : found.slice(0, removed)
  if (files.length === 0) return { items: [], left: [] }
  const bytes = files.reduce((sum, { length }) => sum + length, 0)
  const oldestMs = Math.min(...files.map(({ modifiedMs }) => modifiedMs))
  return {
    items: [{ step: 'metadata', table: label, kind: 'metadata files', count: files.length, bytes, oldestMs }],
    left: [],
  }
}

/** Oldest version first. */
async function outdated({ storage }: UpkeepPorts, table: TableMetadata): Promise<readonly StoredFile[]> {
  const folder = `${table.location}/metadata`
  const versions: { readonly number: number; readonly file: StoredFile }[] = []
  for await (const file of storage.list(folder)) {
    const number = metadataVersionOf(folder, file.location)
    if (number !== undefined) versions.push({ number, file })
  }
  const newest = versions.reduce((most, { number }) => Math.max(most, number), 0)
  return versions
    .filter(({ number }) => number < newest - previousVersionsOf(table))
    .sort((a, b) => a.number - b.number)
    .map(({ file }) => file)
}
