import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { generatePrometheusScrapeConfig } from '../../monitoring/scrapeConfig.ts'
import { blocksOf, pages, root, textOf } from './pages.ts'

const execute = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'snippets-'))
after(() => rm(folder, { recursive: true }))

/** As strict as a reader's project may be, with the package's own sources behind its name. */
const tsconfig = {
  extends: join(root, 'tsconfig.json'),
  compilerOptions: { paths: { healthconsumer: [join(root, 'monitoring/index.ts')] }, noUncheckedIndexedAccess: true },
  include: ['*.ts'],
}

/** What tsc says of the texts, each a module. */
async function complaints(modules: Readonly<Record<string, string>>): Promise<string> {
  const project = await mkdtemp(join(folder, 'project-'))
  await symlink(join(root, 'node_modules'), join(project, 'node_modules'))
  await writeFile(join(project, 'package.json'), '{"type": "module"}')
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(tsconfig))
  for (const [name, text] of Object.entries(modules)) await writeFile(join(project, name), text)
  return execute(join(root, 'node_modules/.bin/tsc'), ['--noEmit', '-p', project]).then(
    () => '',
    ({ stdout }) => stdout,
  )
}

test('every TypeScript block of the pages type-checks against the package', { timeout: 120_000 }, async () => {
  const blocks = pages.flatMap(blocksOf).filter(({ language }) => language === 'ts')
  assert.ok(blocks.length > 2)
  const modules = blocks.map(({ page, line, text }) => [`${page.replaceAll('/', '-')}-${line}.ts`, text])
  assert.equal(await complaints(Object.fromEntries(modules)), '')
})

test('a block that does not would be noticed', { timeout: 120_000 }, async () => {
  assert.match(
    await complaints({ 'wrong.ts': "import { setUpLogging } from 'healthconsumer'\nsetUpLogging()\n" }),
    /TS2724/,
  )
})

test('the scrape configuration that is shown is the one that is printed', () => {
  assert.ok(textOf('docs/monitoring.md').includes(`\`\`\`yaml\n${generatePrometheusScrapeConfig()}\`\`\`\n`))
})
