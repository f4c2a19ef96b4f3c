import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Argument, Command, Option } from 'commander'
import { complete } from '../../../cli/completion/complete.ts'
import { completePlugin } from '../../../cli/kubectl/program.ts'
import { runProgram } from '../../../cli/program.ts'

const program = new Command('tool').version('1').option('-q, --quiet', 'less')
program.command('hidden', { hidden: true })
program
  .command('put')
  .summary('put it there')
  .argument('<name>', 'its name')
  .addArgument(new Argument('[size]').choices(['small', 'large']))
  .option('-f, --file <file...>', 'files')
  .option('--into <folder>', 'where')
  .option('--place <place>', 'place\nin full')
  .addOption(new Option('-c, --color <color>', 'its color').choices(['red', 'rose', 'blue']))
const take = program.command('take').option('--set <field=value>', 'as often as needed')
take.command('all')

const sources = {
  name: ({ place }: Readonly<Record<string, string>>) => [{ value: `at-${place ?? 'home'}` }, { value: 'zebra' }],
  place: async () => [{ value: 'here', description: 'not far' }],
  'field=value': () => [{ value: 'size=' }],
}
const answers = async (...words: string[]) => (await complete(program, words, sources)).trimEnd().split('\n')

for (const [words, ...expected] of [
  [[''], 'put\tput it there', 'take', 'help\tdisplay help for command', ':4'],
  [[], 'put\tput it there', 'take', 'help\tdisplay help for command', ':4'],
  [['ta'], 'take', ':4'],
  [['-'], '--version\toutput the version number', '--quiet\tless', '--help\tdisplay help for command', ':4'],
  [['nosuch', 'ta'], ':4'],
  [['nosuch', 'take', '--se'], ':4'],
  // Choices, sources, files: by what stands for the value.
  [['put', '--color', 'r'], 'red', 'rose', ':4'],
  [['put', '-c', 'b'], 'blue', ':4'],
  [['put', '--color=r'], 'red', 'rose', ':4'],
  [['put', '--nosuch=r'], ':4'],
  [['put', '--place', ''], 'here\tnot far', ':4'],
  [['put', '--into', ''], ':16'],
  [['put', '-f', ''], ':0'],
  [['put', '-f', 'one', ''], ':0'],
  [['put', '--file=one', ''], ':0'],
  [['put', '-f', 'one', '--pl'], '--place\tplace', ':4'],
  [['put', '-f', 'one', '--color', 'bl'], 'blue', ':4'],
  // An option's value is no argument, and a source knows the options.
  [['put', ''], 'at-home', 'zebra', ':4'],
  [['put', '--place', 'sea', ''], 'at-sea', 'zebra', ':4'],
  [['put', '--place=sea', ''], 'at-sea', 'zebra', ':4'],
  [['put', '-cred', 'at'], 'at-home', ':4'],
  [['put', 'zebra', ''], 'small', 'large', ':4'],
  // Where nothing else can follow, options may.
  [['put', 'zebra', 'small', '--in'], '--into\twhere', ':4'],
  [['put', 'zebra', 'small', 'la'], ':4'],
  [['take', ''], 'all', 'help\tdisplay help for command', ':4'],
  [['take', 'all', ''], '--help\tdisplay help for command', ':4'],
  // More is to be written.
  [['take', '--set', ''], 'size=', ':6'],
  [['help', 't'], 'take', ':4'],
] as const)
  test(`tool ${words.join(' ')}|`, async () => {
    assert.deepEqual(await answers(...words), expected)
  })

const collected = () => {
  const out: string[] = []
  const io = { out: (text: string) => out.push(text), err: () => assert.fail(), exitCode: 0 as const }
  return { out, io }
}

test('healthconsumer offers its commands, their options and choices, and is silent about completion itself', async () => {
  const offered = async (...words: string[]): Promise<readonly string[]> => {
    const { out, io } = collected()
    assert.equal(await runProgram(['__complete', ...words], io), 0)
    return out
      .join('')
      .split('\n')
      .map(line => line.replace(/\t.*/, ''))
  }
  const commands = (await offered('')).filter(name => !/^(:\d+)?$/.test(name))
  assert.ok(commands.includes('run') && commands.includes('completion') && !commands.includes('__complete'))
  for (const command of commands) assert.deepEqual(await offered(command), [command, ':4', ''])
  assert.deepEqual(await offered('completion', ''), ['bash', 'zsh', 'fish', ':4', ''])
  assert.deepEqual(await offered('recover', '--accept-rollback', ''), ['raw', 'errors', ':4', ''])
  assert.deepEqual(await offered('generate', 'alerts', '--for', 'HighK'), ['HighKafkaLag=', ':6', ''])
})

test('the plugin offers what the cluster has, asked with the options on the line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'completion-'))
  after(() => rm(folder, { recursive: true }))
  const kubectl = join(folder, 'kubectl')
  const asked = join(folder, 'asked')
  const answer = (pattern: string, lines: string) => `*"${pattern}"*) printf '${lines}' ;;`
  await writeFile(
    kubectl,
    `#!/bin/sh
echo "$*" >>'${asked}'
case "$*" in
${answer('get healthconsumers -o name', 'healthconsumer.healthdata.dev/steps\\nhealthconsumer.healthdata.dev/sleep\\n')}
${answer('get namespaces -o name', 'namespace/health\\n')}
${answer('config get-contexts -o name', 'arn:aws:eks/dev\\nkind\\n')}
esac
`,
    { mode: 0o755 },
  )
  const before = process.env.KUBECTL
  process.env.KUBECTL = kubectl
  try {
    for (const [words, expected] of [
      [['pause', '-n', 'health', '--context=kind', 'st'], 'steps\n:4\n'],
      [['status', ''], 'steps\nsleep\n:4\n'],
      [['logs', '--namespace', ''], 'health\n:4\n'],
      [['doctor', '--context', ''], 'arn:aws:eks/dev\nkind\n:4\n'],
    ] as const) {
      const { out, io } = collected()
      assert.equal(await completePlugin(words, io), 0)
      assert.equal(out.join(''), expected)
    }
    assert.match(await readFile(asked, 'utf8'), /^--namespace=health --context=kind get healthconsumers /)
    // Nobody is told why a cluster cannot be asked: a name is all that was wanted.
    process.env.KUBECTL = join(folder, 'nosuch')
    const { out, io } = collected()
    assert.equal(await completePlugin(['status', ''], io), 0)
    assert.equal(out.join(''), ':4\n')
  } finally {
    if (before === undefined) delete process.env.KUBECTL
    else process.env.KUBECTL = before
  }
})
