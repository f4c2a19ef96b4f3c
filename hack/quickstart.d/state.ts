/**
 * The folder of the quickstart: Kafka's data, the warehouse, the next seed, the manifest in use, logs. One quickstart at
 * a time works in it. It starts and stops nothing.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface State {
  readonly dir: string
  readonly kafkaDir: string
  readonly warehouse: string
  /** The runtime's own folder: which member of the group it was. */
  readonly memberDir: string
  readonly runtimeFile: string
  readonly runtimeLog: string
  /** Removes everything but the lock. Nothing may be running. */
  clear(): void
  /** A seed that no run in this folder had before; durable before it is used. */
  takeSeed(): number
  /** `host:port` once Kafka was set up here. */
  bootstrapServers(): string | undefined
  /** The manifest for these brokers: the example itself where it fits, else a copy with the places filled in. */
  manifest(bootstrapServers: string): string
}

/** Seeds start here, out of the way of a `produce` by hand, whose seed is 1. */
const firstSeed = 1000
const exampleServers = '127.0.0.1:19092'
const exampleWarehouse = '../.quickstart/warehouse'

/** Throws where another quickstart holds the folder. The lock lasts as long as this process. */
export function openState(root: string, dir: string, standardDir: boolean): State {
  mkdirSync(dir, { recursive: true })
  lock(dir)
  const seedFile = join(dir, 'next-seed')
  const kafkaDir = join(dir, 'kafka')
  const warehouse = join(dir, 'warehouse')
  const memberDir = join(dir, 'member')
  const copy = join(dir, 'quickstart.yaml')
  const runtimeFile = join(dir, 'runtime.json')
  const runtimeLog = join(dir, 'runtime.log')
  return {
    dir,
    kafkaDir,
    warehouse,
    memberDir,
    runtimeFile,
    runtimeLog,
    clear() {
      for (const path of [kafkaDir, warehouse, memberDir, seedFile, copy, runtimeFile, runtimeLog])
        rmSync(path, { recursive: true, force: true })
    },
    takeSeed() {
      const seed = Number(read(seedFile) ?? firstSeed)
      writeFileSync(`${seedFile}.new`, String(seed + 1), { flush: true })
      renameSync(`${seedFile}.new`, seedFile)
      return seed
    },
    bootstrapServers: () => read(join(kafkaDir, 'bootstrap-servers'))?.trim(),
    manifest(bootstrapServers) {
      const example = join(root, 'examples/quickstart.yaml')
      if (standardDir && bootstrapServers === exampleServers) return example
      const text = readFileSync(example, 'utf8')
      if (!text.includes(exampleServers) || !text.includes(exampleWarehouse))
        throw new Error(`${example} names neither ${exampleServers} nor ${exampleWarehouse} any more: restore them`)
      writeFileSync(copy, text.replace(exampleServers, bootstrapServers).replace(exampleWarehouse, warehouse))
      return copy
    },
  }
}

/** flock(1) locks the file behind a descriptor of ours, which the kernel gives up with this process, however it ends. */
function lock(dir: string): void {
  const descriptor = openSync(join(dir, 'lock'), 'a')
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'inherit', descriptor] })
  if (error) throw new Error('no `flock` in PATH: apt-get install util-linux')
  if (status !== 0)
    throw new Error(
      `another quickstart is at work in ${dir}: wait until it has ended, or name another folder with --dir`,
    )
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
