/**
 * Where a log line comes from: file, line and function of the nearest frame outside a given function, as JSON text.
 * It runs for every line: one frame is captured, no stack is rendered, and a place is put into JSON once. It never
 * throws, and leaves the process' own way of rendering stacks as it was.
 *
 * Most of the cost is V8's walk over the frames up to the wanted one, so a log function captures by itself, between
 * `beginCapture` and `endCapture`. V8's stack trace API: https://v8.dev/docs/stack-trace-api
 */
import { fileURLToPath } from 'node:url'

/** What `Error.captureStackTrace` is to be given. It keeps what was set before. */
export interface Capture {
  readonly prepare: typeof Error.prepareStackTrace
  readonly limit: number
  /** V8 prepares it when it is first read. */
  readonly stack?: readonly NodeJS.CallSite[]
}

/** What was last logged from a line of a file. */
interface Place {
  readonly name: string
  readonly json: string
}

const nowhere = jsonOf('<unknown>', 0, '<unknown>')
/** Of files, and of lines in each: far more than a program logs from; only generated code could pass it. */
const maximumPlaces = 4096
const places = new Map<string, Map<number, Place>>()

const framesThemselves = (_: Error, frames: NodeJS.CallSite[]) => frames

/** From now on one frame is captured; `endCapture` must follow. */
export function beginCapture(): Capture {
  const capture = { prepare: Error.prepareStackTrace, limit: Error.stackTraceLimit }
  set(framesThemselves, 1)
  return capture
}

/** `{"file","line","function"}` of the captured frame, the file as an absolute path. Undefined where there is none. */
export function endCapture(capture: Capture): string | undefined {
  try {
    const frame: unknown = capture.stack?.[0]
    return typeof frame === 'object' ? described(frame as NodeJS.CallSite) : undefined
  } catch {
    return undefined
  } finally {
    set(capture.prepare, capture.limit)
  }
}

/** The caller of `above`, or `<unknown>` where that is not on the stack. */
export function callSite(above: (...parameters: never[]) => unknown): string {
  const capture = beginCapture()
  try {
    Error.captureStackTrace(capture, above)
  } catch {
    // As in `set`.
  }
  return endCapture(capture) ?? nowhere
}

function set(prepare: typeof Error.prepareStackTrace, limit: number): void {
  try {
    Error.prepareStackTrace = prepare
    Error.stackTraceLimit = limit
  } catch {
    // Whoever froze Error, or broke parts of it, gets lines without a source.
  }
}

function described(frame: NodeJS.CallSite): string {
  const file = frame.getFileName() ?? '<anonymous>'
  const line = frame.getLineNumber() ?? 0
  const name = frame.getFunctionName() ?? '<anonymous>'
  const known = places.get(file)?.get(line)
  return known?.name === name ? known.json : remembered(file, line, name)
}

function remembered(file: string, line: number, name: string): string {
  // ES modules are named by URL.
  const json = jsonOf(file.startsWith('file:') ? fileURLToPath(file) : file, line, name)
  let lines = places.get(file)
  if (lines === undefined || lines.size >= maximumPlaces) {
    if (places.size >= maximumPlaces) places.clear()
    lines = new Map()
    places.set(file, lines)
  }
  lines.set(line, { name, json })
  return json
}

function jsonOf(file: string, line: number, name: string): string {
  return JSON.stringify({ file, line, function: name })
}
