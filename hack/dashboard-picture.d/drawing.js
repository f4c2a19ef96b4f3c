/** Draws `board` (board.ts) into the page and says so with `done`. It runs in Chromium; both are global. */
import uPlot from 'uplot'
import { axisSteps, format } from './formats.js'

const { board } = globalThis
const [columns, margin, cellHeight, boardWidth] = [24, 8, 30, 1384]
const [gridColor, textColor] = ['rgba(204, 204, 220, 0.07)', '#ccccdc']
const font = '12px Inter'

function element(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties)
  created.append(...children)
  return created
}

function heading() {
  const variables = board.variables.map(label => {
    const value = label === 'Data source' ? 'Prometheus' : 'All'
    return element('span', {}, element('b', {}, label), ` ${value}`)
  })
  const range = element('span', {}, `Last ${board.minutes} minutes`)
  return element('div', { className: 'heading' }, element('h1', {}, board.title), ...variables, range)
}

/** Grafana's grid: 24 columns, 30 pixels a line, 8 between. */
function place(item, { x, y, w, h }) {
  const column = (boardWidth + margin) / columns
  item.style.left = `${x * column}px`
  item.style.top = `${y * (cellHeight + margin)}px`
  item.style.width = `${w * column - margin}px`
  item.style.height = `${h * (cellHeight + margin) - margin}px`
  return item
}

const present = values => values.filter(value => value !== null)
const last = ({ values }) => present(values).at(-1)

const calculations = {
  lastNotNull: { title: 'Last *', of: last },
  max: { title: 'Max', of: ({ values }) => Math.max(...present(values)) },
  mean: {
    title: 'Mean',
    of: ({ values }) => present(values).reduce((sum, value) => sum + value, 0) / present(values).length,
  },
}

function legend({ series, options, defaults }) {
  const { displayMode, calcs, showLegend } = options.legend
  if (!showLegend) return []
  const named = ({ name, color }) => {
    const mark = element('i')
    mark.style.background = color
    return [mark, name]
  }
  const shown = calcs.map(name => calculations[name])
  const sorted = [...series].sort((a, b) => last(b) - last(a))
  if (displayMode === 'list')
    return [element('div', { className: 'legend inline' }, ...series.map(each => element('span', {}, ...named(each))))]
  const cells = each => shown.map(({ of }) => element('td', {}, format(defaults.unit, of(each))))
  const lines = sorted.map(each => element('tr', {}, element('td', {}, ...named(each)), ...cells(each)))
  const titles = ['Name', ...shown.map(({ title }) => title)].map(title => element('th', {}, title))
  return [element('div', { className: 'legend' }, element('table', {}, element('tr', {}, ...titles), ...lines))]
}

const withAlpha = (color, alpha) =>
  `${color}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')}`

/** Each on top of those before it. */
function stack(series) {
  const sums = board.times.map(() => 0)
  return series.map(({ values }) =>
    values.map((value, index) => {
      sums[index] += value ?? 0
      return value === null ? null : sums[index]
    }),
  )
}

/** Where alerts begin; as in Grafana, only where the axis reaches. */
function drawLimits(plot, limits) {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.setLineDash([10, 10])
  ctx.lineWidth = 2
  for (const { value, color } of limits) {
    if (value > plot.scales.y.max) continue
    const y = plot.valToPos(value, 'y', true)
    ctx.strokeStyle = color
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
  }
  ctx.restore()
}

