/**
 * Where a log line comes from: file, line and function of the nearest frame outside a given function.
 * One frame is captured and no stack is rendered, because that runs for every line.
 */
import { fileURLToPath } from 'node:url'

export interface CallSite {
  /** Absolute path. */
  readonly file: string
  readonly line: number
  readonly function: string
}

const unknown: CallSite = { file: '<unknown>', line: 0, function: '<unknown>' }
const paths = new Map<string, string>()

const framesThemselves = (_: Error, frames: NodeJS.CallSite[]) => frames

/** The frame that called `above`, which must be on the stack. V8's stack trace API: https://v8.dev/docs/stack-trace-api */
export function callSite(above: (...parameters: never[]) => unknown): CallSite {
  const prepare = Error.prepareStackTrace
  const limit = Error.stackTraceLimit
  const holder: { stack?: readonly NodeJS.CallSite[] } = {}
  Error.stackTraceLimit = 1
  Error.prepareStackTrace = framesThemselves
  Error.captureStackTrace(holder, above)
  // The trace is prepared when it is first read.
  const frame = holder.stack?.[0]
  Error.prepareStackTrace = prepare
  Error.stackTraceLimit = limit
  if (frame === undefined) return unknown
  return {
    file: pathOf(frame.getFileName() ?? '<anonymous>'),
    line: frame.getLineNumber() ?? 0,
    function: frame.getFunctionName() ?? '<anonymous>',
  }
}

/** ES modules are named by URL. */
function pathOf(fileName: string): string {
  let path = paths.get(fileName)
  if (path === undefined) {
    path = fileName.startsWith('file:') ? fileURLToPath(fileName) : fileName
    paths.set(fileName, path)
  }
  return path
}
