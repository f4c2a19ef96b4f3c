/** The servers that doctor is told to ask: flags for them, and their addresses. It asks none. */
import type { Command } from 'commander'
import { CommandError, type Failure } from '../errors.ts'
import { commandLine } from '../io.ts'
import { type Address, parseAddress, withoutCredentials } from './address.ts'

const names = ['url', 'prometheus', 'alertmanager', 'grafana'] as const
type Server = (typeof names)[number]
export type ServerFlags = Readonly<Partial<Record<Server, string>>>

export const withWatchers = (command: Command): Command =>
  command
    .option('--prometheus <url>', 'checks target, samples, rules and alerts there')
    .option('--alertmanager <url>', 'checks that it answers, and that Prometheus sends to it')

/** Every wrong one is told at once, without what may be a password in it. Throws CommandError. */
export function addressesOf(flags: ServerFlags, command: Command): Readonly<Partial<Record<Server, Address>>> {
  const given = names.flatMap(name => {
    const text = flags[name]
    return text === undefined ? [] : [{ name, text, address: parseAddress(text) }]
  })
  const failures = given.flatMap(({ name, text, address }): Failure[] =>
    address !== undefined
      ? []
      : [
          {
            code: 'INVALID_URL',
            what: `--${name} is no web address: ${JSON.stringify(withoutCredentials(text))}`,
            where: commandLine(command),
            fix: 'write http://HOST:PORT or https://HOST:PORT, special characters of a password percent-encoded',
          },
        ],
  )
  if (failures.length > 0) throw new CommandError(2, failures)
  return Object.fromEntries(given.map(({ name, address }) => [name, address]))
}
