/**
 * Logs Not Structured, Missing Context in Logs, and the start line that the guide looks for. Pure; of a log line only
 * its shape is told, never a word of it.
 */
import { z } from 'zod'
import { portOf } from '../address.ts'
import { type Facts, withoutConsumer } from '../facts.ts'
import type { LogFileSeen } from '../observations.ts'
import { jsonOf } from '../prometheusApi.ts'
import { type Check, type CheckOutcomes, counted, defineCheck, listed } from '../report.ts'

const structured = 'Logs Not Structured'
const startLine = defineCheck('Metrics Not Appearing', 'start line', 'the log says on which port metrics are served')
const formatter = defineCheck(structured, 'formatter', 'only JSON lines can be searched by field')
const level = defineCheck(structured, 'log level', 'lines below it are not written')
const lines = defineCheck(structured, 'log lines', 'a line without these fields is lost to searches')
const context = defineCheck('Missing Context in Logs', 'log context', 'it says which topic, partition or table')

export const logs = (facts: Facts): readonly Check[] => [
  checkStartLine(facts),
  checkFormatter(facts),
  checkLevel(facts),
  fromLogFile(facts, lines, checkLines),
  fromLogFile(facts, context, checkContext),
]

/** The fields of the guide; `error` is there only where there is one. */
const logLine = z.object({
  timestamp: z.iso.datetime(),
  level: z.enum(['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']),
  logger: z.string(),
  message: z.string(),
  thread: z.object({ id: z.number(), name: z.string() }),
  source: z.object({ file: z.string(), line: z.number(), function: z.string() }),
  process: z.object({ id: z.number(), name: z.string() }),
  context: z.record(z.string(), z.unknown()),
})

/** Judges the lines of a file that could be read and is not empty. */
function fromLogFile(facts: Facts, check: CheckOutcomes, judge: (texts: readonly string[]) => Check): Check {
  const { logFile, status } = facts
  if (logFile === null) {
    const known = status?.logging.file ? `, which this consumer writes to ${status.logging.file}` : ''
    return check.skipped(`not asked for: add --log-file${known}`)
  }
  if (logFile.unreadable !== null)
    return check === lines
      ? check.problem(
          `${logFile.path} cannot be read (${logFile.unreadable})`,
          'name the file that LOG_FILE of the consumer names, and let this user read it',
        )
      : check.skipped('the log file cannot be read')
  if (logFile.lines.length > 0) return judge(logFile.lines)
  return check === lines
    ? check.problem(
        `${logFile.path} holds no whole line`,
        'set LOG_FILE of the consumer to this file; after a rotation send SIGHUP, or it writes into the former one',
      )
    : check.skipped('the log file is empty')
}

const hidesInfo = ['warning', 'error', 'critical']

function checkStartLine(facts: Facts): Check {
  const { logFile, status, consumer } = facts
  if (logFile === null) return startLine.skipped('not asked for: add --log-file')
  if (logFile.unreadable !== null) return startLine.skipped('the log file cannot be read')
  if (logFile.startedOnPort === null)
    return status !== null && hidesInfo.includes(status.logging.level)
      ? startLine.skipped(`it is an INFO line, and the level is ${status.logging.level.toUpperCase()}`)
      : startLine.problem(
          `no line "PrometheusReporter listening on :PORT" in ${logFile.path}`,
          'look into the former file if it was rotated; set LOG_LEVEL to INFO or DEBUG; or the consumer failed before it served metrics: see its last lines',
        )
  return startLine.ok(`PrometheusReporter listening on :${logFile.startedOnPort}${otherPort(logFile, consumer?.url)}`)
}

/** A port may be forwarded, so that another one is no fault. */
const otherPort = ({ startedOnPort }: Extract<LogFileSeen, { unreadable: null }>, url: string | undefined): string =>
  url === undefined || portOf(url) === String(startedOnPort)
    ? ''
    : `, while --url is ${url}: is it the log of this consumer?`

function checkFormatter(facts: Facts): Check {
  if (facts.status === null) return formatter.skipped(withoutConsumer(facts))
  const { formatter: name } = facts.status.logging
  return name === 'JSONFormatter'
    ? formatter.ok(name)
    : formatter.problem(
        `it is ${name}, not JSONFormatter`,
        'start the consumer with JSON_FORMAT=true, or without it and spec.logging.format: json',
      )
}

function checkLevel(facts: Facts): Check {
  if (facts.status === null) return level.skipped(withoutConsumer(facts))
  const { level: name } = facts.status.logging
  const told = name.toUpperCase()
  if (name === 'debug') return level.ok(`${told}: lines about single records too; INFO is meant for every day`)
  if (name === 'warning')
    return level.ok(`${told}: neither the start line nor checkpoints are written; INFO shows them`)
  return name === 'info'
    ? level.ok(told)
    : level.problem(`${told}: the warnings before a failure are not written`, 'start the consumer with LOG_LEVEL=INFO')
}

function checkLines(texts: readonly string[]): Check {
  const objects = texts.map(jsonOf)
  const noObjects = objects.filter(value => typeof value !== 'object' || value === null).length
  const looked = `of the last ${counted(texts.length, 'line')}`
  if (noObjects > 0)
    return lines.problem(
      `${noObjects} ${looked} are no JSON object`,
      noObjects === texts.length
        ? 'start the consumer with JSON_FORMAT=true, or without it and spec.logging.format: json'
        : 'let nothing else write to this file; text before a restart with JSON_FORMAT=true goes away with the next rotation',
    )
  const faults = objects.map(faultyFields).filter(fields => fields.length > 0)
  if (faults.length === 0) return lines.ok(`each ${looked} is a JSON object with every field`)
  return lines.problem(
    `${faults.length} ${looked} lack a field or hold another type in it: ${listed([...new Set(faults.flat())])}`,
    'write the log with setupLogging and getLogger of this package only',
  )
}

/** Names of ours, never what the line calls its fields. */
const faultyFields = (value: unknown): string[] =>
  (logLine.safeParse(value).error?.issues ?? []).map(({ path }) => String(path[0] ?? 'object'))

function checkContext(texts: readonly string[]): Check {
  const contexts = texts.flatMap(text => logLine.safeParse(jsonOf(text)).data ?? []).map(line => line.context)
  if (contexts.length === 0) return context.skipped('no line has the shape of the guide')
  const filled = contexts.filter(each => Object.keys(each).length > 0).length
  const seen = `${filled} of the last ${counted(contexts.length, 'line')} have some`
  return filled > 0
    ? context.ok(seen)
    : context.problem(
        seen,
        "make loggers with getLogger(name, {context: {component: 'mine'}}), and add what a line is about: logger.info(message, {context: {key: value}})",
      )
}
