/**
 * What a commit does to table metadata: check the requirements, apply the updates, log the previous file. Pure: the clock
 * and ids are passed in, nothing is read or written, and the given metadata is never changed.
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml TableRequirement, TableUpdate; format/spec.md
 * "Table Metadata Fields", "Snapshot References"; Java TableMetadata.Builder for the logs.
 */
import { CatalogError, type TableDefinition } from './catalog.ts'
import type { Requirement, Schema, Snapshot, SnapshotRef, TableMetadata, Update } from './tableMetadata.ts'

const conflict = (what: string): CatalogError =>
  new CatalogError('CONFLICT', `commit refused: ${what}; load the table again and build the commit on what it is now`)

/** @throws CatalogError CONFLICT naming the first requirement that does not hold */
export function checkRequirements(metadata: TableMetadata, requirements: readonly Requirement[]): void {
  for (const requirement of requirements) {
    if (requirement.type === 'assert-table-uuid') {
      if (requirement.uuid !== metadata['table-uuid'])
        throw conflict(`table uuid is ${metadata['table-uuid']}, required ${requirement.uuid}`)
      continue
    }
    const ref = ownRef(metadata, requirement.ref)
    const found = ref?.['snapshot-id'] ?? null
    if (found !== requirement['snapshot-id'])
      throw conflict(
        `ref '${requirement.ref}' is ${found ?? 'absent'}, required ${requirement['snapshot-id'] ?? 'absent'}`,
      )
  }
}

const ownRef = (metadata: TableMetadata, name: string): SnapshotRef | undefined =>
  Object.hasOwn(metadata.refs, name) ? metadata.refs[name] : undefined

/**
 * The metadata after the updates, in order. `last-updated-ms` is the latest of now, what it was and the new snapshots.
 * @throws CatalogError CONFLICT for an update that does not fit the metadata
 */
export function applyUpdates(metadata: TableMetadata, updates: readonly Update[], nowMs: number): TableMetadata {
  const start: TableMetadata = { ...metadata, 'last-updated-ms': Math.max(nowMs, metadata['last-updated-ms']) }
  // The lower bound of a new snapshot's time is what the table said before this commit, not this commit's own clock.
  return updates.reduce((current, update) => applyUpdate(current, update, metadata['last-updated-ms']), start)
}

function applyUpdate(metadata: TableMetadata, update: Update, previousMs: number): TableMetadata {
  switch (update.action) {
    case 'add-snapshot':
      return addSnapshot(metadata, update.snapshot, previousMs)
    case 'set-snapshot-ref': {
      const { action: _, 'ref-name': name, ...ref } = update
      return setRef(metadata, name, ref)
    }
    case 'remove-snapshot-ref':
      return removeRef(metadata, update['ref-name'])
    case 'remove-snapshots':
      return removeSnapshots(metadata, new Set(update['snapshot-ids']))
    case 'set-properties':
      return { ...metadata, properties: { ...metadata.properties, ...update.updates } }
  }
}

function addSnapshot(metadata: TableMetadata, snapshot: Snapshot, previousMs: number): TableMetadata {
  const id = snapshot['snapshot-id']
  const expected = metadata['last-sequence-number'] + 1
  if (metadata.snapshots.some(other => other['snapshot-id'] === id))
    throw conflict(`snapshot ${id} is already in the table`)
  if (snapshot['sequence-number'] !== expected)
    throw conflict(`sequence number of snapshot ${id} is ${snapshot['sequence-number']}, required ${expected}`)
  if (snapshot['timestamp-ms'] < previousMs)
    throw conflict(`time of snapshot ${id} is ${snapshot['timestamp-ms']}, before the table's ${previousMs}`)
  return {
    ...metadata,
    'last-sequence-number': expected,
    'last-updated-ms': Math.max(metadata['last-updated-ms'], snapshot['timestamp-ms']),
    snapshots: [...metadata.snapshots, snapshot],
  }
}

