/** The flags of hack/quickstart and its help. It looks at nothing but the arguments. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

export const usage = `hack/quickstart: from nothing to data in a table, on this machine

  hack/quickstart             starts Kafka, produces, runs the pipeline, shows what arrived, stops all of it
  hack/quickstart --keep      leaves Kafka and the runtime running
  hack/quickstart --stop      stops what --keep left running
  hack/quickstart --fresh     removes what earlier runs left (Kafka's data and the tables), then starts

  --payloads N     payloads to produce, 20 samples each (20000)
  --json           one line of JSON, last on stdout; everything else goes to stderr
  --dir DIR        where Kafka's data, the tables and the logs are kept (.quickstart in this folder)
  -h, --help       this text

A second run adds to the first. Exit code 0: done, 1: it failed, 2: wrong usage.`

export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface Flags {
  readonly help: boolean
  readonly keep: boolean
  readonly stop: boolean
  readonly fresh: boolean
  readonly json: boolean
  readonly payloads: number
  /** Absolute. */
  readonly dir: string
  /** Whether that is the one in the checkout, which examples/quickstart.yaml speaks of. */
  readonly standardDir: boolean
}

/** Throws UsageError. `root` is the folder of the checkout. */
export function parseFlags(args: readonly string[], root: string): Flags {
  const values = parse(args)
  const { help = false, keep = false, stop = false, fresh = false, json = false } = values
  const payloads = Number(values.payloads ?? 20_000)
  if (!/^\d+$/.test(values.payloads ?? '1') || payloads < 1 || payloads > 10_000_000)
    throw new UsageError(`--payloads ${values.payloads}: it must be a whole number from 1 to 10000000`)
  if (stop && (keep || fresh)) throw new UsageError(`--stop goes with neither --keep nor --fresh`)
  const standard = join(root, '.quickstart')
  const dir = resolve(values.dir ?? standard)
  if (/[\s?#*[\]]/.test(dir))
    throw new UsageError(
      `--dir ${dir}: Kafka and table readers take no path with spaces, ?, #, *, [ or ]; choose another`,
    )
  return { help, keep, stop, fresh, json, payloads, dir, standardDir: dir === standard }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        keep: { type: 'boolean' },
        stop: { type: 'boolean' },
        fresh: { type: 'boolean' },
        json: { type: 'boolean' },
        payloads: { type: 'string' },
        dir: { type: 'string' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. To specify .*/, ''))
  }
}
