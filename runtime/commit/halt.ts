/** A halt as an error: thrown by the protocol, shown by `/status`. */
import { type HaltCode, halts } from '../contract/halts.ts'

export class HaltError extends Error {
  override readonly name = 'HaltError'
  readonly code: HaltCode
  readonly fix: string
  /** @param where the table, topic partition or file concerned, with the facts that were compared */
  constructor(code: HaltCode, where: string, cause?: unknown) {
    super(`${halts[code].meaning} · ${where}`, { cause })
    this.code = code
    this.fix = halts[code].fix
  }
}
