/**
 * Anything thrown -> the `error` of a log line, of bounded length. Messages of JSON.parse quote the text that it failed
 * on, which may be health data; the quotation never passes. It never throws, whatever an error's getters do. Pure.
 */

export interface ErrorFields {
  readonly type: string
  readonly message: string
  /** Frames, and those of every cause. */
  readonly stack: string
}

const maximumCauses = 5
/** In characters. */
const maximumMessage = 1 << 14
const maximumStack = 1 << 16

export function errorFields(thrown: unknown): ErrorFields {
  try {
    const { type, message, stack } = describe(thrown)
    return { type: cut(type, maximumMessage), message: cut(message, maximumMessage), stack: cut(stack, maximumStack) }
  } catch {
    return { type: typeof thrown, message: '[unreadable]', stack: '' }
  }
}

const cut = (text: string, maximum: number) => (text.length <= maximum ? text : `${text.slice(0, maximum)}…`)

function describe(thrown: unknown): ErrorFields {
  if (!isErrorLike(thrown)) return { type: typeof thrown, message: withoutQuotation(String(thrown)), stack: '' }
  const stacks: string[] = []
  for (let each: unknown = thrown; isErrorLike(each) && stacks.length <= maximumCauses; each = each.cause) {
    stacks.push(`${each.name}: ${messageOf(each)}${framesOf(each)}`)
  }
  return { type: thrown.name, message: messageOf(thrown), stack: stacks.join('\nCaused by: ') }
}

interface ErrorLike {
  readonly name: string
  readonly message: string
  readonly stack?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

function isErrorLike(thrown: unknown): thrown is ErrorLike {
  if (typeof thrown !== 'object' || thrown === null || !('name' in thrown && 'message' in thrown)) return false
  return typeof thrown.name === 'string' && typeof thrown.message === 'string'
}

/** Node's AggregateError of a failed connection has no message of its own. */
function messageOf(error: ErrorLike): string {
  if (error.message !== '' || !Array.isArray(error.errors)) return withoutQuotation(error.message)
  return error.errors
    .filter(isErrorLike)
    .map(each => withoutQuotation(each.message))
    .join('; ')
}

/** A stack repeats name and message before the frames; only the frames are taken. */
function framesOf(error: ErrorLike): string {
  const stack = stackOf(error)
  if (typeof stack !== 'string') return ''
  const frames = stack.match(/(?:\n {4}at .*)+$/)
  return frames?.[0] ?? ''
}

/** Rendered when it is first read, by whatever the program has put in V8's place. */
function stackOf(error: ErrorLike): unknown {
  try {
    return error.stack
  } catch {
    return undefined
  }
}

/** V8's templates are kJsonParseUnexpectedToken… and kJsonParseShortString in src/common/message-template.h. */
const jsonQuotation = /(?:Unexpected token .{1,4}, )?(?:\.{3})?".*"(?:\.{3})? is not valid JSON/gs

const withoutQuotation = (message: string) =>
  message.includes('is not valid JSON') ? message.replace(jsonQuotation, 'not valid JSON') : message
