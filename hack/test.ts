/**
 * Runs the test suites, two at a time, and says one line for each when it is done (hack/test starts it). What was not
 * run is not passed: a suite or a file without a test, a skipped test and a test left to do are failures.
 * It never installs anything and never decides what a test needs.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { inspect, parseArgs, stripVTControlCharacters } from 'node:util'
import { type Suite, suites } from './test.d/suites.ts'

const usage = `hack/test: runs the project's test suites

  hack/test                   all of them but the long ones
  hack/test --only SUITE ...  some of them
  hack/test --long            with the long suites, and the long runs of the others (HC_TEST_LONG=1)
  hack/test --jobs N          so many at a time, 2 by default; 1 to measure
  hack/test --list            what there is

One line a suite, the details of each failure, then "N passed, N failed"; exit code 1 where anything failed.`

/** No suite takes longer, unless something hangs: what still runs then is stopped and has failed. */
const limitMs = { short: 30 * 60_000, long: 180 * 60_000 }

interface Outcome {
  passed: number
  readonly failures: string[]
  /** What the tests report, such as times that are not asserted. */
  readonly reports: string[]
  /** What the tests wrote to stderr. */
  readonly stderr: string[]
}

const indented = (text: string) => `\n${text.replaceAll(/^/gm, '    ')}\n`
const plain = (text: string) => stripVTControlCharacters(text).trimEnd()

function runCommand([program, ...rest]: readonly string[], signal: AbortSignal): Promise<Outcome> {
  return new Promise(resolve => {
    const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'], signal })
    const output: Buffer[] = []
    child.stdout.on('data', chunk => output.push(chunk))
    child.stderr.on('data', chunk => output.push(chunk))
    child.on('error', error => resolve({ passed: 0, failures: [String(error)], reports: [], stderr: [] }))
    child.on('close', code => {
      const failures = code === 0 ? [] : [plain(String(Buffer.concat(output)))]
      resolve({ passed: code === 0 ? 1 : 0, failures, reports: [], stderr: [] })
    })
  })
}

interface TestEvent {
  readonly name: string
  readonly nesting: number
  readonly file?: string
  readonly skip?: string | boolean
  readonly todo?: string | boolean
  readonly details: { readonly type?: string; readonly error?: { failureType?: string; cause?: unknown } }
}

/** What is wrong with a finished test, or undefined. */
function fault(test: TestEvent, passed: boolean): string | undefined {
  const isFile = test.nesting === 0 && test.file?.endsWith(test.name)
  if (isFile) return passed ? 'ran no test' : 'ended with an error or was stopped at the time limit'
  if (test.skip !== undefined) return 'was skipped'
  if (test.todo !== undefined) return 'is left to do'
  return passed ? undefined : plain(inspect(test.details.error?.cause ?? test.details.error))
}

/** The counts that the runner reports of itself. */
const runnersOwn = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /

async function runFiles(files: string[], concurrency: number, signal: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failures: [], reports: [], stderr: [] }
  const finished = (test: TestEvent, passed: boolean) => {
    // A group is its tests; a test with failing subtests is those.
    if (test.details.type === 'suite' || test.details.error?.failureType === 'subtestsFailed') return
    const wrong = fault(test, passed)
    if (wrong === undefined) outcome.passed++
    else outcome.failures.push(`${test.file ?? ''} › ${test.name}\n${wrong}`)
  }
  const stream = run({ files, concurrency, signal })
  stream.on('test:pass', data => finished(data, true))
  stream.on('test:fail', data => finished(data, false))
  stream.on('test:diagnostic', data => {
    if (!runnersOwn.test(data.message)) outcome.reports.push(data.message)
  })
  stream.on('test:stderr', data => outcome.stderr.push(data.message))
  for await (const _ of stream);
  return outcome
}

async function runSuite(suite: Suite, signal: AbortSignal): Promise<Outcome> {
  if (suite.command) return runCommand(suite.command, signal)
  const files = globSync(suite.files!).sort()
  const outcome = await runFiles(files, suite.concurrency ?? 1, signal)
  if (outcome.passed + outcome.failures.length > 0) return outcome
  return { passed: 0, failures: [`no test in ${suite.files!.join(' ')}`], reports: [], stderr: [] }
}

function chosenSuites(only: readonly string[], long: boolean): readonly Suite[] {
  const unknown = only.filter(name => !suites.some(suite => suite.name === name))
  if (unknown.length > 0) {
    console.error(`hack/test: '${unknown[0]}' is no suite; there are ${suites.map(suite => suite.name).join(', ')}`)
    process.exit(2)
  }
  return suites.filter(suite => (only.length === 0 ? long || !suite.long : only.includes(suite.name)))
}

/** So many at a time, in their order, but never two that mount. */
async function inLanes(suites: readonly Suite[], lanes: number, run: (suite: Suite) => Promise<void>): Promise<void> {
  const waiting = [...suites]
  const running = new Map<Suite, Promise<unknown>>()
  while (waiting.length > 0 || running.size > 0) {
    const mounted = [...running.keys()].some(({ mounts }) => mounts)
    const next = waiting.find(({ mounts }) => !(mounts && mounted))
    if (next === undefined || running.size === lanes) {
      await Promise.race(running.values())
    } else {
      waiting.splice(waiting.indexOf(next), 1)
      running.set(
        next,
        run(next).finally(() => running.delete(next)),
      )
    }
  }
}

function report({ name }: Suite, { passed, failures, reports, stderr }: Outcome, seconds: number): void {
  const counts = `${String(passed).padStart(5)} passed  ${String(failures.length).padStart(3)} failed`
  console.log(`${name.padEnd(14)}${counts}  ${seconds.toFixed(1).padStart(6)} s`)
  for (const report of reports) console.log(`  ${report}`)
  for (const failure of failures) console.log(indented(failure))
  if (failures.length > 0 && stderr.length > 0) console.log(indented(`stderr of ${name}:\n${plain(stderr.join(''))}`))
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'boolean' },
      long: { type: 'boolean' },
      jobs: { type: 'string', default: '2' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return console.log(usage)
  if (values.list)
    return console.log(
      suites.map(suite => `${suite.name.padEnd(14)}${suite.what}${suite.long ? '; long' : ''}`).join('\n'),
    )
  if (Boolean(values.only) !== positionals.length > 0) {
    console.error(usage)
    process.exit(2)
  }
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1) {
    console.error(`hack/test: --jobs needs a number of suites, not '${values.jobs}'`)
    process.exit(2)
  }
  if (values.long) process.env.HC_TEST_LONG = '1'
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())

  let passed = 0
  let failed = 0
  await inLanes(chosenSuites(positionals, values.long ?? false), jobs, async suite => {
    const startMs = Date.now()
    const limit = AbortSignal.timeout(values.long ? limitMs.long : limitMs.short)
    const outcome = await runSuite(suite, AbortSignal.any([stopping.signal, limit]))
    report(suite, outcome, (Date.now() - startMs) / 1000)
    passed += outcome.passed
    failed += outcome.failures.length
  })
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
