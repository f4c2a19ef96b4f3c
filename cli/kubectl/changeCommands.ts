/**
 * `kubectl healthconsumer pause | resume | restart`: one field of the spec each. What follows from it is the operator's;
 * with --wait they stay until it is done.
 */
import type { Command } from 'commander'
import { CommandError } from '../errors.ts'
import { type CommandIo, commandLine } from '../io.ts'
import { podLabels } from './consumer.ts'
import { type ClusterFlags, kubectlOf, withClusterFlags } from './kubectl.ts'

interface Flags extends ClusterFlags {
  readonly wait?: boolean
  readonly timeout: string
  readonly dryRun?: boolean
}

interface Change {
  readonly name: 'pause' | 'resume' | 'restart'
  readonly summary: string
  readonly description: string
  readonly done: string
  patch(now: Date): Readonly<Record<string, unknown>>
  /** Of `kubectl wait`, one after the other; the first shows that the operator has begun. */
  readonly until: readonly string[]
  /** It is done once the last pod has ended. */
  readonly endsPods?: boolean
}

const changes: readonly Change[] = [
  {
    name: 'pause',
    summary: 'stop the pods, keep everything else',
    description:
      'Sets spec.paused. The pods commit what they hold and end; tables, offsets and the other objects stay as they are.',
    done: 'paused',
    patch: () => ({ paused: true }),
    until: ['condition=Paused', 'condition=Ready'],
    endsPods: true,
  },
  {
    name: 'resume',
    summary: 'start the pods again',
    description: 'Removes spec.paused. The pods go on where the tables stand.',
    done: 'resumed',
    // No default and no false: one field decides, and only while it is there.
    patch: () => ({ paused: null }),
    until: ['condition=Paused=False', 'condition=Ready'],
  },
  {
    name: 'restart',
    summary: 'replace the pods one after another',
    description: 'Sets spec.restartedAt to now, which rolls the pods as a change of the spec does.',
    done: 'restarted',
    patch: now => ({ restartedAt: `${now.toISOString().slice(0, 19)}Z` }),
    until: ['condition=Ready'],
  },
]

export function register(program: Command, io: CommandIo): void {
  for (const change of changes) {
    const command = program
      .command(`${change.name} <name>`)
      .summary(change.summary)
      .description(change.description)
      .option('--wait', 'until the operator has done it and the pods are as they should be')
      .option('--timeout <duration>', 'of --wait, such as 90s or 5m', '5m')
      .option('--dry-run', 'have the API server check it, and change nothing')
      .addHelpText('after', `\nExample:\n  kubectl healthconsumer ${change.name} health -n data --wait`)
    withClusterFlags(command).action((name: string, flags: Flags, self: Command) =>
      apply(change, name, flags, self, io),
    )
  }
}

async function apply(change: Change, name: string, flags: Flags, command: Command, io: CommandIo): Promise<void> {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(flags.timeout)) throw badTimeout(flags.timeout, command)
  const kubectl = kubectlOf(flags, command)
  const resource = `healthconsumer/${name}`
  const patch = JSON.stringify({ spec: change.patch(new Date()) })
  const patched = (await kubectl.json(
    ...['patch', resource, '--type=merge', `--patch=${patch}`, '--field-manager=kubectl-healthconsumer'],
    ...(flags.dryRun ? ['--dry-run=server'] : []),
  )) as { readonly metadata: { readonly generation: number } }
  if (flags.dryRun) return io.out(`${resource} can be ${change.done} (dry run: nothing was changed)\n`)
  io.out(`${resource} ${change.done}\n`)
  if (!flags.wait) return
  const { generation } = patched.metadata
  const wanted = [`jsonpath={.status.observedGeneration}=${generation}`, ...change.until]
  for (const each of wanted) await kubectl.text('wait', resource, `--for=${each}`, `--timeout=${flags.timeout}`)
  if (change.endsPods)
    await kubectl.text('wait', 'pod', '-l', podLabels(name), '--for=delete', `--timeout=${flags.timeout}`)
  io.out(`${resource} is as it should be\n`)
}

function badTimeout(value: string, command: Command): CommandError {
  const where = commandLine(command)
  const what = `--timeout ${JSON.stringify(value)} is no duration`
  return new CommandError(2, [{ code: 'USAGE', what, where, fix: 'write 90s, 5m or 1h' }])
}
