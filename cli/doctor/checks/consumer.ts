/** Consumer Not Working: health, halt, assignment, commits, memory and invalid samples of a running consumer. Pure. */
import { type HaltCode, halts } from '../../../runtime/contract/halts.ts'
import { metrics } from '../../../runtime/contract/metrics.ts'
import { type TroubleCode, troubles } from '../../../runtime/contract/troubles.ts'
import { sumOf } from '../exposition.ts'
import { type Facts, type SeenStatus, withoutConsumer } from '../facts.ts'
import type { ConsumerSeen } from '../observations.ts'
import { ago, type Check, type CheckOutcomes, counted, defineCheck, percent } from '../report.ts'

const group = 'Consumer Not Working'
const liveness = defineCheck(group, 'liveness', 'Kubernetes restarts a pod that is not live')
const readiness = defineCheck(group, 'readiness', 'one that is not ready commits nothing')
const status = defineCheck(group, 'status', 'it says where the consumer stands')
const halt = defineCheck(group, 'halt', 'a halted consumer reads nothing until a person has decided')
const trouble = defineCheck(group, 'trouble', 'what fails is tried again, and until it works nothing is committed')
const assignment = defineCheck(group, 'assignment', 'without partitions there is nothing to read')
const rebalances = defineCheck(group, 'rebalances', 'each one interrupts reading')
const commits = defineCheck(group, 'commits', 'rows can be seen only once they are committed')
const pendingErrors = defineCheck(group, 'pending errors', 'announced error rows are missing from the errors table')
const memory = defineCheck(group, 'memory', 'a process out of heap dies and starts again')
const invalidSamples = defineCheck(group, 'invalid samples', 'what is invalid never reaches the raw table')

export const consumer = (facts: Facts): readonly Check[] => [
  checkHealth(facts, liveness, 'live', 'restart it, and see the last lines of its log for what it waited for'),
  checkHealth(
    facts,
    readiness,
    'ready',
    'a halt is told below; otherwise wait a minute, then look whether Kafka and the tables can be reached (`healthconsumer doctor -f FILE` checks them)',
  ),
  checkStatus(facts),
  checkHalt(facts),
  checkTrouble(facts),
  checkAssignment(facts),
  checkRebalances(facts),
  checkCommits(facts),
  checkPendingErrors(facts),
  checkMemory(facts),
  checkInvalidSamples(facts),
]

function checkHealth(facts: Facts, check: CheckOutcomes, probe: 'live' | 'ready', fix: string): Check {
  const answer = facts.consumer?.[probe]
  if (!answer?.reached || facts.exposition === null) return check.skipped(withoutConsumer(facts))
  if (answer.status === 200) return check.ok(`it is ${probe}`)
  return check.problem(answer.status === 503 ? answer.body : `${answer.url} answered ${answer.status}`, fix)
}

function checkStatus(facts: Facts): Check {
  if (facts.exposition === null) return status.skipped(withoutConsumer(facts))
  if (facts.status) {
    const { version, startedAt } = facts.status
    return status.ok(`version ${version}, started ${ago(facts.nowMs - Date.parse(startedAt))} ago`)
  }
  return status.problem(
    statusFault(facts.consumer!),
    'run the same version of the consumer and of this command, and let a proxy before it pass /status',
  )
}

function statusFault({ status: answer }: ConsumerSeen): string {
  if (!answer.reached) return `${answer.url}: ${answer.detail}`
  return answer.status === 200
    ? `${answer.url} does not answer with the status of a consumer`
    : `${answer.url} answered ${answer.status}`
}

/** The check where `/status` is known, else the reason why it is skipped. */
function fromStatus(facts: Facts, check: CheckOutcomes, judge: (status: SeenStatus) => Check): Check {
  if (facts.status !== null) return judge(facts.status)
  return check.skipped(facts.exposition === null ? withoutConsumer(facts) : 'the status cannot be read')
}

const checkHalt = (facts: Facts): Check =>
  fromStatus(facts, halt, ({ halt: found }) => {
    if (found === null) return halt.ok('none')
    const meaning = Object.hasOwn(halts, found.code) ? halts[found.code as HaltCode].meaning : 'unknown to this version'
    return halt.problem(`${found.code} (${meaning}): ${found.message}`, found.fix)
  })

const checkTrouble = (facts: Facts): Check =>
  fromStatus(facts, trouble, ({ trouble: found }) => {
    if (found === null) return trouble.ok('none')
    const meaning = Object.hasOwn(troubles, found.code)
      ? troubles[found.code as TroubleCode]
      : 'unknown to this version'
    return trouble.problem(
      `${found.code} (${meaning}) for ${ago(facts.nowMs - Date.parse(found.since))}: ${found.message}`,
      'mend what the message names; the consumer goes on by itself (`healthconsumer doctor -f FILE` checks Kafka, catalog and storage from here)',
    )
  })

