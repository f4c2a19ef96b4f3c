/** Draws the dashboard from a running Prometheus into a PNG file (hack/dashboard-picture starts it). */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { readBoard } from './board.ts'
import { screenshot } from './chromium.ts'
import { createPage } from './page.ts'
import { withPalette } from './palette.ts'

const { values } = parseArgs({
  options: {
    parts: { type: 'string' },
    prometheus: { type: 'string' },
    out: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    'scrape-interval': { type: 'string', default: '15' },
  },
})
const { parts, prometheus, out, minutes, 'scrape-interval': scrapeInterval } = values
if (!parts || !prometheus || !out)
  throw new Error('--prometheus URL and --out FILE are needed; see hack/dashboard-picture')

const board = await readBoard(getGrafanaDashboardJson(), {
  prometheus,
  // Not before now: the newest scrape belongs to it.
  endSeconds: Math.ceil(Date.now() / 1000),
  rangeSeconds: Number(minutes) * 60,
  scrapeSeconds: Number(scrapeInterval),
})
const picture = await screenshot(parts, await createPage(board, parts))
await writeFile(out, withPalette(picture, parts))

const panels = board.items.filter(item => item.kind !== 'row')
for (const { title, series } of panels) console.log(`${String(series.length).padStart(4)} series  ${title}`)
const empty = panels.filter(({ series }) => series.length === 0).map(({ title }) => title)
if (empty.length > 0) {
  console.error(`no data in: ${empty.join(', ')}`)
  process.exitCode = 1
}
