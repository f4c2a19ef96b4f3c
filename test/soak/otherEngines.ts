/** What another engine does to the tables during a soak, by Iceberg Java through the same catalog, while consumers run. */
import { type Change, change } from '../readers/readers.ts'
import type { Happening } from './happenings.ts'
import { between, pick, type World } from './world.ts'

/** How the sample ids of rows begin that no consumer wrote. */
export const foreignPrefix = 'foreign-'
/** Far above what a commit takes, far below what people set: files of commits under way stay. */
const orphanAgeMs = 5 * 60_000

const foreignRow = (id: string) => ({
  user_id: 'foreign',
  sample_id: id,
  data_type: 'heartRate',
  value: 60,
  start_date: '1714557600000000',
  end_date: '1714557600000000',
  processing_time: '1714557600000000',
})

interface Operation {
  readonly name: string
  readonly of: (world: World) => Change
  readonly only?: 'rawTable'
}

const operations: readonly Operation[] = [
  { name: 'compact', of: () => ({ op: 'compact' }) },
  { name: 'rewrite manifests', of: () => ({ op: 'rewriteManifests' }) },
  {
    name: 'expire snapshots',
    of: ({ random }) => ({ op: 'expireSnapshots', olderThanMs: Date.now(), retainLast: between(1, 20, random) }),
  },
  {
    name: 'create a tag',
    of: ({ timeline }) => ({ op: 'setRef', type: 'tag', name: `report-${timeline.length}` }),
  },
  {
    name: 'create a branch',
    of: ({ timeline }) => ({ op: 'setRef', type: 'branch', name: `trial-${timeline.length}` }),
  },
  {
    name: 'add a column',
    of: ({ timeline }) => ({ op: 'addColumn', name: `extra_${timeline.length}`, type: 'string' }),
  },
  {
    name: 'set a property',
    of: ({ timeline }) => ({ op: 'updateProperties', set: { 'owner.team': `team ${timeline.length}` } }),
  },
  { name: 'remove orphans', of: () => ({ op: 'removeOrphans', olderThanMs: Date.now() - orphanAgeMs }) },
  {
    name: 'append rows',
    only: 'rawTable',
    of: ({ timeline }) => ({ op: 'append', rows: [foreignRow(`${foreignPrefix}${timeline.length}`)] }),
  },
]

/** What Java says where consumers won every one of its tries, the catalog was away, or no consumer has begun yet. */
const isLostRace = (error: unknown) =>
  /CommitFailed|CommitStateUnknown|NoSuchTable|Validation|ServiceFailure|ServiceUnavailable|RESTException|Cannot commit|S3Exception|SdkClient|NotFound/.test(
    String((error as { stderr?: unknown }).stderr),
  )

async function operate(world: World, one: Operation, table: 'rawTable' | 'errorsTable'): Promise<string> {
  try {
    await change(world.ground[table], [one.of(world)])
    return `${one.name}, ${table}`
  } catch (error) {
    if (!isLostRace(error)) throw error
    return `${one.name}, ${table}: ${String((error as { stderr: string }).stderr)
      .trim()
      .slice(0, 120)}`
  }
}

/** Takes its time where consumers commit all the while, so other things happen meanwhile; one at a time. */
export const javaOperations: Happening = {
  name: 'Iceberg Java',
  weight: 6,
  async run(world) {
    if (working.has(world)) return 'is still at work'
    const one = pick(operations, world.random)
    const table = one.only ?? pick(['rawTable', 'errorsTable'] as const, world.random)
    working.add(world)
    world.later(0, async () => {
      world.note('Iceberg Java did', await operate(world, one, table).finally(() => working.delete(world)))
    })
    return `${one.name}, ${table}`
  },
}

const working = new WeakSet<World>()
