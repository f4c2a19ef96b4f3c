/** What the operator is held to: a goal, and a limit above which the benchmark fails. Data, and how it is told. */

interface Figure {
  readonly what: string
  readonly unit: string
  readonly goal: number
  readonly limit: number
  /** Grows with the number of HealthConsumers. */
  readonly scales?: boolean
}

export const figures = {
  wallStopped: { what: 'created -> all applied, controllers stopped', unit: 's', goal: 35, limit: 50, scales: true },
  wallRunning: { what: 'created -> all applied, controllers running', unit: 's', goal: 60, limit: 90, scales: true },
  cpuStopped: { what: 'operator CPU, controllers stopped', unit: 's', goal: 15, limit: 25, scales: true },
  cpuRunning: { what: 'operator CPU, controllers running', unit: 's', goal: 15, limit: 25, scales: true },
  requestsStopped: {
    what: 'operator requests, controllers stopped',
    unit: '',
    goal: 10_500,
    limit: 12_000,
    scales: true,
  },
  requestsRunning: {
    what: 'operator requests, controllers running',
    unit: '',
    goal: 10_500,
    limit: 12_000,
    scales: true,
  },
  peakRss: { what: 'peak resident memory', unit: 'MiB', goal: 220, limit: 300, scales: true },
  idleRequests: { what: 'requests a minute when idle, lease aside', unit: '', goal: 5, limit: 60 },
  idleCpu: { what: 'CPU when idle', unit: '%', goal: 0.5, limit: 2 },
  changeP50: { what: 'change -> applied, median', unit: 'ms', goal: 30, limit: Number.POSITIVE_INFINITY },
  changeP99: { what: 'change -> applied, 99th percentile', unit: 'ms', goal: 75, limit: 150 },
  restart: { what: 'restart -> everything looked at', unit: 's', goal: 3, limit: 8, scales: true },
  restartRequests: { what: 'requests of a restart, lease aside', unit: '', goal: 50, limit: 100 },
  restartWrites: { what: 'writes of a restart, lease aside', unit: '', goal: 0, limit: 0 },
} as const satisfies Record<string, Figure>

export type FigureName = keyof typeof figures
export type Measured = Readonly<Partial<Record<FigureName, number>>>

export interface Line {
  readonly name: FigureName
  readonly what: string
  readonly measured: number
  readonly goal: number
  readonly limit: number
  readonly unit: string
}

/** Goals and limits are those of 1,000 HealthConsumers; they grow with more and stay with fewer. */
export const compare = (measured: Measured, count: number): readonly Line[] =>
  (Object.keys(figures) as FigureName[]).flatMap(name => {
    const value = measured[name]
    if (value === undefined) return []
    const { what, unit, goal, limit, scales }: Figure = figures[name]
    const factor = scales ? Math.max(1, count / 1000) : 1
    return [{ name, what, unit, measured: value, goal: goal * factor, limit: limit * factor }]
  })

export const isBeyond = ({ measured, limit }: Line): boolean => measured > limit

export function printed(lines: readonly Line[]): string {
  const shown = (value: number) => (Number.isFinite(value) ? value.toLocaleString('en') : '')
  const rows = lines.map(line => [
    line.what,
    `${shown(line.measured)} ${line.unit}`.trim(),
    shown(line.goal),
    shown(line.limit),
    isBeyond(line) ? 'beyond the limit' : line.measured > line.goal ? 'beyond the goal' : '',
  ])
  const all = [['', 'measured', 'goal', 'limit', ''], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map(row => row[column]!.length)))
  return all
    .map(row => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))))
    .map(row => `${row.join('  ').trimEnd()}\n`)
    .join('')
}
