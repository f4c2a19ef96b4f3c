/**
 * `npm run bench:operator`: what a thousand HealthConsumers cost the operator, on a real API server. The operator runs as
 * a process of its own under the chart's account; requests are counted in the API server's audit log. CPU seconds and
 * counts are the figures to trust; the walls depend on the machine.
 */
import { mkdir } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { compare, isBeyond, type Measured, printed } from './operator/figures.ts'
import { type BenchOptions, measureAlone, measureAmongControllers } from './operator/measure.ts'

const help = `npm run bench:operator -- [--count N] [--changes N] [--idle-seconds N] [--alone] [--profiles DIR] [--json]

Creates N HealthConsumers (1,000) at once and prints how long the operator takes and what it costs, beside goals and
limits; 1 past a limit. --alone leaves out the run beside kube-controller-manager; --profiles keeps CPU profiles.
`
const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    changes: { type: 'string', default: '100' },
    'idle-seconds': { type: 'string', default: '60' },
    alone: { type: 'boolean', default: false },
    profiles: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  process.stdout.write(help)
  process.exit(0)
}

function whole(flag: 'count' | 'changes' | 'idle-seconds'): number {
  const value = Number(flags[flag])
  if (Number.isInteger(value) && value > 0) return value
  process.stderr.write(`--${flag} ${flags[flag]}: give a whole number above 0\n`)
  process.exit(2)
}

const options: BenchOptions = {
  count: whole('count'),
  changes: whole('changes'),
  idleSeconds: whole('idle-seconds'),
  ...(flags.profiles !== undefined && { profiles: flags.profiles }),
  say: text => void process.stderr.write(`${text}\n`),
}
if (options.profiles !== undefined) await mkdir(options.profiles, { recursive: true })
const alone: Measured = await measureAlone(options)
const among: Measured = flags.alone ? {} : await measureAmongControllers(options)
const lines = compare({ ...alone, ...among }, options.count)
process.stdout.write(flags.json ? `${JSON.stringify(lines)}\n` : printed(lines))
process.exit(lines.some(isBeyond) ? 1 : 0)
