/**
 * Runs the commands that a page shows in its `console` blocks, and compares what they print with what it shows. Times, ids and
 * numbers are other ones every time and are not compared, nor is the space between columns; `…` stands for anything, and alone
 * on a line for any lines.
 */
import assert from 'node:assert/strict'
import { blocksOf } from '../docs/pages.ts'

export interface Shown {
  readonly page: string
  /** Of the block, counted from 1. */
  readonly line: number
  /** As a shell takes it. */
  readonly command: string
  /** Undefined where the page shows none. */
  readonly output: string | undefined
}

export function shownIn(page: string): readonly Shown[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'console')
    .flatMap(({ text, line }) =>
      text
        .split(/^\$ /m)
        .slice(1)
        .map(one => {
          const [, command, output] = /^((?:.*\\\n)*.*\n)([\s\S]*)$/.exec(one)!
          return { page, line, command: command!.trimEnd(), output: output === '' ? undefined : output! }
        }),
    )
}

const other: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/-consumer-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, '-consumer-POD'],
  [/\b(?=[a-z]*\d)[0-9a-f]{10}\b/g, 'HASH'],
  [/\d[\d,.]*/g, '0'],
  [/\b(?:0(?:ms|s|m|h|d))+\b|\b0 (?:ms|s|min|h|d)\b/g, 'AGE'],
  [/[^\S\n]+/g, ' '],
]
const linesOf = (text: string): readonly string[] =>
  other
    .reduce((masked, [pattern, word]) => masked.replace(pattern, word), text)
    .trim()
    .split('\n')
    .map(line => line.trim())

const literally = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '.*')

/** Throws where the output is not as shown. */
export function assertAsShown({ page, line, command, output = '' }: Shown, printed: string): void {
  const pattern = linesOf(output).map(each => (each === '…' ? '(?:.*\n)*?' : `${literally(each)}\n`))
  const found = `${linesOf(printed).join('\n')}\n`
  const what = `${page}:${line} shows of ${command}\n${output}\nbut it prints\n${printed}`
  assert.ok(new RegExp(`^${pattern.join('')}$`).test(found), what)
}
