/** Recovery of the tables of a scenario, and what a test wants to know around it. */
import assert from 'node:assert/strict'
import type { CommitSettings } from '../../../runtime/commit/context.ts'
import type { TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { TableMetadata, Update } from '../../../runtime/iceberg/tableMetadata.ts'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { topicPartitionKey } from '../../../runtime/kafka.ts'
import { createRecovery, type Recovered, type RecoverPorts, type Recovery } from '../../../runtime/recover/recover.ts'
import { type Choice, isRefusal } from '../../../runtime/recover/way.ts'
import { ancestors, errorsTable, group, headOf, type Lake, rawTable, tag } from '../commit/lake.ts'
import { never, type Scenario } from '../commit/scenario.ts'

export function recoveryOf(
  { lake, kafka }: Pick<Scenario, 'lake' | 'kafka'>,
  settings: Partial<CommitSettings> = {},
  ports: Partial<RecoverPorts> = {},
): Recovery {
  return createRecovery(
    {
      group,
      topics: ['health'],
      startFrom: 'earliest',
      onGap: 'Halt',
      raw: rawTable,
      errors: errorsTable,
      rawDefinition,
      errorsDefinition,
      pendingCap: 100,
      ...settings,
    },
    {
      catalog: lake.catalog,
      storage: { ...lake.storage, delete: async location => assert.fail(`recovery deleted ${location}`) },
      positions: {
        clusterId: async () => kafka.clusterId,
        partitions: async topics => kafka.topicPartitions(topics),
        committed: async of => kafka.committedOf(of),
        watermarks: of => kafka.watermarks(of),
        lastStableOffsets: () => assert.fail('recovery does not ask for stable offsets'),
        commit: () => assert.fail('recovery commits no offsets to Kafka'),
      },
      now: lake.now,
      newId: lake.newId,
      newSnapshotId: lake.newSnapshotId,
      random: () => 0,
      sleep: async () => undefined,
      async recordAt({ topic, partition }, offset) {
        return kafka.log(topicPartitionKey(topic, partition)).records.find(record => record.offset === offset)
      },
      ...ports,
    },
  )
}

/** Flags of the ways that can be gone, and those that are refused in brackets. */
export async function flags(recovery: Recovery): Promise<string[]> {
  return (await recovery.offers()).map(offer => (isRefusal(offer) ? `(${offer.flag})` : offer.flag))
}

/** Goes the way, once it is known that showing and rehearsing it leave the tables alone and tell the same commits. */
export async function go(scenario: Pick<Scenario, 'lake'>, recovery: Recovery, choice: Choice): Promise<Recovered> {
  const before = await stateOf(scenario.lake)
  await recovery.offers()
  const rehearsed = await recovery.rehearse(choice)
  assert.deepEqual(await stateOf(scenario.lake), before, 'a rehearsal wrote')
  const gone = await recovery.go(choice, never)
  assert.deepEqual(
    gone.steps.map(step => step.does),
    rehearsed.steps.map(step => step.does),
  )
  return gone
}

async function stateOf({ catalog, storage }: Lake) {
  const files: string[] = []
  for await (const file of storage.list('memory:///w')) files.push(file.location)
  return [await catalog.loadTable(rawTable), await catalog.loadTable(errorsTable), files.sort()]
}

/** A person sets main back by `steps` snapshots, the tag staying. */
export async function rollBack(lake: Lake, id: TableIdentifier, steps: number): Promise<void> {
  const table = await lake.load(id)
  await lake.setMain(id, ancestors(table, headOf(table)!)[steps]!['snapshot-id'])
}

/** REPLACE TABLE … AS SELECT: main becomes a snapshot without parents; uuid, property, snapshots and tag stay. */
export async function replaceTable(lake: Lake, id: TableIdentifier): Promise<void> {
  const table = await lake.load(id)
  const { 'parent-snapshot-id': _, ...head } = headOf(table)!
  const snapshotId = lake.newSnapshotId()
  const summary = { operation: 'append', 'added-records': '7' }
  await lake.change(id, { action: 'add-snapshot', snapshot: { ...head, 'snapshot-id': snapshotId, summary } })
  await lake.setMain(id, snapshotId)
}

/** The table as a backup of its metadata has it: `steps` snapshots ago, which it has forgotten. */
export async function restoreBackup(lake: Lake, id: TableIdentifier, steps: number): Promise<void> {
  const table = await lake.load(id)
  const path = ancestors(table, headOf(table)!)
  const kept = path[steps]!['snapshot-id']
  const set: Update[] = [
    { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': kept },
    { action: 'set-snapshot-ref', 'ref-name': tag, type: 'tag', 'snapshot-id': kept },
    { action: 'remove-snapshots', 'snapshot-ids': path.slice(0, steps).map(snapshot => snapshot['snapshot-id']) },
  ]
  await lake.change(id, ...set)
}

/** A catalog that answers for one table what `answer` makes of it, until undone. */
export function pretend(
  lake: Lake,
  id: TableIdentifier,
  answer: (truth: TableMetadata) => TableMetadata | undefined,
): () => void {
  const { loadTable } = lake.catalog
  Object.assign(lake.catalog, {
    loadTable: async (asked: TableIdentifier) => {
      const truth = await loadTable(asked)
      return asked.name === id.name && truth !== undefined ? answer(truth) : truth
    },
  })
  return () => Object.assign(lake.catalog, { loadTable })
}
