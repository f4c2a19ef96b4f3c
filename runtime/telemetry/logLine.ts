/**
 * One log line as JSON text, its fields in the order of the contract: timestamp, level, logger, message, thread, source,
 * process, context, and error where there is one. Whatever a message, a context or an error holds, the line is valid
 * JSON of bounded length, and nothing throws.
 */
import { isMainThread, threadId } from 'node:worker_threads'
import type { LogContext, LogLevel } from '../contract/logger.ts'
import { errorFields } from './errorFields.ts'

export interface LogEntry {
  /** What `lineHead` made of level and logger. */
  readonly head: string
  readonly message: string
  /** JSON text, see callSite.ts. */
  readonly source: string
  /** The logger's own context; `context` wins where both have a key. */
  readonly bound: LogContext
  readonly context: LogContext | undefined
  /** Anything thrown. */
  readonly error: unknown
}

/** Writes a user id in its place. */
export type UserIdForm = (id: unknown) => unknown

/** The contract's key, and what a camel-case slip would make of it. */
const userIdKeys = ['user_id', 'userId'] as const

/** In characters. A line stays below the 1 MiB that a console takes at once, even where each one is escaped. */
const maximumText = 1 << 14
const maximumContext = 1 << 16
const maximumValue = 1 << 12

const unreadable = '"[unreadable]"'

// Constant parts are rendered once, and joined: each further part of a line costs.
const process_ = JSON.stringify({ id: process.pid, name: 'MainProcess' })
const thread = JSON.stringify({ id: threadId, name: isMainThread ? 'main' : `worker-${threadId}` })
const beforeSource = `,"thread":${thread},"source":`
const afterSource = `,"process":${process_},"context":`

/** The part of a line that a logger's lines of one level share. */
export const lineHead = (level: LogLevel, logger: string): string =>
  `","level":"${level.toUpperCase()}","logger":${textJson(logger)},"message":`

/** `timestamp` is RFC 3339. The answer ends with a newline. */
export function jsonLine(timestamp: string, entry: LogEntry, userId: UserIdForm): string {
  const { head, message, source, error } = entry
  const end = error === undefined ? '}\n' : `,"error":${JSON.stringify(errorFields(error))}}\n`
  const context = contextJson(entry.bound, entry.context, userId)
  return `{"timestamp":"${timestamp}${head}${textJson(message)}${beforeSource}${source}${afterSource}${context}${end}`
}

/** A text as JSON, cut where it is too long. */
export const textJson = (text: string): string =>
  JSON.stringify(text.length <= maximumText ? text : `${text.slice(0, maximumText)}…`)

function contextJson(bound: LogContext, given: LogContext | undefined, userId: UserIdForm): string {
  try {
    const context: Record<string, unknown> = { ...bound, ...given }
    for (const key of userIdKeys) if (context[key] !== undefined) context[key] = userId(context[key])
    const json = JSON.stringify(context)
    if (json.length <= maximumContext) return json
  } catch {
    // A BigInt, a circle, a getter that throws: key by key, below.
  }
  return contextKeyByKey(bound, given, userId)
}

/** Later parts win; what cannot be read says so, what is too long is cut. */
function contextKeyByKey(bound: LogContext, given: LogContext | undefined, userId: UserIdForm): string {
  const values = new Map<string, string | undefined>()
  for (const part of [bound, given ?? {}]) {
    for (const key of keysOf(part)) {
      const hidden = key === 'user_id' || key === 'userId'
      values.set(
        key,
        valueJson(() => (hidden ? userId(part[key]) : part[key])),
      )
    }
  }
  const fields: string[] = []
  let length = 0
  for (const [key, json] of values) {
    if (json === undefined) continue
    const field = `${textJson(key)}:${json}`
    length += field.length + 1
    if (length > maximumContext) {
      fields.push('"truncated":true')
      break
    }
    fields.push(field)
  }
  return `{${fields.join()}}`
}

function keysOf(part: LogContext): readonly string[] {
  try {
    return Object.keys(part)
  } catch {
    return []
  }
}

function valueJson(read: () => unknown): string | undefined {
  try {
    const value = read()
    const json: string | undefined = JSON.stringify(value, bigIntAsText)
    if (json === undefined || json.length <= maximumValue) return json
    return JSON.stringify(`${(typeof value === 'string' ? value : json).slice(0, maximumValue)}…`)
  } catch {
    return unreadable
  }
}

const bigIntAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
