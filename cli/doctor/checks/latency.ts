/** High Latency: processing latency, Kafka lag and checkpoints against the thresholds of the alerts. Pure. */
import { metrics } from '../../../runtime/contract/metrics.ts'
import { quantileOf, sumOf } from '../exposition.ts'
import { type Facts, withoutConsumer } from '../facts.ts'
import { ago, type Check, counted, defineCheck, milliseconds } from '../report.ts'

const group = 'High Latency'
const processing = defineCheck(group, 'processing latency', 'it is how old data is when it is handed to the writer')
const lagKnown = defineCheck(group, 'lag measured', 'a lag that is not known is no lag of zero')
const lag = defineCheck(group, 'Kafka lag', 'what waits longer than Kafka retains it is lost')
const duration = defineCheck(group, 'checkpoint duration', 'rows can be seen only once flush and commit are done')
const failures = defineCheck(group, 'checkpoint failures', 'what a failed commit held is written again')

export const latency = (facts: Facts): readonly Check[] => [
  checkProcessing(facts),
  checkLagKnown(facts),
  checkLag(facts),
  checkDuration(facts),
  checkFailures(facts),
]

function checkProcessing(facts: Facts): Check {
  const { exposition, windowed, thresholds } = facts
  const ofWindow = windowed.processingLatencyP95 !== undefined
  if (!ofWindow && exposition === null) return processing.skipped(withoutConsumer(facts))
  const p95 = ofWindow ? windowed.processingLatencyP95 : quantileOf(exposition!, metrics.processingLatency.name, 0.95)
  const span = ofWindow ? 'in the last 5 minutes, by Prometheus' : 'since its start'
  if (p95 === null || p95 === undefined) return processing.ok(`no sample ${span}`)
  const seen = `P95 ${milliseconds(p95)} ${span}`
  if (p95 <= thresholds.HighProcessingLatency) return processing.ok(seen)
  const older = ofWindow ? '' : 'a backlog read since the start counts too: --prometheus tells the last 5 minutes. '
  return processing.problem(
    `${seen}; more than ${milliseconds(thresholds.HighProcessingLatency)}`,
    `${older}Run more replicas (up to one a partition), give each more processor, or shorten spec.iceberg.commit.interval`,
  )
}

/** It is measured every 10 s, from the assignment on. */
const measuredAfterMs = 60_000

function checkLagKnown(facts: Facts): Check {
  const { status, nowMs } = facts
  if (status === null) return lagKnown.skipped(withoutConsumer(facts))
  const unknown = status.partitions.filter(partition => partition.lag === null)
  if (unknown.length === 0)
    return status.partitions.length === 0
      ? lagKnown.skipped('no partition is assigned')
      : lagKnown.ok(`of ${counted(status.partitions.length, 'partition')}`)
  const seen = `not yet of ${unknown.length} of ${counted(status.partitions.length, 'partition')}`
  const upMs = nowMs - Date.parse(status.startedAt)
  return upMs < measuredAfterMs
    ? lagKnown.skipped(`${seen}: it started ${ago(upMs)} ago`)
    : lagKnown.problem(
        seen,
        'look whether its brokers answer (`healthconsumer doctor -f FILE` checks that), and see the warnings in its log',
      )
}

function checkLag(facts: Facts): Check {
  if (facts.exposition === null) return lag.skipped(withoutConsumer(facts))
  const records = sumOf(facts.exposition, metrics.consumerLag.name)
  if (records === undefined) return lag.skipped('not measured yet')
  const seen = counted(records, 'record')
  return records <= facts.thresholds.HighKafkaLag
    ? lag.ok(seen)
    : lag.problem(
        `${seen}; more than ${facts.thresholds.HighKafkaLag.toLocaleString('en')}`,
        'run more replicas, up to one a partition, or add partitions; if it does not shrink, look at checkpoint duration',
      )
}

function checkDuration(facts: Facts): Check {
  const ms = facts.exposition && sumOf(facts.exposition, metrics.lastCheckpointDuration.name)
  if (ms === null || ms === undefined) return duration.skipped(withoutConsumer(facts))
  if (ms === 0) return duration.ok('no checkpoint yet')
  const seen = `${milliseconds(ms)} for the last one`
  return ms <= facts.thresholds.HighCheckpointDuration
    ? duration.ok(seen)
    : duration.problem(
        `${seen}; more than ${milliseconds(facts.thresholds.HighCheckpointDuration)}`,
        'look at the speed of catalog and storage, and lower spec.iceberg.commit.maxRows so that less is written at once',
      )
}

/** The window of the alert. */
const failureWindowMs = 10 * 60_000

function checkFailures(facts: Facts): Check {
  const { windowed, thresholds, exposition, status } = facts
  const total = exposition && sumOf(exposition, metrics.failedCheckpoints.name)
  const ofWindow = windowed.failedCheckpoints
  const count = ofWindow ?? total
  if (count === null || count === undefined) return failures.skipped(withoutConsumer(facts))
  const upMs = status === null ? 0 : facts.nowMs - Date.parse(status.startedAt)
  const span =
    typeof ofWindow === 'number' ? 'in the last 10 minutes, by Prometheus' : `since its start ${ago(upMs)} ago`
  const seen = `${counted(Math.round(count), 'failure')} ${span}`
  if (count <= thresholds.CheckpointFailures) return failures.ok(seen)
  if (typeof ofWindow !== 'number' && upMs > failureWindowMs)
    return failures.skipped(`${seen}: how many in the last 10 minutes only --prometheus can tell`)
  return failures.problem(
    `${seen}; more than ${thresholds.CheckpointFailures}`,
    'see the errors in its log: catalog and storage must be reachable and writable (`healthconsumer doctor -f FILE` checks them)',
  )
}
