/**
 * Reads the Prometheus text format 0.0.4, and estimates quantiles from its histograms as Prometheus does. Pure.
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Exposition {
  /** By metric name, as its TYPE line says. */
  readonly types: ReadonlyMap<string, string>
  /** By sample name: a histogram's have the suffixes `_bucket`, `_sum` and `_count`. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>
}

export class ExpositionError extends Error {
  override readonly name = 'ExpositionError'
  readonly code = 'INVALID_LINE'
  /** Counted from 1. Its text is not told: what answered may be anything. */
  readonly line: number
  constructor(line: number) {
    super(`line ${line} is not in the Prometheus text format`)
    this.line = line
  }
}

const typeLine = /^#[ \t]+TYPE[ \t]+(\S+)[ \t]+(\S+)[ \t]*$/
const sampleName = /[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*/y
const label = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,?)[ \t]*/y
/** The value, and perhaps a timestamp in milliseconds. */
const valueAtEnd = /[ \t]*(\S+)(?:[ \t]+-?\d+)?[ \t]*$/y

/** Throws ExpositionError. */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>()
  const samples = new Map<string, Sample[]>()
  text.split('\n').forEach((line, index) => {
    const [, name, type] = typeLine.exec(line) ?? []
    if (name !== undefined && type !== undefined) types.set(name, type)
    if (line.startsWith('#') || line.trim() === '') return
    const parsed = parseSample(line)
    if (parsed === undefined) throw new ExpositionError(index + 1)
    const known = samples.get(parsed.name)
    if (known) known.push(parsed.sample)
    else samples.set(parsed.name, [parsed.sample])
  })
  return { types, samples }
}

function parseSample(line: string): { name: string; sample: Sample } | undefined {
  const start = matchAt(sampleName, line, 0)
  if (!start) return undefined
  const labels: [string, string][] = []
  let position = sampleName.lastIndex
  if (line[position] === '{') {
    position++
    for (let more = true; more && line[position] !== '}'; position = label.lastIndex) {
      const found = matchAt(label, line, position)
      if (!found) return undefined
      labels.push([found[1]!, unescaped(found[2]!)])
      more = found[3] === ','
    }
    if (line[position] !== '}') return undefined
    position++
  }
  const end = matchAt(valueAtEnd, line, position)
  const value = end ? parseValue(end[1]!) : undefined
  return value === undefined ? undefined : { name: start[1]!, sample: { labels: Object.fromEntries(labels), value } }
}

function matchAt(expression: RegExp, text: string, position: number): RegExpExecArray | null {
  expression.lastIndex = position
  return expression.exec(text)
}

const unescaped = (text: string) => text.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))

/** As Go's ParseFloat reads numbers, `NaN` and `Inf` in any case; undefined where it is none. */
function parseValue(text: string): number | undefined {
  if (/^nan$/i.test(text)) return Number.NaN
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  const value = Number(text)
  return Number.isNaN(value) ? undefined : value
}

/** The sum over the label sets of a sample; undefined where there is none. */
export function sumOf({ samples }: Exposition, name: string): number | undefined {
  return samples.get(name)?.reduce((sum, { value }) => sum + value, 0)
}

/**
 * The quantile `q` (0..1) of a histogram without other labels than `le`, in the metric's unit, by linear interpolation
 * within its bucket, as `histogram_quantile` does; undefined before the first observation.
 */
export function quantileOf({ samples }: Exposition, histogram: string, q: number): number | undefined {
  const buckets = (samples.get(`${histogram}_bucket`) ?? [])
    .map(({ labels, value }) => ({ upper: parseValue(labels.le ?? '') ?? Number.NaN, count: value }))
    .sort((a, b) => a.upper - b.upper)
  const total = buckets.at(-1)?.count ?? 0
  if (total <= 0) return undefined
  const index = buckets.findIndex(({ count }) => count >= q * total)
  const { upper, count } = buckets[index]!
  const below = buckets[index - 1]
  // What lies beyond the last bound is at least that bound; no more is known.
  if (upper === Infinity) return below?.upper
  const lower = below?.upper ?? Math.min(0, upper)
  const within = count - (below?.count ?? 0)
  return within === 0 ? upper : lower + ((upper - lower) * (q * total - (below?.count ?? 0))) / within
}
