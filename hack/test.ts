/**
 * Runs the test suites one after another and says one line for each while it goes (hack/test starts it). What was not
 * run is not passed: a suite or a file without a test, a skipped test and a test left to do are failures.
 * It never installs anything and never decides what a test needs.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { inspect, parseArgs, stripVTControlCharacters } from 'node:util'

interface Suite {
  readonly name: string
  readonly what: string
  /** Test files, or one command that passes or fails as a whole. */
  readonly files?: readonly string[]
  readonly command?: readonly string[]
  /** Test files at a time; 1 where they share a server or all the cores. */
  readonly concurrency?: number
  /** Takes too long for every run: with --long, or where it is named. */
  readonly long?: true
}

const suites: readonly Suite[] = [
  { name: 'types', what: 'tsc, strict', command: ['tsc', '--noEmit'] },
  { name: 'lint', what: 'biome, warnings are errors', command: ['biome', 'check', '--error-on-warnings', '.'] },
  {
    name: 'architecture',
    what: 'import direction, purity, dependencies, names',
    files: ['test/architecture/**/*.test.ts'],
  },
  {
    name: 'unit',
    what: 'one module at a time, in memory',
    files: ['test/{crds,runtime,monitoring,operator,cli}/**/*.test.ts'],
    concurrency: 2,
  },
  { name: 'readers', what: 'tables through pyiceberg, DuckDB and Iceberg Java', files: ['test/readers/**/*.test.ts'] },
  { name: 'kafka', what: 'the source on a real broker', files: ['test/kafka/**/*.test.ts'] },
  {
    name: 'pipeline',
    what: 'the whole runtime on a real broker, tables read by pyiceberg',
    files: ['test/pipeline/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'prometheus',
    what: 'rules, scrape and queries on a real Prometheus and Alertmanager',
    files: ['test/prometheus/**/*.test.ts'],
  },
  {
    name: 'controlplane',
    what: 'the operator on a real API server, watches through faults, leaders that die',
    files: ['test/controlplane/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'chart',
    what: 'the chart, rendered and on a real API server; Argo CD and kustomize',
    files: ['test/{chart,argocd}/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'cluster',
    what: 'pods on a real node, and that nothing stays of it; needs root',
    files: ['test/cluster/**/*.test.ts'],
  },
  {
    name: 'image',
    what: 'the image: contents, the same twice, its pods on a real node; needs root',
    files: ['test/image/**/*.test.ts'],
  },
  {
    name: 'lakehouse',
    what: 'REST catalog and S3: faults of every request, kills, other engines, a short soak',
    files: ['test/lakehouse/**/*.test.ts'],
    concurrency: 2,
  },
  {
    name: 'e2e',
    what: 'all of it on a real node, Kafka to S3, installed and watched, through disruptions; needs root',
    files: ['test/e2e/**/*.test.ts'],
    long: true,
  },
  { name: 'faults', what: 'kills, pauses, lost responses', files: ['test/faults/**/*.test.ts'] },
  {
    name: 'package',
    what: 'the packed tarball, installed in an empty project',
    files: ['test/package/**/*.test.ts'],
  },
  { name: 'docs', what: 'every command in the README and docs', files: ['test/docs/**/*.test.ts'] },
]

const usage = `hack/test: runs the project's test suites

  hack/test                   all of them but the long ones
  hack/test --only SUITE ...  some of them
  hack/test --long            with the long suites, and the long runs of the others (HC_TEST_LONG=1)
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

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'boolean' },
      long: { type: 'boolean' },
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
  if (values.long) process.env.HC_TEST_LONG = '1'
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())

  let passed = 0
  let failed = 0
  for (const suite of chosenSuites(positionals, values.long ?? false)) {
    const startMs = Date.now()
    const limit = AbortSignal.timeout(values.long ? limitMs.long : limitMs.short)
    const outcome = await runSuite(suite, AbortSignal.any([stopping.signal, limit]))
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1)
    const counts = `${String(outcome.passed).padStart(5)} passed  ${String(outcome.failures.length).padStart(3)} failed`
    console.log(`${suite.name.padEnd(14)}${counts}  ${seconds.padStart(6)} s`)
    for (const report of outcome.reports) console.log(`  ${report}`)
    for (const failure of outcome.failures) console.log(indented(failure))
    if (outcome.failures.length > 0 && outcome.stderr.length > 0)
      console.log(indented(`stderr of ${suite.name}:\n${plain(outcome.stderr.join(''))}`))
    passed += outcome.passed
    failed += outcome.failures.length
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
