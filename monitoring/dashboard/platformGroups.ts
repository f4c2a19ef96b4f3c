/** Panels on what carries the data: Kafka, commits, pods. Data; how they look is decided in panels.ts. */
import { metrics } from '../../runtime/contract/metrics.ts'
import type { Limits, PanelGroup } from './panels.ts'
import { consumerLegend, countWithin, greatest, perPod, perSecondAndPod, podLegend, total } from './queries.ts'

export const kafkaConsumerLag = (limits: Limits): PanelGroup => ({
  title: 'Kafka Consumer Lag',
  width: 12,
  height: 8,
  panels: [
    {
      title: 'Current lag by partition',
      description:
        'Kafka records of each partition that are not committed to the table yet. Good: alike for all. One that stands out is a hot key or a slow pod.',
      queries: [
        {
          expr: greatest(metrics.consumerLag, 'topic', 'partition'),
          legend: `{{topic}} {{partition}} ${consumerLegend}`,
        },
      ],
      type: 'bargauge',
      unit: 'short',
      alerts: ['HighKafkaLag'],
    },
    {
      title: 'Lag trend over time',
      description:
        'Uncommitted Kafka records over all partitions. Good: a saw of the commit interval below the dashed line. Rising for long: more arrives than is processed.',
      queries: [{ expr: total(metrics.consumerLag), legend: `lag ${consumerLegend}`, color: 'blue' }],
      unit: 'short',
      axis: 'records',
      atMost: limits.HighKafkaLag,
      alerts: ['HighKafkaLag', 'CommitsStalled'],
    },
    {
      title: 'Partitions by TaskManager',
      description: 'Partitions assigned to each pod. Good: spread evenly, and the sum is what the topics have.',
      queries: [{ expr: perPod(metrics.partitionsAssigned), legend: podLegend }],
      unit: 'short',
      axis: 'partitions',
      stacked: true,
    },
    {
      title: 'Rebalances',
      description: 'Rebalances of the consumer group within 10 minutes. Good: 0 unless pods come and go.',
      queries: [
        { expr: countWithin('10m', metrics.rebalances), legend: `rebalances ${consumerLegend}`, color: 'blue' },
      ],
      unit: 'short',
      axis: 'in 10 minutes',
    },
  ],
})

export const checkpointHealth = (limits: Limits): PanelGroup => ({
  title: 'Checkpoint Health',
  width: 8,
  height: 8,
  panels: [
    {
      title: 'Checkpoint duration',
      description:
        'Duration of the last round of flush and commit of each pod. Good: seconds, below the dashed line. High: storage, the catalog, or too much in one round.',
      queries: [{ expr: perPod(metrics.lastCheckpointDuration), legend: podLegend }],
      unit: 'ms',
      atMost: limits.HighCheckpointDuration,
      alerts: ['HighCheckpointDuration'],
    },
    {
      title: 'Checkpoint size',
      description: 'Bytes of data files in the last round of flush and commit of each pod.',
      queries: [{ expr: perPod(metrics.lastCheckpointSize), legend: podLegend }],
      unit: 'bytes',
    },
    {
      title: 'Checkpoint failures',
      description: 'Rounds of flush and commit that failed within 10 minutes. Good: 0.',
      queries: [
        { expr: countWithin('10m', metrics.failedCheckpoints), legend: `failures ${consumerLegend}`, color: 'red' },
      ],
      unit: 'short',
      axis: 'in 10 minutes',
      atMost: limits.CheckpointFailures,
      alerts: ['CheckpointFailures'],
    },
    {
      title: 'Iceberg write failures',
      description: 'Failed writes of files or commits within 5 minutes, by table. Good: 0.',
      queries: [
        { expr: countWithin('5m', metrics.icebergWriteFailures, 'table'), legend: `{{table}} ${consumerLegend}` },
      ],
      unit: 'short',
      axis: 'in 5 minutes',
      atMost: limits.IcebergWriteFailures,
      alerts: ['IcebergWriteFailures'],
    },
    {
      title: 'Commit retries and conflicts',
      description:
        'Commits tried again, those that another writer won, requests to the REST catalog or S3 that failed, and failed upkeep, within 10 minutes. Good: few; several pods that write one table conflict now and then, which is safe.',
      queries: [
        {
          expr: countWithin('10m', metrics.commitRetries, 'table'),
          legend: `retries {{table}} ${consumerLegend}`,
          color: 'blue',
        },
        {
          expr: countWithin('10m', metrics.commitConflicts, 'table'),
          legend: `conflicts {{table}} ${consumerLegend}`,
          color: 'orange',
        },
        {
          expr: countWithin('10m', metrics.requestFailures, 'backend'),
          legend: `failed requests {{backend}} ${consumerLegend}`,
          color: 'red',
        },
        {
          expr: countWithin('10m', metrics.upkeepFailures, 'step'),
          legend: `failed upkeep {{step}} ${consumerLegend}`,
          color: 'purple',
        },
      ],
      unit: 'short',
      axis: 'in 10 minutes',
      alerts: ['CheckpointFailures'],
    },
    {
      title: 'Age of pending error rows',
      description:
        'How long error rows that the raw table announced have been waiting for the errors table. They are safe. Good: 0, or seconds.',
      queries: [{ expr: greatest(metrics.pendingErrorAge), legend: `waiting ${consumerLegend}`, color: 'orange' }],
      unit: 's',
      atMost: limits.PendingErrorFiles,
      alerts: ['PendingErrorFiles'],
    },
  ],
})

const heapShare = `${perPod(metrics.heapUsed)} / ${perPod(metrics.heapMax)}`

export const resourceUsage = (limits: Limits): PanelGroup => ({
  title: 'Resource Usage',
  width: 8,
  height: 8,
  panels: [
    {
      title: 'CPU usage by TaskManager',
      description: 'Share of the available processors that each pod uses. Good: below 80 % for long.',
      queries: [{ expr: perPod(metrics.cpuLoad), legend: podLegend }],
      unit: 'percentunit',
      max: 1,
    },
    {
      title: 'Memory usage by TaskManager',
      description: 'Heap in use of each pod, and its limit. Good: a saw well below the limit.',
      queries: [
        { expr: perPod(metrics.heapUsed), legend: `used ${podLegend}` },
        { expr: perPod(metrics.heapMax), legend: `limit ${podLegend}`, color: 'red' },
      ],
      unit: 'bytes',
      alerts: ['HighMemoryUsage'],
    },
    {
      title: 'Network I/O',
      description:
        'Bytes a second received and sent in the network namespace of each pod, loopback included; 0 off Linux.',
      queries: [
        { expr: perSecondAndPod(metrics.networkReceive), legend: `receive ${podLegend}`, color: 'blue' },
        { expr: perSecondAndPod(metrics.networkTransmit), legend: `transmit ${podLegend}`, color: 'purple' },
      ],
      unit: 'Bps',
    },
    {
      title: 'Share of the heap in use',
      description: 'Used heap of each pod by its limit. Good: below the dashed line.',
      queries: [{ expr: heapShare, legend: podLegend }],
      unit: 'percentunit',
      width: 12,
      max: 1,
      atMost: limits.HighMemoryUsage,
      alerts: ['HighMemoryUsage'],
    },
    {
      title: 'Buffered bytes',
      description:
        'Records and rows that each pod holds in memory and has not committed yet. Good: a saw of the commit interval; intake pauses at the limit.',
      queries: [{ expr: perPod(metrics.bufferedBytes), legend: podLegend }],
      unit: 'bytes',
      width: 12,
      alerts: ['CommitsStalled'],
    },
  ],
})
