import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProgram } from '../../cli/program.ts'
import { haltCodes, halts } from '../../runtime/contract/halts.ts'
import { anchorOf, headingsOf, textOf } from './pages.ts'

const page = 'docs/recover.md'

async function helpOf(command: string): Promise<string> {
  const out: string[] = []
  await runProgram([command, '--help'], { out: text => out.push(text), err() {}, exitCode: 0 })
  return out.join('')
}

test('every halt has a section, in the runbooks too, and only halts have', () => {
  const sections = headingsOf(page).filter(heading => /^[A-Z]\w+$/.test(heading))
  assert.deepEqual(sections.sort(), [...haltCodes].sort())
  const runbook = textOf('docs/runbooks/ConsumerHalted.md')
  for (const code of haltCodes) assert.ok(runbook.includes(`](../recover.md#${anchorOf(code)})`), code)
})

test('every way out that the command has is explained, and every way that is explained it has', async () => {
  const help = await helpOf('recover')
  const ways = [...help.matchAll(/^ {2}(--(?:undo|accept-[\w-]+|adopt|take-over))/gm)].map(match => match[1]!)
  assert.ok(ways.length > 8)
  const named = new Set(textOf(page).match(/--(?:undo|accept-[\w-]+|adopt|take-over)\b/g))
  assert.deepEqual([...named].sort(), ways.sort())
})

test('every fix leads somewhere: to a way out that there is, or to a section of the page', async () => {
  const help = await helpOf('recover')
  for (const code of haltCodes) {
    const { fix } = halts[code]
    const flags = fix.match(/--[\w-]+/g) ?? []
    for (const flag of flags) assert.ok(help.includes(flag), `${code}: ${flag}`)
    assert.ok(flags.length > 0 || fix.includes(`${page}#${anchorOf(code)}`), code)
  }
})
