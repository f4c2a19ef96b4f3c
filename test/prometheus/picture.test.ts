/** The picture of the dashboard writes numbers, names colours and fills in variables as Grafana does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colorOfName, shade } from '../../hack/dashboard-picture.d/colors.ts'
import { format } from '../../hack/dashboard-picture.d/formats.ts'
import { interpolate } from '../../hack/dashboard-picture.d/interpolate.ts'
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'

const dashboard = getGrafanaDashboardJson()

test('numbers have their unit and three digits that count', () => {
  const written = [
    ['short', 0, '0'],
    ['short', 0.12345, '0.123'],
    ['short', 999.4, '999'],
    ['short', 1000, '1 K'],
    ['short', 123_456, '123 K'],
    ['short', 2_500_000, '2.5 Mil'],
    ['ms', 0.25, '0.25 ms'],
    ['ms', 300_000, '5 mins'],
    ['s', 0, '0 s'],
    ['s', 0.05, '50 ms'],
    ['s', 90, '1.5 mins'],
    ['bytes', 1024 ** 3, '1 GiB'],
    ['Bps', 2_050_000, '2.05 MB/s'],
    ['percentunit', 0.979, '97.9%'],
  ] as const
  for (const [unit, value, text] of written) assert.equal(format(unit, value), text)
})

test('every unit of the dashboard is known', () => {
  for (const panel of dashboard.panels) if (panel.type !== 'row') format(panel.fieldConfig.defaults.unit, 1)
})

test('a name has one colour, and shades of one colour differ', () => {
  assert.equal(colorOfName('health_data_raw'), colorOfName('health_data_raw'))
  assert.equal(new Set([0, 1, 2, 3].map(index => shade('red', index))).size, 4)
  assert.throws(() => shade('no-such-colour', 0), /no-such-colour/)
})

test('variables stand for All, and one that the dashboard lacks is noticed', () => {
  assert.equal(
    interpolate('rate(a{job=~"$job",pod=~"$pod"}[$__rate_interval])', dashboard, '20s'),
    'rate(a{job=~".+",pod=~".*"}[20s])',
  )
  assert.throws(() => interpolate('a{cluster=~"$cluster"}', dashboard, '20s'), /cluster/)
})
