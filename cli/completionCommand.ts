/** `healthconsumer completion`: prints the script that teaches a shell to complete its command lines. It installs nothing. */
import { Argument, type Command } from 'commander'
import { completionScript, type Shell, shells } from './completion/scripts.ts'
import type { CommandIo } from './io.ts'

const examples = `
Put one of these lines where your shell begins:
  bash, ~/.bashrc:                     source <(healthconsumer completion bash)
  zsh, ~/.zshrc, after compinit:       source <(healthconsumer completion zsh)
  fish, ~/.config/fish/config.fish:    healthconsumer completion fish | source

Example:
  healthconsumer completion bash`

export function register(program: Command, io: CommandIo): void {
  program
    .command('completion')
    .summary('print a script that completes command lines')
    .description('Prints the script that has a shell complete commands, options, choices and files of healthconsumer.')
    .addArgument(new Argument('<shell>', 'of bash 4.1, zsh or fish').choices(shells))
    .addHelpText('after', examples)
    .action((shell: Shell) => io.out(completionScript[shell](program.name())))
}
