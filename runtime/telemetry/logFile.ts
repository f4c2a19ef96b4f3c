/**
 * The log file: appended to line by line, opened again after a rotation. Writing is synchronous, so that the last lines
 * of a dying process are in it. A full disk never stops the program: it is reported once, and lines are lost meanwhile.
 */
import { closeSync, openSync } from 'node:fs'
import { writeLine } from './lineWriter.ts'

export class LogFile {
  readonly path: string
  readonly #report: (error: unknown) => void
  #descriptor: number
  #failing = false

  /** Throws the system's error where the file cannot be opened. `report` is told later failures, and may log them. */
  constructor(path: string, report: (error: unknown) => void) {
    this.path = path
    this.#report = report
    this.#descriptor = open(path)
  }

  write(line: string): void {
    try {
      writeLine(this.#descriptor, line)
      this.#failing = false
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Takes the path anew; keeps the former file where that fails. */
  reopen(): void {
    try {
      const descriptor = open(this.path)
      closeSync(this.#descriptor)
      this.#descriptor = descriptor
    } catch (error) {
      this.#fail(error)
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #fail(error: unknown): void {
    if (this.#failing) return
    this.#failing = true
    this.#report(error)
  }
}

/** Lines name topics and hosts: not for everyone. */
const open = (path: string) => openSync(path, 'a', 0o640)
