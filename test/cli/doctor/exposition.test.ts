import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { ExpositionError, parseExposition, quantileOf, sumOf } from '../../../cli/doctor/exposition.ts'
import { metrics } from '../../../runtime/contract/metrics.ts'
import fc from '../../properties.ts'
import { metricsText } from './sound.ts'

const name = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,20}$/)
const text = fc.string({
  unit: fc.oneof(fc.constantFrom('\\', '"', '\n', '{', '}', ',', ' '), fc.string({ maxLength: 1 })),
})
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 0))

/** What a registry holds, by sample name and labels. */
async function valuesOf(registry: Registry): Promise<Map<string, string>> {
  const values = new Map<string, string>()
  for (const metric of await registry.getMetricsAsJSON())
    for (const { value, labels, metricName = metric.name } of metric.values as readonly Value[])
      values.set(keyOf(metricName, labels), String(value))
  return values
}

interface Value {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

/** The upper bound +Inf of a histogram is a number there and text here. */
const keyOf = (sample: string, labels: Readonly<Record<string, string | number>>) =>
  `${sample} ${JSON.stringify(
    Object.entries(labels)
      .map(([label, value]) => [
        label,
        label === 'le' ? Number(String(value).replace('+Inf', 'Infinity')) : String(value),
      ])
      .sort(),
  )}`

const parsedValues = (exposition: string): Map<string, string> =>
  new Map(
    [...parseExposition(exposition).samples].flatMap(([sample, all]) =>
      all.map(({ labels, value }) => [keyOf(sample, labels), String(value)] as const),
    ),
  )

test('what any registry of prom-client prints is read as it was recorded', async () => {
  const series = fc.array(fc.record({ value: number, label: text }), { maxLength: 5 })
  const observed = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(name, text, series, observed, async (metric, help, recorded, observations) => {
      const registry = new Registry()
      const gauge = new Gauge({ name: `g${metric}`, help: `h${help}`, labelNames: ['label'], registers: [registry] })
      for (const { value, label } of recorded) gauge.set({ label }, value)
      const histogram = new Histogram({ name: `h${metric}`, help: 'h', buckets: [-1, 0, 10], registers: [registry] })
      for (const value of observations) histogram.observe(value)
      new Counter({ name: `c${metric}`, help: 'h', registers: [registry] }).inc(observations.length)
      const exposition = await registry.metrics()
      assert.deepEqual(parsedValues(exposition), await valuesOf(registry))
      const { types } = parseExposition(exposition)
      assert.deepEqual(
        [...types],
        [
          [`g${metric}`, 'gauge'],
          [`h${metric}`, 'histogram'],
          [`c${metric}`, 'counter'],
        ],
      )
    }),
  )
})

test('what the runtime serves is read, with the types of the catalogue', async () => {
  const { types, samples } = parseExposition(await metricsText())
  for (const { name, type } of Object.values(metrics)) assert.equal(types.get(name), type)
  assert.deepEqual(samples.get('flink_consumer_lag'), [
    { labels: { topic: 'health', partition: '0' }, value: 10 },
    { labels: { topic: 'health', partition: '1' }, value: 10 },
  ])
})

test('the parts of the format that prom-client does not print are read', () => {
  const { samples, types } = parseExposition(
    [
      '# a comment',
      '',
      '#   TYPE   a   counter ',
      'a { x = "1" , } 2 1700000000000',
      '\ta\t3\t',
      'b{}\t+inf',
      'c NAN',
    ].join('\n'),
  )
  assert.deepEqual([...types], [['a', 'counter']])
  assert.deepEqual(samples.get('a'), [
    { labels: { x: '1' }, value: 2 },
    { labels: {}, value: 3 },
  ])
  assert.deepEqual([samples.get('b')?.[0]?.value, samples.get('c')?.[0]?.value], [Infinity, Number.NaN])
})

for (const line of [
  '<html>',
  'lonely',
  'a{',
  'a{x} 1',
  'a{x="1} 1',
  'a{x="1"y="2"} 1',
  'a one',
  'a 1 2 3',
  '1a 1',
  '{"a":1}',
])
  test(`${line} is no line of the format, and is not told`, () => {
    assert.throws(
      () => parseExposition(`up 1\n${line}\n`),
      (error: unknown) => error instanceof ExpositionError && error.line === 2 && !error.message.includes(line),
    )
  })

test('any text is read or refused in time', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '{', '}', '"', '\\', '=', ',', ' ', '1', '\n', '#'), maxLength: 400 }),
      any => {
        try {
          parseExposition(any)
        } catch (error) {
          assert.ok(error instanceof ExpositionError)
        }
      },
    ),
  )
})

const histogram = (...counts: readonly number[]) =>
  parseExposition(['10', '20', '+Inf'].map((le, index) => `h_bucket{le="${le}"} ${counts[index]}`).join('\n'))

test('quantiles are interpolated as histogram_quantile does', () => {
  assert.equal(quantileOf(histogram(0, 0, 0), 'h', 0.95), undefined)
  assert.equal(quantileOf(histogram(100, 100, 100), 'h', 0.95), 9.5)
  assert.equal(quantileOf(histogram(90, 100, 100), 'h', 0.95), 15)
  assert.equal(quantileOf(histogram(0, 50, 100), 'h', 0.95), 20)
  assert.equal(quantileOf(histogram(0, 0, 100), 'h', 0.5), 20)
  assert.equal(quantileOf(histogram(0, 100, 100), 'nosuch', 0.5), undefined)
})

test('a sum is over all label sets, and undefined without any', () => {
  const exposition = parseExposition('a{x="1"} 1\na{x="2"} 2\n')
  assert.deepEqual([sumOf(exposition, 'a'), sumOf(exposition, 'b')], [3, undefined])
})
