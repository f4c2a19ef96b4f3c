/**
 * `npm run bench:commits`: what a commit costs as a table's history grows, on local files and on a real REST catalog with a
 * real S3 service, with and without upkeep: latency, size of the metadata, requests. The ratios are the figures; the
 * absolute ones depend on the machine.
 */
import { parseArgs } from 'node:util'
import { type Committing, createCommitting, type Measured } from './commits/committing.ts'
import { lakes } from './commits/lakes.ts'

const help = `npm run bench:commits -- [--commits 2000] [--partitions 64] [--keep 100] [--on files,rest] [--json]

Makes N commits of one pod that holds all partitions, and looks back at the last 50 of them at several points of the way.
With upkeep, which runs after each 50, at most --keep snapshots are kept. Without it the history between those points is
added at once, unless --each says to make each of its commits, which takes half an hour.
`
const { values: flags } = parseArgs({
  options: {
    commits: { type: 'string', default: '2000' },
    partitions: { type: 'string', default: '64' },
    keep: { type: 'string', default: '100' },
    on: { type: 'string', default: 'files,rest' },
    each: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  process.stdout.write(help)
  process.exit(0)
}

const window = 50
const commits = Number(flags.commits)
const points = [window, 500, 1_000, 2_000].filter(point => point < commits).concat(commits)

interface Point {
  readonly commits: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** To a bare append to an empty table beside it: one load, one commit, no keys. */
  readonly ratio: number
  readonly metadataBytes: number
  readonly snapshots: number
  /** Means; storage without data files. */
  readonly catalogRequests: { readonly plain: number; readonly withErrors: number }
  readonly storageRequests: { readonly plain: number; readonly withErrors: number }
}

interface Row extends Point {
  readonly lake: string
  readonly upkeep: boolean
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
const latencies = (of: readonly Measured[]): number[] => of.map(({ ms }) => ms).sort((a, b) => a - b)
const mean = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : numbers.reduce((sum, number) => sum + number) / numbers.length

function requests(of: readonly Measured[], which: 'catalog' | 'storage') {
  const ofThose = (withErrors: boolean) => mean(of.filter(it => it.withErrors === withErrors).map(it => it[which]))
  return { plain: ofThose(false), withErrors: ofThose(true) }
}

async function pointOf(
  committing: Committing,
  latest: readonly Measured[],
  at: number,
  bareMs: number,
): Promise<Point> {
  const sorted = latencies(latest)
  const { bytes, snapshots } = await committing.metadata()
  return {
    commits: at,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    ratio: quantile(sorted, 0.5) / bareMs,
    metadataBytes: bytes,
    snapshots,
    catalogRequests: requests(latest, 'catalog'),
    storageRequests: requests(latest, 'storage'),
  }
}

async function run(name: keyof typeof lakes, upkeep: boolean): Promise<readonly Row[]> {
  const lake = await lakes[name]()
  const rows: Row[] = []
  try {
    const committing = await createCommitting(lake, Number(flags.partitions), Number(flags.keep))
    const bare: Measured[] = []
    for (let i = 0; i < window; i++) bare.push(await committing.bareAppend())
    const bareMs = quantile(latencies(bare), 0.5)
    const upkeepMs: number[] = []
    let latest: Measured[] = []
    for (let at = 1; at <= commits; at++) {
      const next = points.find(point => point >= at)! - window
      if (!upkeep && !flags.each && at <= next) {
        await committing.age(next - at + 1)
        at = next + 1
      }
      latest = [...latest, await committing.commit()].slice(-window)
      if (upkeep && at % window === 0) upkeepMs.push(await committing.upkeep())
      if (points.includes(at)) rows.push({ lake: name, upkeep, ...(await pointOf(committing, latest, at, bareMs)) })
    }
    const kept = upkeep ? `, upkeep ${mean(upkeepMs).toFixed(0)} ms each time` : ''
    process.stderr.write(`${name}: a bare append ${bareMs.toFixed(1)} ms${kept}\n`)
    return rows
  } finally {
    await lake.close()
  }
}

function print(rows: readonly Row[]): void {
  const two = ({ plain, withErrors }: Point['catalogRequests']) => `${plain.toFixed(1)} / ${withErrors.toFixed(1)}`
  const cells = rows.map(row => [
    row.lake,
    row.upkeep ? 'yes' : 'no',
    String(row.commits),
    row.p50Ms.toFixed(1),
    row.p99Ms.toFixed(1),
    row.ratio.toFixed(1),
    String(row.snapshots),
    (row.metadataBytes / 1e6).toFixed(2),
    two(row.catalogRequests),
    two(row.storageRequests),
  ])
  const head = [
    'on',
    'upkeep',
    'commits',
    'p50 ms',
    'p99 ms',
    'x bare',
    'snapshots',
    'metadata MB',
    'catalog',
    'storage',
  ]
  const table = [head, ...cells]
  const widths = head.map((_, column) => Math.max(...table.map(row => row[column]!.length)))
  for (const row of table)
    process.stdout.write(`${row.map((cell, column) => cell.padStart(widths[column]!)).join('  ')}\n`)
  process.stdout.write('catalog, storage: requests of a commit without / with errors, data files apart\n')
}

const rows: Row[] = []
for (const name of flags.on.split(','))
  for (const upkeep of [false, true]) rows.push(...(await run(name as keyof typeof lakes, upkeep)))
if (flags.json) process.stdout.write(`${JSON.stringify(rows)}\n`)
else print(rows)
