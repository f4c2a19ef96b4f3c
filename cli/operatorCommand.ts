/**
 * `healthconsumer operator`: becomes the operator's own process, which has the same id and the same streams, so that signals
 * and the exit code are its own. It reads no setting and never returns.
 */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import type { CommandIo } from './io.ts'

/**
 * Flags of node for the operator. Node chooses from 1 MB in a pod of 512 MiB to 64 MB where memory is plenty: the one is
 * collected all the time, the other is memory that is never given back.
 */
const nodeFlags: readonly string[] = ['--max-semi-space-size=16']

/** Of this package, compiled or not. */
const moduleUrl = (path: string): string => new URL(`${path}${extname(import.meta.filename)}`, import.meta.url).href

const args: readonly string[] = [
  // First of all again: the process keeps its id, and no handler of a signal.
  `--import=${moduleUrl('./signals')}`,
  ...nodeFlags,
  fileURLToPath(moduleUrl('../operator/main')),
]

export function register(program: Command, _io: CommandIo): void {
  program
    .command('operator')
    .summary('run the operator against a cluster')
    .description(
      'Runs the operator against the cluster of $KUBECONFIG, ~/.kube/config or the pod it runs in, until SIGTERM or\n' +
        'SIGINT. Its settings are environment variables; docs/operator.md says what each means.',
    )
    .addHelpText('after', '\nExample:\n  RUNTIME_IMAGE=ghcr.io/healthdata/healthconsumer:0.1.0 healthconsumer operator')
    .action(() => process.execve!(process.execPath, [process.execPath, ...process.execArgv, ...args]))
}
