import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { parseManifest } from '../../cli/manifest.ts'
import { loggingFromEnvironment } from '../../runtime/telemetry/logOptions.ts'
import { documentedTables } from './documentedTables.ts'
import { anchorOf, blocksOf, headingsOf, pages, root, textOf } from './pages.ts'

/** The table that follows a heading: its lines. */
function tableAfter(page: string, heading: string): string[] {
  const [, after] = textOf(page).split(new RegExp(`^#+ ${heading}$`, 'm'))
  return (
    /\n((?:\|.*\n)+)/
      .exec(after ?? '')?.[1]
      ?.trimEnd()
      .split('\n') ?? []
  )
}

for (const { file, heading, lines } of documentedTables)
  test(`${file}: the table of "${heading}" is what the code says`, () => {
    assert.deepEqual(tableAfter(file, heading), lines)
  })

for (const page of pages)
  test(`${page}: every link leads somewhere`, () => {
    const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1]!)
    for (const link of links.filter(link => !/^https?:/.test(link))) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : normalize(join(dirname(page), path))
      assert.ok(existsSync(join(root, target)), `${link} in ${page}`)
      if (anchor !== undefined) assert.ok(headingsOf(target).map(anchorOf).includes(anchor), `${link} in ${page}`)
    }
  })

test('every manifest that is shown is valid', () => {
  const yaml = pages.flatMap(blocksOf).filter(({ language }) => language === 'yaml')
  // snippets.test.ts compares the one that is none.
  const manifests = yaml.filter(({ text }) => !text.startsWith('scrape_configs:'))
  assert.ok(manifests.length > 0)
  for (const { page, text } of manifests) assert.equal(parseManifest(page, text).failures, undefined)
})

test('the variables of logging that are documented are those that are read', () => {
  const read: string[] = []
  loggingFromEnvironment(
    new Proxy(
      {},
      {
        get(_, name) {
          read.push(String(name))
          return undefined
        },
      },
    ),
  )
  const documented = tableAfter('docs/running.md', 'Logs').flatMap(line => /^\| `(\w+)`/.exec(line)?.[1] ?? [])
  assert.deepEqual(documented.sort(), [...new Set(read)].sort())
})
