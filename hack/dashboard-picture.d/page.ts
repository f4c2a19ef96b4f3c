/** The page that is photographed: the board's data, the code that draws it, uPlot and the font, all in one HTML text. */
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import type { Board } from './board.ts'

export async function createPage(board: Board, parts: string): Promise<string> {
  const modules = join(parts, 'node_modules')
  const own = (name: string) => readFile(join(import.meta.dirname, name), 'utf8')
  const inter = (weight: number) =>
    readFile(join(modules, `@fontsource/inter/files/inter-latin-${weight}-normal.woff2`), 'base64')
  const [chart, chartStyle, style, formats, drawing, normal, medium] = await Promise.all([
    readFile(join(modules, 'uplot/dist/uPlot.esm.js'), 'utf8'),
    readFile(join(modules, 'uplot/dist/uPlot.min.css'), 'utf8'),
    own('page.css'),
    own('formats.ts'),
    own('drawing.js'),
    inter(400),
    inter(500),
  ])
  const font = (weight: number, data: string) =>
    `@font-face { font-family: Inter; font-weight: ${weight}; src: url(data:font/woff2;base64,${data}) }`
  const imports = {
    uplot: dataAddress(chart),
    './formats.js': dataAddress(stripTypeScriptTypes(formats)),
  }
  return `<!doctype html>
<meta charset="utf-8">
<script>globalThis.drawn = new Promise((resolve, reject) => {
  globalThis.done = resolve
  addEventListener('error', ({ error, message }) => reject(error ?? new Error(message)))
})</script>
<style>${chartStyle}
${font(400, normal)}
${font(500, medium)}
${style}</style>
<body></body>
<script>globalThis.board = ${JSON.stringify(board).replaceAll('<', '\\u003c')}</script>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">${drawing}</script>
`
}

/** A module of a page that lies in a file cannot come from another file. */
const dataAddress = (code: string) => `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
