/**
 * The process behind a command: its streams, its exit code. It parses nothing and prints without colours.
 */
import type { CommandIo } from './io.ts'

/** Runs the program with this process' arguments and sets the exit code. */
export async function runProcess(program: (args: readonly string[], io: CommandIo) => Promise<number>): Promise<void> {
  const io: CommandIo = {
    out: text => process.stdout.write(text),
    err: text => process.stderr.write(text),
    exitCode: 0,
  }
  // A reader that has gone away (`healthconsumer … | head -1`) is no reason to leave work half done.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') process.exitCode = 1
    })
  // The exit code is set, not exited with, so that what is still in the pipes is written.
  const exitCode = await program(process.argv.slice(2), io)
  process.exitCode ||= exitCode
}
