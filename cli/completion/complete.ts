/**
 * What may come next on a command line, told from commander's own commands, options and choices: there is no second list.
 * An option's or argument's placeholder says what it takes: `<file>`, `<folder>`, or the name of a source that is given.
 * It parses nothing for good and runs no command.
 */
import type { Argument, Command, Option } from 'commander'

export interface Candidate {
  readonly value: string
  readonly description?: string
}

/** Long names of the options on the line and their values: `--context=dev` is `{context: 'dev'}`. */
export type GivenOptions = Readonly<Record<string, string>>

/** By placeholder, what is there now. What cannot be told is nothing. */
export type Sources = Readonly<
  Record<string, (given: GivenOptions) => readonly Candidate[] | Promise<readonly Candidate[]>>
>

/** Of cobra's shell completion, which kubectl asks of its plugins: https://github.com/spf13/cobra (completions.go). */
const directives = { files: 0, noFiles: 4, noSpaceNoFiles: 6, folders: 16 } as const

/** Where the words before the one that is completed have led to. */
interface Place {
  readonly command: Command
  readonly arguments: number
  readonly given: GivenOptions
  /** The option whose value comes next. */
  readonly option: Option | undefined
}

/**
 * Candidates that begin as the last of the words does, one a line with its description behind a tab; then `:` and a
 * directive. After `--option=` they are values alone. `words` are those after the program's name.
 */
export async function complete(program: Command, words: readonly string[], sources: Sources): Promise<string> {
  const word = words.at(-1) ?? ''
  const place = walk(program, words.slice(0, -1))
  const [, flag, value] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? []
  const assigned = flag === undefined ? undefined : optionOf(place.command, flag)
  const option = assigned ?? (goesOn(place, word) ? place.option : undefined)
  const text = assigned ? value! : word
  const takes = option ?? (word.startsWith('-') ? undefined : argumentAt(place))
  if (takes) {
    const kind = placeholderOf(takes)
    if (!takes.argChoices && kind === 'file') return answer([], directives.files)
    if (!takes.argChoices && kind === 'folder') return answer([], directives.folders)
    const source = kind === 'command' ? () => commandsOf(program) : sources[kind]
    const values = takes.argChoices?.map(choice => ({ value: choice })) ?? (await source?.(place.given)) ?? []
    return answer(startingWith(text, values), values.some(isName) ? directives.noSpaceNoFiles : directives.noFiles)
  }
  const below = word.startsWith('-') || place.arguments > 0 ? [] : commandsOf(place.command)
  return answer(startingWith(word, below.length > 0 ? below : optionsOf(place.command)), directives.noFiles)
}

/** `HighKafkaLag=`: its value is still to be written. */
const isName = ({ value }: Candidate): boolean => value.endsWith('=')

const startingWith = (text: string, candidates: readonly Candidate[]) =>
  candidates.filter(({ value }) => value.startsWith(text))

const firstLine = (text: string): string => text.replace(/[\t\n].*/s, '')

const answer = (candidates: readonly Candidate[], directive: number): string =>
  [
    ...candidates.map(({ value, description }) => (description ? `${value}\t${firstLine(description)}` : value)),
    `:${directive}\n`,
  ].join('\n')

const commandsOf = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map(each => ({ value: each.name(), description: each.summary() || each.description() }))

const optionsOf = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: (long ?? short)!, description }))

const optionOf = (command: Command, flag: string): Option | undefined =>
  command
    .createHelp()
    .visibleOptions(command)
    .find(({ long, short }) => flag === long || flag === short)

/** The last argument takes all further ones where it takes several. */
function argumentAt({ command, arguments: count }: Place): Argument | undefined {
  const last = command.registeredArguments.at(-1)
  return command.registeredArguments[count] ?? (last?.variadic ? last : undefined)
}

/** `-f, --file <file...>` takes a `file`, `[name]` a `name`. */
const placeholderOf = (takes: Option | Argument): string =>
  'flags' in takes ? (/[<[](.*?)(?:\.\.\.)?[>\]]$/.exec(takes.flags)?.[1] ?? '') : takes.name()

/** Whether the word is a value of the option before it: one at least, and all up to the next option where it takes several. */
const goesOn = ({ option, given }: Pick<Place, 'option' | 'given'>, word: string): boolean =>
  option !== undefined && !(option.variadic && option.name() in given && word.startsWith('-'))

function walk(program: Command, words: readonly string[]): Place {
  let command = program
  let count = 0
  let option: Option | undefined
  const given: Record<string, string> = {}
  for (const word of words) {
    if (option && goesOn({ option, given }, word)) {
      given[option.name()] = word
      if (!option.variadic) option = undefined
    } else if (word.startsWith('-')) {
      const [, flag = '', value] = /^(--[\w-]+|-\w)=?(.*)$/s.exec(word) ?? []
      const found = optionOf(command, flag)
      option = found && (found.required || found.optional) ? found : undefined
      if (option && value) given[option.name()] = value
      if (value && !option?.variadic) option = undefined
    } else {
      const below = count === 0 ? subcommand(command, word) : undefined
      if (below) command = below
      else count++
    }
  }
  return { command, arguments: count, given, option }
}

const subcommand = (command: Command, name: string): Command | undefined =>
  command
    .createHelp()
    .visibleCommands(command)
    .find(each => each.name() === name || each.aliases().includes(name))
