/**
 * Makes one step of recovery durable: a commit under the uuid, main and tag that the step was planned on, so that it
 * applies to what was shown or not at all. It deletes nothing.
 */
import type { CommitContext } from '../commit/context.ts'
import { tagName } from '../commit/keys.ts'
import type { Base } from '../commit/tables.ts'
import { prepareAppend } from '../iceberg/append.ts'
import type { Requirement, Snapshot, Update } from '../iceberg/tableMetadata.ts'
import { prepareDrop } from './dropFiles.ts'
import type { Step } from './way.ts'

/** What a step did, as it is shown: ids are decimal text. */
export interface StepReport {
  /** Qualified. */
  readonly table: string
  readonly does: string
  readonly requires: readonly string[]
  readonly updates: readonly string[]
  /** Of the snapshot that it added. */
  readonly summary: Readonly<Record<string, string>>
}

/** Rejects as Catalog.commitTable does, and as Storage does. */
export async function commitStep(context: CommitContext, step: Step): Promise<StepReport> {
  const { ports, settings } = context
  const id = settings[step.table]
  const table = [...id.namespace, id.name].join('.')
  if (step.kind === 'create') {
    await ports.catalog.ensureNamespace(id.namespace)
    await ports.catalog.createTable(id, step.table === 'raw' ? settings.rawDefinition : settings.errorsDefinition)
    return { table, does: step.does, requires: ['no such table'], updates: ['create the table'], summary: {} }
  }
  const tag = tagName(settings.group)
  const requirements = [...requirementsOf(step.base, tag), ...('requires' in step ? (step.requires ?? []) : [])]
  const snapshot = step.kind === 'move' ? undefined : await prepare(context, step)
  const [main, tagged] =
    step.kind === 'move' ? [step.main, step.tag] : [snapshot!['snapshot-id'], snapshot!['snapshot-id']]
  const updates: Update[] = [
    ...(snapshot === undefined ? [] : [{ action: 'add-snapshot' as const, snapshot }]),
    {
      ...step.base.table.refs.main,
      action: 'set-snapshot-ref',
      'ref-name': 'main',
      type: 'branch',
      'snapshot-id': main,
    },
    {
      action: 'set-snapshot-ref',
      'ref-name': tag,
      type: 'tag',
      'snapshot-id': tagged,
      'max-ref-age-ms': 9223372036854775807n,
    },
    ...('also' in step ? step.also : []),
  ]
  await ports.catalog.commitTable(id, requirements, updates)
  return {
    table,
    does: step.does,
    requires: requirements.map(requirementText),
    updates: updates.map(updateText),
    summary: snapshot?.summary ?? {},
  }
}

const requirementsOf = ({ table, head, own }: Base, tag: string): readonly Requirement[] => [
  { type: 'assert-table-uuid', uuid: table['table-uuid'] },
  { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': head?.['snapshot-id'] ?? null },
  { type: 'assert-ref-snapshot-id', ref: tag, 'snapshot-id': own?.['snapshot-id'] ?? null },
]

function prepare({ ports }: CommitContext, step: Extract<Step, { kind: 'append' | 'drop' }>): Promise<Snapshot> {
  const request = {
    storage: ports.storage,
    table: step.base.table,
    summary: step.keys,
    snapshotId: ports.newSnapshotId(),
    nowMs: ports.now(),
    newName: ports.newId,
  }
  if (step.kind === 'append') return prepareAppend({ ...request, parent: step.base.head, manifests: step.manifests })
  return prepareDrop({ ...request, parent: step.base.head!, locations: step.locations })
}

const requirementText = (requirement: Requirement): string =>
  requirement.type === 'assert-table-uuid'
    ? `table uuid is ${requirement.uuid}`
    : `${requirement.ref} is ${requirement['snapshot-id'] ?? 'absent'}`

function updateText(update: Update): string {
  switch (update.action) {
    case 'add-snapshot':
      return `add snapshot ${update.snapshot['snapshot-id']} (${update.snapshot.summary.operation})`
    case 'set-snapshot-ref':
      return `set ${update['ref-name']} to ${update['snapshot-id']}`
    case 'remove-snapshot-ref':
      return `remove ${update['ref-name']}`
    case 'remove-snapshots':
      return `remove ${update['snapshot-ids'].length} snapshots`
    case 'set-properties':
      return Object.entries(update.updates)
        .map(([key, value]) => `set property ${key} to ${value}`)
        .join(', ')
  }
}
