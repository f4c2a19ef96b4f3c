/**
 * What the reporters have in common: each is a class whose instances are plain functions of a row, so that one can be
 * handed to the `map` of an array or a stream. A reporter counts what passes; it keeps no row, changes none, and never
 * stops a stream: a row that cannot be read passes uncounted.
 */
import { type Registry, register } from 'prom-client'

export { Registry } from 'prom-client'

export interface ReporterOptions {
  /** Where the metrics are registered; prom-client's default registry where there is none. */
  readonly registry?: Registry
  /** Milliseconds since the epoch; the system's clock where there is none. */
  readonly now?: () => number
}

/** `reporter(row)` and `reporter.map(row)` are the same; both answer the very same row. */
export interface Reporter {
  <Row>(row: Row): Row
  map<Row>(row: Row): Row
  readonly registry: Registry
}

/** Works with and without `new`. Throws ReporterError for options that cannot be. */
export interface ReporterClass<Options, Instance> {
  new (options?: Options): Instance
  (options?: Options): Instance
  readonly prototype: Instance
}

/**
 * `INVALID_OPTION`: an option is not what it may be. `NAME_TAKEN`: the registry has a metric of that name and of another
 * kind.
 */
export type ReporterErrorCode = 'INVALID_OPTION' | 'NAME_TAKEN'

export class ReporterError extends Error {
  override readonly name = 'ReporterError'
  readonly code: ReporterErrorCode
  constructor(code: ReporterErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** What makes a reporter: `record` sees each row before it passes, `methods` are the reporter's own beside `map`. */
export interface ReporterParts<Methods> {
  readonly record: (row: object) => void
  readonly methods: Methods
}

export function reporterClass<Options extends ReporterOptions, Methods extends object>(
  name: string,
  build: (options: Options, registry: Registry, now: () => number) => ReporterParts<Methods>,
): ReporterClass<Options, Reporter & Methods> {
  function Class(options: Options = {} as Options) {
    const { registry = register, now = Date.now } = options
    const { record, methods } = build(options, registry, now)
    const reporter = <Row>(row: Row): Row => {
      try {
        if (typeof row === 'object' && row !== null) record(row)
      } catch {
        // A getter, a proxy or a clock that throws: what is measured goes on.
      }
      return row
    }
    Object.setPrototypeOf(reporter, Class.prototype)
    return Object.assign(reporter, methods, { map: reporter, registry })
  }
  // Instances are functions: they keep call and bind, and are `instanceof` their class.
  Object.setPrototypeOf(Class.prototype, Function.prototype)
  Object.defineProperty(Class, 'name', { value: name })
  return Class as unknown as ReporterClass<Options, Reporter & Methods>
}
