/**
 * `npm run bench:logging`: what a line in the contract's whole shape costs beside bare pino with the same message and
 * context (no logger, source, process or hash). Both write each line at once to a file of their own: pino through its
 * own destination, the whole shape as LOG_FILE. Blocks of the two alternate, so that what else the machine does hits
 * both, and medians are compared. Exits 1 above the limit.
 */
import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { destination, pino } from 'pino'
import { getLogger, setupLogging } from '../../runtime/telemetry/logging.ts'

const limit = 2.3
const help = `npm run bench:logging -- [--lines N] [--json]

Writes N lines (1,000,000) each way, and prints microseconds of CPU time per line and their ratio.
`
const { values: flags } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  process.stdout.write(help)
  process.exit(0)
}

const blocks = 50
const linesPerBlock = Math.ceil(Number(flags.lines) / blocks)
const users = 1_000
const message = 'Consumed message from Kafka'

const folder = mkdtempSync(join(tmpdir(), 'healthconsumer-bench-'))
const bareFile = join(folder, 'bare.log')
const wholeFile = join(folder, 'whole.log')
const bare = pino(destination({ dest: bareFile, sync: true }))
setupLogging({ logFile: wholeFile }, { write() {} })
const logger = getLogger('healthconsumer.source')

const contextOf = (line: number) => ({
  kafka_topic: 'health-data-raw',
  kafka_partition: line % 6,
  kafka_offset: 1_000_000 + line,
  user_id: `user-${line % users}`,
  data_type: 'heartRate',
})

function consumeBare(line: number): void {
  bare.info({ context: contextOf(line) }, message)
}

function consumeWhole(line: number): void {
  logger.info(message, { context: contextOf(line) })
}

/** Microseconds of CPU time per line. */
function block(consume: (line: number) => void, first: number, file: string): number {
  truncateSync(file)
  const before = process.cpuUsage()
  for (let line = first; line < first + linesPerBlock; line++) consume(line)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / linesPerBlock
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const bareCosts: number[] = []
const wholeCosts: number[] = []
for (let i = 0; i < blocks; i++) {
  bareCosts.push(block(consumeBare, i * linesPerBlock, bareFile))
  wholeCosts.push(block(consumeWhole, i * linesPerBlock, wholeFile))
}
rmSync(folder, { recursive: true })

const [bareCost, wholeCost] = [median(bareCosts), median(wholeCosts)]
const result = {
  lines: blocks * linesPerBlock,
  bareMicros: Number(bareCost.toFixed(2)),
  wholeMicros: Number(wholeCost.toFixed(2)),
  ratio: Number((wholeCost / bareCost).toFixed(2)),
  limit,
}
if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
else
  process.stdout.write(`${result.lines.toLocaleString('en')} lines each way, medians of ${blocks} blocks
bare pino     ${result.bareMicros} µs a line
whole shape   ${result.wholeMicros} µs a line
ratio         ${result.ratio} (at most ${limit})
`)
process.exitCode = result.ratio <= limit ? 0 : 1