function setRef(metadata: TableMetadata, name: string, ref: SnapshotRef): TableMetadata {
  const id = ref['snapshot-id']
  const snapshot = metadata.snapshots.find(other => other['snapshot-id'] === id)
  if (snapshot === undefined) throw conflict(`ref '${name}' is to name snapshot ${id}, which is not in the table`)
  const changed: TableMetadata = { ...metadata, refs: { ...metadata.refs, [name]: ref } }
  if (name !== 'main') return changed
  if (ref.type !== 'branch') throw conflict("ref 'main' is to be a tag, it must be a branch")
  if (metadata['current-snapshot-id'] === id) return changed
  const log = metadata['snapshot-log']
  // The newest snapshot is logged at its own time; one that main returns to is logged at the time of the return.
  const newest = metadata.snapshots.at(-1) === snapshot
  const timeMs = newest ? snapshot['timestamp-ms'] : metadata['last-updated-ms']
  const entry = { 'timestamp-ms': Math.max(timeMs, log.at(-1)?.['timestamp-ms'] ?? timeMs), 'snapshot-id': id }
  return { ...changed, 'current-snapshot-id': id, 'snapshot-log': [...log, entry] }
}

function removeRef(metadata: TableMetadata, name: string): TableMetadata {
  if (name === 'main') throw conflict("ref 'main' is to be removed, it must stay")
  const { [name]: _, ...refs } = metadata.refs
  return { ...metadata, refs }
}

function removeSnapshots(metadata: TableMetadata, ids: ReadonlySet<bigint>): TableMetadata {
  for (const [name, ref] of Object.entries(metadata.refs))
    if (ids.has(ref['snapshot-id']))
      throw conflict(`snapshot ${ref['snapshot-id']} is to be removed but ref '${name}' names it`)
  const removed = (item: unknown): boolean =>
    typeof item === 'object' && item !== null && 'snapshot-id' in item && ids.has(item['snapshot-id'] as bigint)
  const log = metadata['snapshot-log']
  // What came before a removed entry is no history any more: time travel would answer with a wrong snapshot.
  const keptLog = log.slice(log.findLastIndex(removed) + 1)
  const changed: Record<string, unknown> = {}
  for (const field of ['statistics', 'partition-statistics']) {
    const files = metadata[field]
    if (Array.isArray(files)) changed[field] = files.filter(file => !removed(file))
  }
  return {
    ...metadata,
    ...changed,
    snapshots: metadata.snapshots.filter(item => !removed(item)),
    'snapshot-log': keptLog,
  }
}

const previousVersionsMax = 100

/** How many metadata files before the current one are kept and logged: `write.metadata.previous-versions-max`. */
export function previousVersionsOf({ properties }: TableMetadata): number {
  const setting = Number(properties['write.metadata.previous-versions-max'] ?? previousVersionsMax)
  return Number.isInteger(setting) && setting >= 1 ? setting : previousVersionsMax
}

/** `next` with the file it replaces appended to the metadata log, of which only the newest stay. */
export function logPreviousMetadata(next: TableMetadata, previous: TableMetadata, previousFile: string): TableMetadata {
  const entry = { 'timestamp-ms': previous['last-updated-ms'], 'metadata-file': previousFile }
  return { ...next, 'metadata-log': [...next['metadata-log'], entry].slice(-previousVersionsOf(next)) }
}

/** Every field id of the schema, those of map keys and values included. */
const fieldIds = (schema: Schema): readonly number[] =>
  schema.fields.flatMap(({ id, type }) => (typeof type === 'object' ? [id, type['key-id'], type['value-id']] : [id]))

/** Partition field ids start at 1000 (spec "Partition Specs"); the last one assigned to an unpartitioned table is 999. */
const lastUnpartitionedId = 999

/** A table without snapshots. `location` is absolute and without a trailing slash. */
export function newTableMetadata(
  definition: TableDefinition,
  location: string,
  uuid: string,
  nowMs: number,
): TableMetadata {
  const { schema, spec, properties } = definition
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': 0,
    'last-updated-ms': nowMs,
    'last-column-id': Math.max(0, ...fieldIds(schema)),
    'current-schema-id': schema['schema-id'],
    schemas: [schema],
    'default-spec-id': spec['spec-id'],
    'partition-specs': [spec],
    'last-partition-id': Math.max(lastUnpartitionedId, ...spec.fields.map(field => field['field-id'])),
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties,
    'current-snapshot-id': null,
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
  }
}
