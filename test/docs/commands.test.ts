/**
 * Runs every `sh` block of the pages as a reader would, page by page, in a folder that looks like a checkout but keeps its
 * own examples and data. Fixed ports are replaced by free ones: somebody's quickstart may be running.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { freePorts, isFree } from '../../hack/freePorts.ts'
import { blocksOf, pages, root } from './pages.ts'

/** What is not run here: quickstart.test.ts runs the one, the other runs this. */
const runElsewhere = ['./hack/quickstart', './hack/test']
/** Begins with packing the checkout: test/package runs it. */
const pageRunElsewhere = 'docs/library.md'

const checkout = await mkdtemp(join(tmpdir(), 'docs-'))
const shownPorts = /\b(?:19092|19000|18181|9249|9090|9093)\b/g
const ports: Readonly<Record<string, string>> = {
  19092: String(await freePair()),
  19000: String(await freePair()),
  18181: String(await freePair()),
  9249: String(await freePair()),
  9090: String(await freePair()),
  9093: String(await freePair()),
}
const withPorts = (shown: string): string => shown.replace(shownPorts, port => ports[port]!)

await mkdir(join(checkout, 'examples'))
for (const name of ['charts', 'hack', 'node_modules', 'package.json', 'test'])
  await symlink(join(root, name), join(checkout, name))
for (const name of await readdir(join(root, 'examples')))
  await writeFile(join(checkout, 'examples', name), withPorts(await readFile(join(root, 'examples', name), 'utf8')))

/** What a page starts in the background, and says how to stop; a failing page may not have come to that. */
const stop = `
  if [[ -f .quickstart/consumer.pid ]]; then
    kill "$(cat .quickstart/consumer.pid)" 2>/dev/null || true
    tail --pid="$(cat .quickstart/consumer.pid)" -f /dev/null
    rm .quickstart/consumer.pid
  fi
  for server in prometheus rest-catalog s3 kafka cluster; do
    if [[ -d .quickstart/$server ]]; then ./hack/$server down --dir .quickstart/$server; fi
  done`

after(async () => {
  await shell(stop)
  await rm(checkout, { recursive: true })
})

/** A port that is free, as is the next one. */
async function freePair(): Promise<number> {
  for (;;) {
    const [port] = await freePorts(1)
    if (await isFree(port! + 1)) return port!
  }
}

async function shell(script: string) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: checkout,
    env: { ...env, XDG_STATE_HOME: join(checkout, 'state') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const ended = once(child, 'exit').then(([code]) => {
    // What a block that failed had begun would go on, and be waited for.
    if (code !== 0) endGroup(child.pid!)
    return code as number
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { out, err, code }
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function scriptOf(shown: string): string {
  const lines = shown.split('\n').filter(line => !runElsewhere.includes(line))
  return withPorts(lines.join('\n')).replace(/healthconsumer run (?!.*--metrics-port)/g, '$&--metrics-port 0 ')
}

function runs(page: string, codes: readonly number[]): void {
  for (const { line, text: shown } of blocksOf(page).filter(({ language }) => language === 'sh'))
    test(`${page}:${line}: the sh block runs`, { timeout: 180_000 }, async () => {
      const { out, err, code } = await shell(scriptOf(shown))
      assert.ok(codes.includes(code), `exit code ${code} of\n${shown}\n${out}\n${err}`)
    })
}

const isRunbook = (page: string): boolean => page.startsWith('docs/runbooks/')
/** What other pages left in the topic is old when it is read, which doctor tells: 3. */
const looksForProblems = 'docs/doctor.md'
for (const page of pages.filter(page => !isRunbook(page) && page !== pageRunElsewhere))
  runs(page, page === looksForProblems ? [0, 3] : [0])

/** The blocks of the page of monitoring up to there: a broker, a consumer that logs to a file, samples. */
const begun = 'http://127.0.0.1:9249/readyz'

describe('runbooks, which begin where a consumer runs', () => {
  before(async () => {
    await shell(stop)
    for (const { language, text: shown } of blocksOf('docs/monitoring.md')) {
      if (language === 'sh') assert.equal((await shell(scriptOf(shown))).code, 0, shown)
      if (shown.includes(begun)) return
    }
    assert.fail(`docs/monitoring.md asks nowhere for ${begun}`)
  })
  // 3: a command that looks for problems found some.
  for (const page of pages.filter(isRunbook)) runs(page, [0, 3])
})
