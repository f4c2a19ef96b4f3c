/** Numbers with units as Grafana writes them. Pure; it also runs in the page. */

interface Scale {
  readonly base: number
  readonly suffixes: readonly string[]
}

/** Suffixes of 1, of the base, of its square and so on. */
const scales: Readonly<Record<string, Scale>> = {
  short: { base: 1000, suffixes: ['', ' K', ' Mil', ' Bil', ' Tri'] },
  bytes: { base: 1024, suffixes: [' B', ' KiB', ' MiB', ' GiB', ' TiB'] },
  Bps: { base: 1000, suffixes: [' B/s', ' kB/s', ' MB/s', ' GB/s', ' TB/s'] },
}

/** Milliseconds in each, smallest first. */
const durations = [
  [1, ' ms'],
  [1000, ' s'],
  [60_000, ' mins'],
  [3_600_000, ' hours'],
  [86_400_000, ' days'],
] as const

/** Three digits that count, without zeros at the end. */
function rounded(value: number): string {
  const digits = 2 - Math.floor(Math.log10(Math.abs(value) || 1))
  return String(Number(value.toFixed(Math.min(20, Math.max(0, digits)))))
}

const duration = (ms: number): string => {
  const [size, suffix] = durations.findLast(([least]) => Math.abs(ms) >= least) ?? durations[0]
  return `${rounded(ms / size)}${suffix}`
}

/** `unit` is an id of Grafana's; throws for one that the dashboard had no use for yet. */
export function format(unit: string, value: number): string {
  if (unit === 'percentunit') return `${rounded(value * 100)}%`
  if (unit === 'ms') return duration(value)
  if (unit === 's') return value === 0 ? '0 s' : duration(value * 1000)
  const scale = scales[unit]
  if (scale === undefined) throw new Error(`${unit} is no unit that the picture knows: add it to formats.ts`)
  const { base, suffixes } = scale
  const power = Math.floor(Math.log(Math.max(1, Math.abs(value))) / Math.log(base) + 1e-9)
  const exponent = Math.min(suffixes.length - 1, power)
  return `${rounded(value / base ** exponent)}${suffixes[exponent]}`
}

/** Steps between the lines of an axis that give round numbers in the unit. */
export const axisSteps = (unit: string): number[] => {
  const powers = (base: number, from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => base ** (from + index))
  if (unit === 'bytes') return powers(2, 0, 50)
  const decimal = powers(10, -6, 16).flatMap(power => [power, 2 * power, 5 * power])
  if (unit !== 's' && unit !== 'ms') return decimal
  const second = unit === 's' ? 1 : 1000
  const minutes = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200].map(seconds => seconds * second)
  return [...decimal.filter(step => step < 15 * second), ...minutes]
}
