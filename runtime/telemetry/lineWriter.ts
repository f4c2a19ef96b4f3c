/**
 * Writes lines to a file descriptor, whole and at once: what a dying process has logged is out. It opens and closes
 * nothing.
 */
import { writeSync } from 'node:fs'

const idle = new Int32Array(new SharedArrayBuffer(4))
const pauseMs = 5

/** Throws the system's error; a part of the line may be out then. */
export function writeLine(descriptor: number, line: string): void {
  const length = Buffer.byteLength(line)
  let written = whenReady(() => writeSync(descriptor, line))
  if (written === length) return
  const bytes = Buffer.from(line)
  while (written < length) written += whenReady(() => writeSync(descriptor, bytes, written))
}

/** A full pipe is waited for, even one that is set to refuse instead: others may share it, and set what they need. */
function whenReady(write: () => number): number {
  for (;;) {
    try {
      return write()
    } catch (error) {
      if (!isBusy(error)) throw error
      Atomics.wait(idle, 0, 0, pauseMs)
    }
  }
}

const isBusy = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EAGAIN'