function chart(into, { series, defaults, limits }) {
  const { unit, min, max, custom } = defaults
  const stacked = custom.stacking.mode === 'normal'
  const lines = stacked ? stack(series) : series.map(({ values }) => values)
  const axis = {
    stroke: textColor,
    font,
    grid: { stroke: gridColor, width: 1 },
    ticks: { stroke: gridColor, width: 1 },
  }
  // As Grafana does, with seconds where the lines are closer than a minute.
  const clock = (seconds, step) => new Date(seconds * 1000).toISOString().slice(11, step < 60 ? 19 : 16)
  const range = (_, least, most) => {
    const top = max ?? uPlot.rangeNum(Math.min(min, least ?? 0), most || 1, { min: {}, max: { pad: 0.1 } })[1]
    return [min ?? least, top]
  }
  const options = {
    width: into.clientWidth - 16,
    height: into.clientHeight,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    scales: { x: { time: true }, y: { range } },
    axes: [
      { ...axis, size: 28, space: 80, values: (_, ticks, _axis, _space, step) => ticks.map(tick => clock(tick, step)) },
      {
        ...axis,
        size: (_, texts) => (texts ? Math.max(40, ...texts.map(text => text.length * 7.5 + 20)) : 40),
        incrs: axisSteps(unit),
        space: 24,
        values: (_, ticks) => ticks.map(tick => format(unit, tick)),
        ...(custom.axisLabel && { label: custom.axisLabel, labelFont: font, labelSize: 18 }),
      },
    ],
    series: [
      {},
      ...series.map(({ color }, index) => ({
        stroke: color,
        width: custom.lineWidth,
        fill: stacked && index > 0 ? undefined : withAlpha(color, custom.fillOpacity / 100),
        points: { show: false },
        spanGaps: custom.spanNulls === true,
      })),
    ],
    bands: stacked
      ? series.slice(1).map(({ color }, index) => ({
          series: [index + 2, index + 1],
          fill: withAlpha(color, custom.fillOpacity / 100),
        }))
      : [],
    hooks: { draw: custom.thresholdsStyle.mode === 'off' ? [] : [plot => drawLimits(plot, limits)] },
  }
  new uPlot(options, [board.times, ...lines], into)
}

/** What a value of a single number is shown as, and in which colour. */
function appearance({ defaults, limits }, value) {
  for (const { type, options } of defaults.mappings ?? []) {
    const result =
      type === 'value'
        ? options[value]
        : value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity) && options.result
    if (result) return { text: result.text, color: colorOf(result.color) }
  }
  const reached = limits.findLast(limit => value >= limit.value)
  const lowest = defaults.thresholds.steps[0].color
  return { text: format(defaults.unit, value), color: reached?.color ?? colorOf(lowest) }
}

const colorOf = name => ({ green: '#73BF69', red: '#F2495C', blue: '#5794F2', orange: '#FF9830' })[name] ?? textColor

function stats(item) {
  const numbers = item.series.map(each => {
    const { text, color } = appearance(item, last(each))
    const name = item.options.textMode === 'value' ? '' : each.name
    const number = element('div', {}, element('small', {}, name), text)
    number.style.color = color
    return number
  })
  return element('div', { className: 'stats' }, ...numbers)
}

function bars(item) {
  const most = item.defaults.max ?? Math.max(...item.series.map(last), 1)
  const lines = item.series.flatMap(each => {
    const { text, color } = appearance(item, last(each))
    const bar = element('i')
    bar.style.width = `${(100 * last(each)) / most}%`
    bar.style.background = color
    const number = element('span', {}, text)
    number.style.color = color
    return [element('span', {}, each.name), element('div', { className: 'track' }, bar), number]
  })
  return element('div', { className: 'bars' }, ...lines)
}

function panel(grid, item) {
  const box = place(element('section', { className: 'panel' }, element('h2', {}, item.title)), item.gridPos)
  grid.append(box)
  if (item.series.length === 0) return box.append(element('div', { className: 'empty' }, 'No data'))
  if (item.kind === 'stat') return box.append(stats(item))
  if (item.kind === 'bargauge') return box.append(bars(item))
  const into = element('div', { className: 'chart' })
  box.append(into, ...legend(item))
  chart(into, item)
}

async function draw() {
  await Promise.all(['400 12px Inter', '500 14px Inter'].map(each => document.fonts.load(each)))
  const grid = element('div', { className: 'grid' })
  document.body.append(heading(), grid)
  for (const item of board.items)
    if (item.kind === 'row') grid.append(place(element('div', { className: 'row' }, item.title), item.gridPos))
    else panel(grid, item)
  const bottom = Math.max(...board.items.map(({ gridPos }) => gridPos.y + gridPos.h))
  grid.style.height = `${bottom * (cellHeight + margin)}px`
  // uPlot draws when the code that made it has ended.
  await new Promise(requestAnimationFrame)
  await new Promise(requestAnimationFrame)
  return { width: document.body.offsetWidth, height: document.body.offsetHeight }
}

globalThis.done(draw())
