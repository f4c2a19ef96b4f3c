import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { queries, root } from '../docs/pages.ts'

const execute = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'doc-queries-'))
after(() => rm(folder, { recursive: true }))

/** What promtool says of the queries as recording rules. JSON is YAML. */
async function complaints(expressions: readonly string[]): Promise<string> {
  const { stdout: bin } = await execute(join(root, 'hack/prometheus'), ['bin'])
  const file = join(folder, 'rules.yml')
  const rules = expressions.map((expr, index) => ({ record: `doc:query${index}`, expr }))
  await writeFile(file, JSON.stringify({ groups: [{ name: 'docs', rules }] }))
  return execute(join(bin.trim(), 'promtool'), ['check', 'rules', file]).then(
    () => '',
    ({ stderr, stdout }) => `${stdout}${stderr}`,
  )
}

test('every query of the pages is PromQL', { timeout: 120_000 }, async () => {
  const found = await complaints(queries.map(({ expression }) => expression))
  const wrong = [...found.matchAll(/rule (\d+)/g)].map(match => queries[Number(match[1]) - 1])
  assert.equal(found, '', JSON.stringify(wrong))
})

test('a query that is not would be noticed', { timeout: 120_000 }, async () => {
  assert.match(await complaints(['sum(rate(a[5m])']), /rule 1/)
})
