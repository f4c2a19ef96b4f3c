/**
 * What another engine may do that no consumer can work through: the replicas must halt with the code that is documented for
 * it, and `healthconsumer recover` must get them going, while they run.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { HaltCode } from '../../runtime/contract/halts.ts'
import { type Change, change, read } from '../readers/readers.ts'
import { until } from '../until.ts'
import { between, pick, type World } from './world.ts'

interface Breakage {
  readonly name: string
  readonly table: 'rawTable' | 'errorsTable'
  readonly codes: readonly HaltCode[]
  /** Flags of `recover`, one of which is drawn. */
  readonly ways: readonly (readonly string[])[]
  change(world: World): Promise<Change>
}

/** A window in which replicas may be halted, milliseconds since the epoch. */
export interface Broken {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
  readonly code: HaltCode
  readonly way: string
}

/** A few snapshots back. */
const rollback = (table: Breakage['table']) => async (world: World) => {
  const { java } = await read(world.ground[table], [{ op: 'snapshots' }], ['java'])
  const byId = new Map(java[0]!.snapshots.map(snapshot => [snapshot.id, snapshot]))
  let at = java[0]!.snapshots.at(-1)!
  for (let steps = between(1, 4, world.random); steps > 0; steps--) at = byId.get(at.parentId ?? '') ?? at
  return { op: 'rollbackTo', snapshotId: at.id } as const
}

export const breakages: readonly Breakage[] = [
  {
    name: 'rollback of raw',
    table: 'rawTable',
    codes: ['LineageBroken', 'RawRolledBack'],
    ways: [
      ['--undo', 'raw'],
      ['--accept-rollback', 'raw'],
    ],
    change: rollback('rawTable'),
  },
  {
    name: 'rollback of errors',
    table: 'errorsTable',
    codes: ['LineageBroken', 'ErrorsRolledBack'],
    ways: [
      ['--undo', 'errors'],
      ['--accept-rollback', 'errors'],
    ],
    change: rollback('errorsTable'),
  },
  {
    name: 'REPLACE TABLE raw',
    table: 'rawTable',
    codes: ['LineageBroken'],
    ways: [['--undo', 'raw']],
    change: async () => ({ op: 'replace' }),
  },
]

const program = new URL('../../cli/main.ts', import.meta.url).pathname
const patienceSeconds = 120

export async function breakAndRecover(world: World, breakage: Breakage): Promise<Broken> {
  const { fleet, ground, house, note, random } = world
  house.catalogProxy.calm()
  house.storageProxy.calm()
  const done = await breakage.change(world)
  const fromMs = Date.now()
  await change(ground[breakage.table], [done])
  note(breakage.name, JSON.stringify(done))
  await until(`a halt after ${breakage.name}`, async () => (await haltOf(world)) !== undefined, patienceSeconds)
  const code = await haltOf(world)
  if (code === undefined || !breakage.codes.includes(code))
    throw new Error(`${breakage.name}: halted with ${code}, not ${breakage.codes}`)
  const way = pick(breakage.ways, random)
  note('halt', code)
  const before = await sequenceOf(world)
  await recover(world, way)
  note('recover', way.join(' '))
  await until(
    `commits after ${way.join(' ')}`,
    async () => fleet.awake.length > 0 && (await haltOf(world)) === undefined && (await sequenceOf(world)) > before,
    patienceSeconds,
  )
  return { name: breakage.name, fromMs, toMs: Date.now(), code, way: way.join(' ') }
}

async function recover({ ground }: World, way: readonly string[]): Promise<void> {
  const given = [program, 'recover', '-f', ground.manifest, '--secrets-dir', ground.secrets, ...way, '--yes']
  await promisify(execFile)(process.execPath, given).catch(({ code, stdout, stderr }) => {
    throw new Error(`recover ${way.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  })
}

const statuses = ({ fleet }: World) => Promise.all(fleet.awake.map(({ runtime }) => runtime!.status()))

/** The code of any replica that is halted. */
async function haltOf(world: World): Promise<HaltCode | undefined> {
  return (await statuses(world)).map(status => status?.halt?.code).find(code => code !== undefined)
}

/** The newest commit to raw that a replica knows of. */
async function sequenceOf(world: World): Promise<number> {
  return Math.max(0, ...(await statuses(world)).map(status => status?.tables.raw.sequence ?? 0))
}
