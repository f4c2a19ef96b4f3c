/** What a soak found, for people and for programs. Pure. */
import type { Verdict } from '../faults/exactness.ts'
import { busiestSecond, type Exchange } from '../lakehouse/faultProxy.ts'
import type { StoredFiles } from '../lakehouse/storedFiles.ts'
import type { Broken } from './breakages.ts'
import type { Latency } from './fleet.ts'
import type { Entry, SoakOptions, World } from './world.ts'

export interface Requests {
  readonly kind: string
  readonly count: number
  /** Answered by nobody, late, twice or not as the server did. */
  readonly faulty: number
  readonly inBusiestSecond: number
}

export interface Report {
  readonly seed: number
  readonly minutes: number
  readonly replicas: number
  readonly partitions: number
  readonly interval: string
  readonly passed: boolean
  /** Why it did not pass; empty where it did. */
  readonly problems: readonly string[]
  readonly happened: Readonly<Record<string, number>>
  readonly halts: readonly Broken[]
  readonly verdict: Verdict
  /** Rows that another engine appended, and that are there. */
  readonly foreignRows: number
  readonly files: StoredFiles
  readonly latency: Latency
  readonly memoryBytes: Readonly<Record<string, number>>
  readonly requests: { readonly catalog: readonly Requests[]; readonly storage: readonly Requests[] }
  readonly timeline: readonly Entry[]
}

/** No replica may need more; a full buffer and what runs beside it are below that by far. */
const memoryLimitBytes = 500 << 20
/** Of one kind, from all replicas together: a loop without a pause would make hundreds. */
const busiestLimit = 60

export function createReport(of: {
  readonly options: SoakOptions
  readonly world: World
  readonly broken: readonly Broken[]
  readonly found: Verdict
  readonly foreign: number
  readonly files: StoredFiles
  readonly faults: readonly string[]
}): Report {
  const { options, world, broken, found, foreign, files, faults } = of
  const { seed, minutes, replicas, partitions, interval } = options
  const catalog = requestsOf(world.house.catalogProxy.exchanges)
  const storage = requestsOf(world.house.storageProxy.exchanges)
  const { lost, doubled, strange, misjudged, wrong, examples } = found
  const problems = [
    ...Object.entries({ lost, doubled, misjudged, wrong, invented: strange - foreign }).flatMap(([what, count]) =>
      count === 0 ? [] : [`${count} ${what}`],
    ),
    ...examples,
    ...files.missing.map(location => `${location} is referred to and missing`),
    ...faults,
    ...[...world.fleet.memory].flatMap(([name, bytes]) =>
      bytes <= memoryLimitBytes ? [] : [`${name} needed ${megabytes(bytes)}`],
    ),
    ...catalog.flatMap(({ kind, inBusiestSecond }) =>
      inBusiestSecond <= busiestLimit ? [] : [`${inBusiestSecond} requests '${kind}' within a second`],
    ),
  ]
  return {
    ...{ seed, minutes, replicas, partitions, interval, passed: problems.length === 0, problems },
    happened: countBy(world.timeline.map(({ what }) => what)),
    ...{ halts: broken, verdict: found, foreignRows: foreign, files, latency: world.fleet.latency() },
    memoryBytes: Object.fromEntries(world.fleet.memory),
    requests: { catalog, storage },
    timeline: world.timeline,
  }
}

const countBy = (names: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(names, name => name)].map(([name, same]) => [name, same.length]))

function requestsOf(exchanges: readonly Exchange[]): readonly Requests[] {
  return [...Map.groupBy(exchanges, ({ kind }) => kind)]
    .map(([kind, same]) => ({
      kind,
      count: same.length,
      faulty: same.filter(({ fault }) => fault !== undefined).length,
      inBusiestSecond: busiestSecond(same),
    }))
    .sort((a, b) => b.count - a.count)
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`
const seconds = (at: number): string => `${at.toFixed(1).padStart(7)} s`

const requestLine = ({ kind, count, faulty, inBusiestSecond }: Requests): string =>
  `  ${kind.padEnd(24)}${String(count).padStart(7)}${String(faulty).padStart(9)}${String(inBusiestSecond).padStart(16)}`

export const printEntry = ({ at, what, detail }: Entry): string => `${seconds(at)}  ${what.padEnd(18)}${detail}`

/** Without the timeline, which was told as it went. */
export function printReport(report: Report): string {
  const { verdict, files, latency, requests } = report
  return [
    `seed ${report.seed}: ${report.replicas} replicas, ${report.partitions} partitions, a commit every ${report.interval}, ${report.minutes} min`,
    `happened: ${Object.entries(report.happened)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')}`,
    ...report.halts.map(
      ({ name, code, way, fromMs, toMs }) =>
        `${name}: halt ${code}, recover ${way}, ${((toMs - fromMs) / 1000).toFixed(1)} s in all`,
    ),
    `payloads ${verdict.payloads}, samples ${verdict.samples}, lost ${verdict.lost}, doubled ${verdict.doubled}, misjudged ${verdict.misjudged}, wrong ${verdict.wrong}, rows of others ${report.foreignRows}`,
    `files: ${files.missing.length} missing, ${files.orphans} orphans`,
    `commits of raw: ${latency.commits}, within ${latency.p50} ms (half of them) and ${latency.p99} ms (99 %)`,
    `memory: ${Object.entries(report.memoryBytes)
      .map(([name, bytes]) => `${name} ${megabytes(bytes)}`)
      .join(', ')}`,
    `${'requests'.padEnd(26)}  count   faulty  busiest second`,
    ...requests.catalog.map(requestLine),
    ...requests.storage.map(requestLine),
    report.passed ? 'passed' : `FAILED\n${report.problems.map(problem => `  ${problem}`).join('\n')}`,
  ].join('\n')
}
