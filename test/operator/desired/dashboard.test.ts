import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dashboard } from '../../../operator/desired/dashboard.ts'
import { consumer, example, inputOf } from './children.ts'

function written(resource: ReturnType<typeof consumer>, runbookBaseUrl?: string) {
  const input = inputOf(resource)
  const configMap = dashboard({ ...input, defaults: { ...input.defaults, runbookBaseUrl } })!
  const [[file, text]] = Object.entries(configMap.data as Record<string, string>) as [[string, string]]
  return { file, text, annotations: configMap.metadata.annotations, json: JSON.parse(text) as { uid: string } }
}

const named = (namespace: string, name: string) => ({ ...consumer(), metadata: { namespace, name } })

test('no two consumers share a file of the sidecar or a dashboard of Grafana', () => {
  const all = [named('a', 'b-c'), named('a-b', 'c'), named('a', 'b'), named('c', 'b')].map(each => written(each))
  assert.equal(new Set(all.map(({ file }) => file)).size, all.length)
  assert.equal(new Set(all.map(({ json }) => json.uid)).size, all.length)
  for (const { json } of all) assert.match(json.uid, /^[-_a-zA-Z0-9]{1,40}$/)
  assert.equal(written(named('a', 'b')).json.uid, all[2]!.json.uid)
})

test('it opens on its own consumer, with the thresholds, runbooks and data source of the resource', () => {
  const { text, annotations } = written(example('everything'))
  assert.match(text, /"title":"HealthConsumer health\/everything"/)
  assert.match(text, /"current":\{"text":\["everything"\],"value":\["everything"\]\}/)
  assert.match(text, /https:\/\/runbooks\.example\.com\/healthconsumer\//)
  assert.deepEqual(annotations, { grafana_folder: 'Health' })
  const at = 'spec.monitoring.prometheusRule.thresholds.HighKafkaLag'
  assert.match(written(consumer({ [at]: 424_242 })).text, /424242/)
  assert.doesNotMatch(written(consumer()).text, /424242/)
})

test("runbooks are the operator's where the resource names none", () => {
  assert.match(written(consumer(), 'https://wiki.example.com/r').text, /https:\/\/wiki\.example\.com\/r\//)
  assert.equal(written(consumer()).annotations, undefined)
})

test('another threshold is a diff of the panels that show it', () => {
  const lines = (value: number) =>
    written(consumer({ 'spec.monitoring.prometheusRule.thresholds.HighKafkaLag': value })).text.split('\n')
  const [before, after] = [lines(100), lines(200)]
  assert.equal(before.length, after.length)
  const changed = after.filter((line, at) => line !== before[at])
  assert.ok(changed.length > 0 && changed.length < 6, String(changed.length))
  for (const line of changed) assert.match(line, /^\{"id":\d+,.*Kafka/)
})
