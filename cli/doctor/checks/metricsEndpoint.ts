/** Metrics Not Appearing: whether the consumer serves its metrics, all of them, in the right form. Pure. */
import { type MetricDefinition, metrics } from '../../../runtime/contract/metrics.ts'
import { type Exposition, sumOf } from '../exposition.ts'
import { type Facts, withoutConsumer } from '../facts.ts'
import type { ConsumerSeen } from '../observations.ts'
import { type Check, counted, defineCheck, listed } from '../report.ts'
import type { RequestFailure } from '../request.ts'

const group = 'Metrics Not Appearing'
const endpoint = defineCheck(group, 'metrics endpoint', 'Prometheus scrapes it; what follows is read from it')
const contentType = defineCheck(group, 'content type', 'another format renames counters that end without _total')
const catalogue = defineCheck(group, 'metric catalogue', 'dashboards and alerts ask for each of these names')

export const metricsEndpoint = (facts: Facts): readonly Check[] => [
  checkEndpoint(facts),
  checkContentType(facts),
  checkCatalogue(facts),
]

const otherProgram = 'give --url the address of a consumer, as its line "PrometheusReporter listening on :PORT" says'

const fixes: Readonly<Record<RequestFailure, string>> = {
  refused:
    'start the consumer (healthconsumer run -f FILE); if it runs, compare host and port with --metrics-host and --metrics-port: 127.0.0.1 is reachable from its own machine only',
  timeout: 'look for a firewall or NetworkPolicy between here and there, or a consumer without processor time',
  'unknown host': 'correct the host name in --url, or port-forward to the pod',
  'not HTTP': otherProgram,
  TLS: 'the consumer serves plain http: use http:// in --url, or the certificate of the proxy before it',
  'too large': otherProgram,
  broken: 'ask again; if it stays, see the log of the consumer and of any proxy before it',
}

function checkEndpoint({ consumer, exposition, expositionFault }: Facts): Check {
  if (consumer === null) return endpoint.skipped('not asked for: add --url of a running consumer')
  const { metrics: answer } = consumer
  if (!answer.reached) return endpoint.problem(`${answer.url}: ${answer.detail}`, fixes[answer.failure])
  if (answer.status >= 300 && answer.status < 400)
    return endpoint.problem(`${answer.url} redirects elsewhere (${answer.status})`, 'give --url the final address')
  if (answer.status === 401 || answer.status === 403)
    return endpoint.problem(
      `${answer.url} refuses access (${answer.status})`,
      'name a user that the proxy before it knows: USER:PASSWORD@ before the host in --url',
    )
  if (answer.status === 500) return endpoint.problem(`${answer.url} fails (500)`, 'see the log of the consumer')
  if (answer.status !== 200) return endpoint.problem(`${answer.url} answered ${answer.status}`, otherProgram)
  if (expositionFault !== null) return endpoint.problem(`${answer.url}: ${expositionFault}`, otherProgram)
  const version = exposition?.samples.get(metrics.buildInfo.name)?.[0]?.labels.version
  if (version === undefined)
    return endpoint.problem(
      `${answer.url} serves metrics of another program: no ${metrics.buildInfo.name}`,
      otherProgram,
    )
  return endpoint.ok(`${answer.url} answers; it is version ${version}`)
}

function checkContentType({ consumer }: Facts): Check {
  const answer = answered(consumer)
  if (answer === null) return contentType.skipped(consumer === null ? notAsked : 'no consumer answers')
  const type = answer.contentType ?? 'none'
  if (/^text\/plain\s*;(.*;)?\s*version=0\.0\.4\s*(;|$)/.test(type)) return contentType.ok(type)
  return contentType.problem(
    `it is ${type}, not text/plain; version=0.0.4`,
    'ask the consumer itself, not a proxy that translates',
  )
}

const notAsked = 'not asked for: add --url of a running consumer'

const answered = (consumer: ConsumerSeen | null) =>
  consumer?.metrics.reached && consumer.metrics.status === 200 ? consumer.metrics : null

function checkCatalogue(facts: Facts): Check {
  const { exposition } = facts
  if (exposition === null) return catalogue.skipped(withoutConsumer(facts))
  const all = Object.values<MetricDefinition>(metrics)
  const faults = all.flatMap(metric => faultOf(metric, exposition))
  if (faults.length === 0) return catalogue.ok(`all ${all.length} are there, each with its type`)
  return catalogue.problem(
    `${counted(faults.length, 'metric')} of ${all.length} not as they should be: ${listed(faults)}`,
    'run the same version of the consumer and of this command, and let no proxy or agent filter /metrics',
  )
}

/** What is wrong with a metric. */
function faultOf(metric: MetricDefinition, exposition: Exposition): string[] {
  const type = exposition.types.get(metric.name)
  if (type === undefined) return [`${metric.name} is missing`]
  if (type !== metric.type) return [`${metric.name} is a ${type}, not a ${metric.type}`]
  const sample = metric.type === 'histogram' ? `${metric.name}_bucket` : metric.name
  return exposition.samples.has(sample) || mayBeEmpty(metric, exposition) ? [] : [`${metric.name} has no value`]
}

/** Per partition there is nothing before an assignment; a lag is not there until it is measured. */
const mayBeEmpty = (metric: MetricDefinition, exposition: Exposition): boolean =>
  metric.labels.includes('partition') &&
  (metric.name === metrics.consumerLag.name || sumOf(exposition, metrics.partitionsAssigned.name) === 0)
