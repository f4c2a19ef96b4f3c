/** The pages that users read, and what tests look for in them. It reads the tree and runs nothing. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Paths from the root of the project. */
export const pages: readonly string[] = ['README.md', ...globSync('docs/**/*.md', { cwd: root }).sort()]

export const textOf = (page: string): string => readFileSync(`${root}/${page}`, 'utf8')

export interface Block {
  readonly page: string
  /** Of the fence, counted from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
}

export function blocksOf(page: string): readonly Block[] {
  const text = textOf(page)
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(match => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1]!,
    text: match[2]!,
  }))
}

/** As GitHub makes the anchor of a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

export const headingsOf = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(match => match[1]!)

export interface Query {
  readonly page: string
  readonly line: number
  readonly expression: string
}

/** The queries of the `promql` blocks, one a line. */
export const queries: readonly Query[] = pages
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'promql')
  .flatMap(({ page, line, text }) =>
    text
      .trimEnd()
      .split('\n')
      .map((expression, index) => ({ page, line: line + 1 + index, expression })),
  )
