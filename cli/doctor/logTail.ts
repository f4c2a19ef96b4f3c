/**
 * Reads what doctor looks at of a log file: its newest lines, and the port of the newest start line. Reads a bounded part
 * of a regular file and changes nothing.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { LogFileSeen } from './observations.ts'

const mostLines = 200
const tailBytes = 512 * 1024
/** From the end; a start line further back is not looked for. */
const searchedBytes = 256 * 1024 * 1024

/** Never rejects: a file that cannot be read is an answer. */
export async function readLogTail(path: string): Promise<LogFileSeen> {
  try {
    const found = await stat(path)
    // To open a pipe would be to wait for its writer.
    if (!found.isFile()) return { path, unreadable: 'it is no file' }
    const [lines, startedOnPort] = [await lastLines(path, found.size), await findStartLine(path, found.size)]
    return { path, unreadable: null, lines, startedOnPort }
  } catch (error) {
    return { path, unreadable: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}

/** Whole lines only: the first may be cut, the last may still be written. */
async function lastLines(path: string, size: number): Promise<readonly string[]> {
  const start = Math.max(0, size - tailBytes)
  const chunks: Buffer[] = []
  for await (const chunk of createReadStream(path, { start, end: start + tailBytes })) chunks.push(chunk)
  const lines = Buffer.concat(chunks)
    .toString('utf8')
    .split('\n')
    .slice(start > 0 ? 1 : 0, -1)
  return lines.filter(line => line !== '').slice(-mostLines)
}

async function findStartLine(path: string, size: number): Promise<number | null> {
  let port: number | null = null
  let carried = ''
  const start = Math.max(0, size - searchedBytes)
  for await (const chunk of createReadStream(path, { start, end: size, encoding: 'latin1', highWaterMark: 1 << 20 })) {
    const text = carried + chunk
    for (const found of text.matchAll(/PrometheusReporter listening on :(\d{1,5})(?!\d)/g)) port = Number(found[1])
    carried = text.slice(-64)
  }
  return port
}