function checkAssignment(facts: Facts): Check {
  const assigned = facts.exposition && sumOf(facts.exposition, metrics.partitionsAssigned.name)
  if (assigned === null || assigned === undefined) return assignment.skipped(withoutConsumer(facts))
  if (assigned > 0) return assignment.ok(counted(assigned, 'partition'))
  return facts.status?.epoch === 0
    ? assignment.problem(
        'none yet: it has not become a member of its group',
        'wait for the group to settle (up to spec.kafka.sessionTimeout); then look whether Kafka can be reached and the topics exist: `healthconsumer doctor -f FILE` tells',
      )
    : assignment.problem(
        'none: other members of its group hold every partition',
        'run no more consumers than there are partitions, or add partitions',
      )
}

/** Deployments and restarts rebalance now and then: more than one in two minutes is a group that does not settle. */
const unsettled = { atLeast: 5, perMinute: 0.5 }

const checkRebalances = (facts: Facts): Check =>
  fromStatus(facts, rebalances, ({ startedAt }) => {
    const count = (facts.exposition && sumOf(facts.exposition, metrics.rebalances.name)) ?? 0
    const upMs = facts.nowMs - Date.parse(startedAt)
    const seen = `${counted(count, 'rebalance')} in ${ago(upMs)}`
    return count < unsettled.atLeast || count / (upMs / 60_000) < unsettled.perMinute
      ? rebalances.ok(seen)
      : rebalances.problem(
          `${seen}: the group does not settle`,
          'look for members that restart, and raise spec.kafka.sessionTimeout if they are only slow',
        )
  })

const checkCommits = (facts: Facts): Check =>
  fromStatus(facts, commits, seen => {
    const times = [seen.tables.raw.lastCommitAt, seen.tables.errors.lastCommitAt].flatMap(at =>
      at ? [Date.parse(at)] : [],
    )
    const lag = seen.partitions.reduce((sum, partition) => sum + (partition.lag ?? 0), 0)
    const last = times.length > 0 ? `last commit ${ago(facts.nowMs - Math.max(...times))} ago` : 'no commit yet'
    if (lag === 0) return commits.ok(`${last}; no known record waits`)
    const waitingMs = facts.nowMs - Math.max(...times, Date.parse(seen.startedAt))
    const told = `${last}; ${counted(lag, 'record')} ${lag === 1 ? 'waits' : 'wait'}`
    return waitingMs / 1000 <= facts.thresholds.CommitsStalled
      ? commits.ok(told)
      : commits.problem(
          `${told}; more than ${ago(facts.thresholds.CommitsStalled * 1000)}`,
          'see the warnings in its log: catalog and storage must be writable (`healthconsumer doctor -f FILE` checks them), or it is halted',
        )
  })

const checkPendingErrors = (facts: Facts): Check =>
  fromStatus(facts, pendingErrors, ({ pendingErrorIntents }) => {
    if (pendingErrorIntents === 0) return pendingErrors.ok('none')
    const ageSeconds = (facts.exposition && sumOf(facts.exposition, metrics.pendingErrorAge.name)) ?? 0
    const seen = `${counted(pendingErrorIntents, 'batch').replace(/batchs$/, 'batches')}, for ${ago(ageSeconds * 1000)}`
    return ageSeconds <= facts.thresholds.PendingErrorFiles
      ? pendingErrors.ok(seen)
      : pendingErrors.problem(
          seen,
          'see the warnings in its log about the errors table: its catalog entry and folder must be writable',
        )
  })

function checkMemory(facts: Facts): Check {
  const { exposition, thresholds } = facts
  const used = exposition && sumOf(exposition, metrics.heapUsed.name)
  const most = exposition && sumOf(exposition, metrics.heapMax.name)
  if (!used || !most) return memory.skipped(withoutConsumer(facts))
  const seen = `heap ${percent(used / most)} of ${Math.round(most / 2 ** 20)} MiB`
  return used / most <= thresholds.HighMemoryUsage
    ? memory.ok(seen)
    : memory.problem(
        `${seen}; more than ${percent(thresholds.HighMemoryUsage)}`,
        "give the process more memory (the pod's limit, NODE_OPTIONS=--max-old-space-size), or lower spec.iceberg.commit.maxRows",
      )
}

function checkInvalidSamples(facts: Facts): Check {
  const { windowed, status: seenStatus, thresholds } = facts
  const ofWindow = windowed.invalidRatio !== undefined
  if (!ofWindow && facts.exposition === null) return invalidSamples.skipped(withoutConsumer(facts))
  const ratio = ofWindow ? windowed.invalidRatio : seenStatus?.invalidRatio
  const span = ofWindow ? 'in the last 5 minutes, by Prometheus' : 'since its start'
  if (ratio === null || ratio === undefined) return invalidSamples.ok(`no sample ${span}`)
  const seen = `${percent(ratio)} ${span}`
  return ratio <= thresholds.HighValidationFailureRate
    ? invalidSamples.ok(seen)
    : invalidSamples.problem(
        `${seen}; more than ${percent(thresholds.HighValidationFailureRate)}`,
        `see which rules fail by ${metrics.validationFailures.name} and in the errors table, then correct the producer`,
      )
}
