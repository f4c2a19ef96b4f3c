/**
 * Upkeep of the tables of a configuration, on its real catalog and storage: in the background of a consumer, or once for
 * the command. It builds; what is removed, and when, upkeep decides.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import type { UpkeepReport } from './contract/upkeep.ts'
import { type Lake, openLake } from './lake.ts'
import type { Pipeline } from './pipeline.ts'
import type { UpkeepPorts } from './upkeep/ports.ts'
import { createUpkeep, type MaintainOptions, type Upkeep } from './upkeep/upkeep.ts'

export type { MaintainOptions } from './upkeep/upkeep.ts'

type Configured = Pick<RuntimeConfiguration, 'catalog' | 'groupId' | 'maintenance' | 'pendingLocation' | 'tables'>

export function upkeepOf(
  { catalog, groupId, maintenance, pendingLocation, tables }: Configured,
  lake: Lake,
  ports: Pick<UpkeepPorts, 'mayAct' | 'observer'>,
): Upkeep {
  return createUpkeep(
    {
      catalog: lake.catalog,
      storage: lake.storage,
      now: Date.now,
      newId: randomUUID,
      random: Math.random,
      sleep: (ms, signal) => delay(ms, undefined, { signal }),
      ...ports,
    },
    {
      group: groupId,
      raw: { namespace: tables.namespace, name: tables.raw },
      errors: { namespace: tables.namespace, name: tables.errors },
      pendingLocation,
      isConfined: lake.isConfined,
      retention: maintenance.snapshotRetention,
      orphanRemoval: maintenance.orphanRemoval,
      ownsMetadataFiles: catalog.type === 'filesystem',
    },
  )
}

/** One pod of a group does the upkeep: the one that holds partition 0 of the first topic, while nothing halts it. */
export const isKeeper = (
  { halt, positions }: Pick<Pipeline, 'halt' | 'positions'>,
  topics: readonly string[],
): boolean => halt === null && positions().some(({ topic, partition }) => topic === topics[0] && partition === 0)

/** Once, for a person. Rejects where the tables would halt a consumer, or with what catalog or storage reject with. */
export async function maintainTables(
  configuration: RuntimeConfiguration,
  options: MaintainOptions,
  secretsDirectory?: string,
): Promise<UpkeepReport> {
  const lake = await openLake(configuration, secretsDirectory)
  try {
    const upkeep = upkeepOf(configuration, lake, { mayAct: () => true, observer: { done() {}, failed() {} } })
    return await upkeep.maintain(options, new AbortController().signal)
  } finally {
    lake.close()
  }
}
