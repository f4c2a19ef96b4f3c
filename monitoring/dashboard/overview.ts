/** The first line of the dashboard: six numbers that say whether all is well. Data; how they look is decided in panels.ts. */
import { metrics } from '../../runtime/contract/metrics.ts'
import { aggregate, consumerLabels } from '../promql.ts'
import type { Limits, PanelGroup } from './panels.ts'
import { consumerLegend, greatest, perSecond, select, total } from './queries.ts'

/** While nothing is halted one series remains: a running consumer is shown as such, not as missing. */
const haltCode =
  `max by (code) (${select(metrics.halted)}) > 0` +
  ` or on () label_replace(sum(${select(metrics.halted)}), "code", "no halt", "", "")`

/** The metric is 0 before the first commit, which is no time. */
const sinceLastCommit = `time() - ${aggregate('max', consumerLabels, `${select(metrics.lastCommitTime)} > 0`)}`

export const overview = (limits: Limits): PanelGroup => ({
  title: 'At a glance',
  width: 4,
  height: 4,
  panels: [
    {
      type: 'stat',
      title: 'Pods up',
      description:
        'Pods that Prometheus reached at its last scrape, by the version that they run. Good: as many as there are replicas, one version unless a rollout is under way.',
      queries: [{ expr: `count by (version) (${select(metrics.buildInfo)})`, legend: '{{version}}' }],
      unit: 'short',
      noValue: '0',
      alerts: ['TaskManagerDown', 'MetricsAbsent'],
    },
    {
      type: 'stat',
      title: 'Halt',
      description:
        'Why intake stopped, where it did: the consumer waits for a person rather than lose or double a sample. Good: running.',
      queries: [{ expr: haltCode, legend: '{{code}}' }],
      unit: 'short',
      mappings: [
        { type: 'value', options: { 0: { text: 'running', color: 'green', index: 0 } } },
        { type: 'range', options: { from: 1, to: null, result: { text: 'halted', color: 'red', index: 1 } } },
      ],
      alerts: ['ConsumerHalted'],
    },
    {
      type: 'stat',
      title: 'Throughput',
      description: 'Valid and invalid samples a second, over all pods of a consumer.',
      queries: [{ expr: perSecond(metrics.throughput), legend: consumerLegend }],
      unit: 'short',
      atLeast: limits.LowThroughput,
      alerts: ['LowThroughput'],
    },
    {
      type: 'stat',
      title: 'Kafka lag',
      description: 'Kafka records that are not committed to the table yet, over all partitions of a consumer.',
      queries: [{ expr: total(metrics.consumerLag), legend: consumerLegend }],
      unit: 'short',
      atMost: limits.HighKafkaLag,
      alerts: ['HighKafkaLag'],
    },
    {
      type: 'stat',
      title: 'Freshness',
      description: 'Age of the newest committed Kafka record. It also grows while the topic is quiet.',
      queries: [{ expr: greatest(metrics.freshness), legend: consumerLegend }],
      unit: 's',
      alerts: ['FreshnessBudgetBurnFast', 'FreshnessBudgetBurnSlow'],
    },
    {
      type: 'stat',
      title: 'Since last commit',
      description:
        'Time since the newest durable commit. Good: about the commit interval while records arrive; it grows while none do.',
      queries: [{ expr: sinceLastCommit, legend: consumerLegend }],
      unit: 's',
      noValue: 'none yet',
      alerts: ['CommitsStalled'],
    },
  ],
})
