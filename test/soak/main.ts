/** `npm run soak`: the arguments, the timeline while it goes, the report, the exit code. */
import { parseArgs } from 'node:util'
import { printEntry, printReport } from './report.ts'
import { runSoak } from './soak.ts'

const help = `npm run soak -- [--seed N] [--minutes M] [--replicas R] [--partitions P] [--interval 2s] [--breakages B] [--json]

Runs R (4) replicas of one consumer on P (12) partitions of a real Kafka, with tables in Iceberg's REST catalog and a real
S3 service, for M (10) minutes, while a growing topic is consumed with a commit every 2s. By seed (1) it draws what happens:
kill -9, SIGSTOP, scaling, restarts of catalog and S3, lost, late, doubled and cut answers, outages, expired tokens, and
Iceberg Java that compacts, expires, rewrites and appends. B (3) times a table is rolled back or replaced; then the replicas
must halt and \`healthconsumer recover\` must get them going.

Afterwards every sample of the topic must be in the tables once, as it was sent, and no file that a snapshot refers to may
be missing. The timeline goes to stderr, the report to stdout.

Exit codes: 0 passed, 1 failed, 2 wrong arguments.
`

const wholeNumber = (name: string, text: string, least: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  return refuse(`--${name} is '${text}', a whole number from ${least} is needed`)
}

function refuse(what: string): never {
  process.stderr.write(`soak: ${what}; see --help\n`)
  process.exit(2)
}

function given() {
  try {
    return parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        minutes: { type: 'string', default: '10' },
        replicas: { type: 'string', default: '4' },
        partitions: { type: 'string', default: '12' },
        interval: { type: 'string', default: '2s' },
        breakages: { type: 'string', default: '3' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return refuse((error as Error).message)
  }
}

const flags = given()
if (flags.help) process.stdout.write(help)
else {
  const minutes = Number(flags.minutes)
  if (!(minutes > 0)) refuse(`--minutes is '${flags.minutes}', a positive number is needed`)
  if (!/^\d+s$/.test(flags.interval)) refuse(`--interval is '${flags.interval}', seconds such as 2s are needed`)
  const report = await runSoak({
    seed: wholeNumber('seed', flags.seed, 0),
    minutes,
    replicas: wholeNumber('replicas', flags.replicas, 1),
    partitions: wholeNumber('partitions', flags.partitions, 1),
    interval: flags.interval,
    breakages: wholeNumber('breakages', flags.breakages, 0),
    tell: entry => process.stderr.write(`${printEntry(entry)}\n`),
  })
  process.stdout.write(`${flags.json ? JSON.stringify(report, null, 2) : printReport(report)}\n`)
  process.exitCode = report.passed ? 0 : 1
}
