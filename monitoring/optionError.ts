/** What is wrong with an option of a generator: field, value, fix. Each generator has a subclass with its codes. Pure. */
export class OptionError<Code extends string = string> extends Error {
  override readonly name: string = 'OptionError'
  readonly code: Code
  /** Such as `thresholds.HighKafkaLag`, or `targets[0]`. */
  readonly field: string
  readonly value: unknown
  readonly fix: string
  constructor(code: Code, field: string, value: unknown, fix: string, cause?: unknown) {
    super(`${field} is ${JSON.stringify(value) ?? String(value)} · ${fix}`, { cause })
    this.code = code
    this.field = field
    this.value = value
    this.fix = fix
  }
}
