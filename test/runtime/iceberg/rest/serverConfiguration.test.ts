import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationMs, endpoints, serverConfiguration } from '../../../../runtime/iceberg/rest/serverConfiguration.ts'

test('overrides count before the manifest, and the manifest before defaults', () => {
  const document = { defaults: { prefix: 'd', 'namespace-separator': '|' }, overrides: { prefix: 'o' } }
  const own = { prefix: 'm', 'namespace-separator': '%2E' }
  assert.deepEqual(serverConfiguration(document, own, 'http://c').paths, { prefix: 'o', separator: '%2E' })
  assert.deepEqual(serverConfiguration({ defaults: null, overrides: { prefix: 7 } }, {}, 'http://c').paths, {
    prefix: '',
    separator: '%1F',
  })
})

test('a server that announces no endpoints serves the default list', () => {
  const servesOf = (document: object) => {
    const { serves } = serverConfiguration({ ...document }, {}, 'http://c')
    return Object.values(endpoints).filter(serves)
  }
  assert.deepEqual(servesOf({}), Object.values(endpoints))
  assert.deepEqual(servesOf({ endpoints: [endpoints.loadTable, 'GET /v1/{prefix}/views'] }), [endpoints.loadTable])
})

test('durations are read as ISO 8601 spells them', () => {
  const cases: readonly (readonly [unknown, number | undefined])[] = [
    ['PT30M', 1_800_000],
    ['PT24H', 86_400_000],
    ['P1DT1H1M1.5S', 90_061_500],
    ['P2W', 1_209_600_000],
    ['PT0S', undefined],
    ['P1M', undefined],
    ['30m', undefined],
    [1800, undefined],
    [undefined, undefined],
  ]
  for (const [text, ms] of cases) assert.equal(durationMs(text), ms, String(text))
})
