import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from 'js-yaml'
import {
  generatePrometheusScrapeConfig,
  ScrapeConfigError,
  type ScrapeConfigErrorCode,
  type ScrapeOptions,
} from '../../monitoring/scrapeConfig.ts'
import fc from '../properties.ts'

/** The monitoring guide, section Prometheus Scrape Configuration. */
const guide = `scrape_configs:
  - job_name: 'flink-health-consumer'
    scrape_interval: 15s
    metrics_path: /metrics
    static_configs:
      - targets:
          - 'localhost:9249'
        labels:
          application: 'flink-health-consumer'
          environment: 'production'
`

test('without options it is what the guide shows, key by key', () => {
  assert.equal(generatePrometheusScrapeConfig(), guide.replaceAll("'", ''))
})

test('every option stands where Prometheus reads it', () => {
  const text = generatePrometheusScrapeConfig({
    jobName: 'steps',
    targets: ['10.0.0.7:9249', '[fd00::7]:9249', 'pod-1.steps.svc:80'],
    scrapeInterval: '1m30s',
    metricsPath: '/prefix/metrics',
    labels: { team: 'a: "b"', rack: '007', drained: 'no' },
  })
  assert.deepEqual(load(text), {
    scrape_configs: [
      {
        job_name: 'steps',
        scrape_interval: '1m30s',
        metrics_path: '/prefix/metrics',
        static_configs: [
          {
            targets: ['10.0.0.7:9249', '[fd00::7]:9249', 'pod-1.steps.svc:80'],
            labels: { team: 'a: "b"', rack: '007', drained: 'no' },
          },
        ],
      },
    ],
  })
})

test('the label application is the name of the job unless labels are given', () => {
  assert.match(generatePrometheusScrapeConfig({ jobName: 'steps' }), /application: steps\n/)
  assert.doesNotMatch(generatePrometheusScrapeConfig({ jobName: 'steps', labels: { team: 'a' } }), /application/)
})

const refused: readonly (readonly [ScrapeOptions, ScrapeConfigErrorCode, RegExp])[] = [
  [{ jobName: '' }, 'INVALID_JOB_NAME', /^jobName is "" · give a name/],
  [{ jobName: 'a\nb' }, 'INVALID_JOB_NAME', /jobName is "a\\nb"/],
  [{ targets: [] }, 'NO_TARGETS', /^targets is \[\] · give at least one, such as localhost:9249/],
  [{ targets: ['a:1', 'localhost'] }, 'INVALID_TARGET', /^targets\[1\] is "localhost" · give host:port/],
  [{ targets: ['http://localhost:9249'] }, 'INVALID_TARGET', /leave out the scheme/],
  [{ targets: ['localhost:9249/metrics'] }, 'INVALID_TARGET', /give host:port/],
  [{ targets: ['localhost:0'] }, 'INVALID_TARGET', /host:port/],
  [{ targets: ['localhost:65536'] }, 'INVALID_TARGET', /host:port/],
  [{ targets: [':9249'] }, 'INVALID_TARGET', /host:port/],
  [{ targets: ['::1:9249'] }, 'INVALID_TARGET', /\[::1\]:9249/],
  [{ targets: ['[1.2.3.4]:9249'] }, 'INVALID_TARGET', /host:port/],
  [{ targets: ['user:secret@host:9249'] }, 'INVALID_TARGET', /host:port/],
  [{ targets: ['a:1', 'a:1'] }, 'DUPLICATE_TARGET', /^targets\[1\] is "a:1"/],
  [{ scrapeInterval: '15' }, 'INVALID_INTERVAL', /^scrapeInterval is "15" · give a duration above 0/],
  [{ scrapeInterval: '0s' }, 'INVALID_INTERVAL', /above 0/],
  [{ scrapeInterval: '1.5m' }, 'INVALID_INTERVAL', /such as 15s/],
  [{ metricsPath: 'metrics' }, 'INVALID_PATH', /^metricsPath is "metrics" · give a path that begins with \//],
  [{ metricsPath: '/metrics?a=b' }, 'INVALID_PATH', /without a query/],
  [{ labels: { 'a-b': 'c' } }, 'INVALID_LABEL_NAME', /^a name in labels is "a-b" · use letters/],
  [{ labels: { __address__: 'c' } }, 'INVALID_LABEL_NAME', /without a digit or __/],
  [{ labels: { job: 'c' } }, 'RESERVED_LABEL', /set jobName instead/],
  [{ labels: { instance: 'c' } }, 'RESERVED_LABEL', /another name/],
  [{ labels: { topic: 'c' } }, 'RESERVED_LABEL', /another name/],
  [{ labels: { team: 'a\tb' } }, 'INVALID_LABEL_VALUE', /^labels\.team is "a\\tb"/],
]

for (const [options, code, message] of refused) {
  test(`${JSON.stringify(options)} is refused: ${code}`, () => {
    assert.throws(
      () => generatePrometheusScrapeConfig(options),
      error => error instanceof ScrapeConfigError && error.code === code && message.test(error.message),
    )
  })
}

test('whatever is given is written so that it is read as it was, or refused', () => {
  const given = fc.record({
    jobName: fc.string(),
    targets: fc.array(
      fc.oneof(
        fc.string(),
        fc.domain().map(name => `${name}:9249`),
      ),
      { minLength: 1, maxLength: 3 },
    ),
    labels: fc.dictionary(
      fc.stringMatching(/^[a-z_]{1,6}$/),
      fc.oneof(fc.string(), fc.constantFrom('no', '1e3', '~')),
      {
        noNullPrototype: true,
      },
    ),
  })
  let accepted = 0
  fc.assert(
    fc.property(given, ({ jobName, targets, labels }) => {
      let text: string
      try {
        text = generatePrometheusScrapeConfig({ jobName, targets, labels })
      } catch (error) {
        return error instanceof ScrapeConfigError
      }
      accepted++
      const { scrape_configs } = load(text) as { scrape_configs: { job_name: string; static_configs: unknown[] }[] }
      assert.equal(scrape_configs[0]!.job_name, jobName)
      assert.deepEqual(scrape_configs[0]!.static_configs, [{ targets, labels }])
      return true
    }),
    { numRuns: 500 },
  )
  assert.ok(accepted > 20, `${accepted} of 500 accepted`)
})
