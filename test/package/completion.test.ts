/**
 * The scripts of `healthconsumer completion` in real shells on a terminal: keys go in, and what stands on the command line
 * after Tab comes out. zsh and fish are Debian's, bash is the machine's.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type Shell, shells } from '../../cli/completion/scripts.ts'
import { root } from '../docs/pages.ts'
import { until } from '../until.ts'

const folder = mkdtempSync(join(tmpdir(), 'completion-'))
after(() => rmSync(folder, { recursive: true }))
const programs = execFileSync(join(root, 'hack/shells'), { encoding: 'utf8' }).trim()
mkdirSync(join(folder, 'tables'))
for (const name of ['manifest.yaml', 'notes.txt']) writeFileSync(join(folder, name), '')

/** How each begins, and what Ctrl-X Ctrl-D does in it: writes what stands on the command line, and empties it. */
const settings: Readonly<Record<Shell, { readonly command: string; readonly begin: string }>> = {
  bash: {
    command: 'bash --norc --noprofile -i',
    begin: `
source <(healthconsumer completion bash)
told() { printf '%s' "$READLINE_LINE" >line.new; mv line.new line; READLINE_LINE=; }
bind -x '"\\C-x\\C-d": told'
bind 'set enable-bracketed-paste off'
`,
  },
  zsh: {
    command: `${programs}/zsh -f -i`,
    begin: `
module_path=(${programs}/root/usr/lib/*-linux-gnu/zsh/*(/))
fpath=(${programs}/root/usr/share/zsh/functions/**/*(/))
autoload -Uz compinit
compinit -D -u
source <(healthconsumer completion zsh)
told() { print -rn -- "$BUFFER" >line.new; mv line.new line; BUFFER=; }
zle -N told
bindkey '^X^D' told
`,
  },
  fish: {
    command: `${programs}/fish --no-config -i`,
    begin: `
healthconsumer completion fish | source
function told; commandline >line.new; mv line.new line; commandline ''; end
bind \\cx\\cd told
`,
  },
}

/** What is typed before Tab, and what stands there after it. */
const completed: readonly (readonly [typed: string, stands: string])[] = [
  ['healthconsumer gen', 'healthconsumer generate '],
  ['healthconsumer generate scr', 'healthconsumer generate scrape-config '],
  ['healthconsumer help val', 'healthconsumer help validate '],
  ['healthconsumer run --until', 'healthconsumer run --until-caught-up '],
  ['healthconsumer run -o j', 'healthconsumer run -o json '],
  ['healthconsumer run --output=j', 'healthconsumer run --output=json '],
  ['healthconsumer run --metrics-port 0 --out', 'healthconsumer run --metrics-port 0 --output '],
  ['healthconsumer doctor --url http://a:1 --graf', 'healthconsumer doctor --url http://a:1 --grafana '],
  ['healthconsumer validate -f man', 'healthconsumer validate -f manifest.yaml '],
  ['healthconsumer validate -f notes.txt man', 'healthconsumer validate -f notes.txt manifest.yaml '],
  ['healthconsumer validate --file=man', 'healthconsumer validate --file=manifest.yaml '],
  ['healthconsumer run --state-dir t', 'healthconsumer run --state-dir tables/'],
  // No file is offered where a folder is wanted, nor where no file is.
  ['healthconsumer run --state-dir man', 'healthconsumer run --state-dir man'],
  ['healthconsumer run --metrics-port man', 'healthconsumer run --metrics-port man'],
  ['healthconsumer generate alerts --disable MetricsA', 'healthconsumer generate alerts --disable MetricsAbsent '],
  ['healthconsumer generate alerts --threshold HighK', 'healthconsumer generate alerts --threshold HighKafkaLag='],
]

for (const shell of shells)
  describe(`${shell} completes`, () => {
    const { command, begin } = settings[shell]
    writeFileSync(join(folder, `begin.${shell}`), begin)
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const terminal = spawn('script', ['-qefc', command, '/dev/null'], {
      cwd: folder,
      env: { ...env, HOME: folder, TERM: 'xterm', PATH: `${join(root, 'hack')}:${env.PATH}` },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let shown = ''
    terminal.stdout.on('data', text => (shown += text))
    after(async () => {
      const ended = once(terminal, 'close')
      terminal.stdin.end('exit\r')
      await ended
    })
    const line = join(folder, 'line')
    const typed = async (keys: string): Promise<string> => {
      rmSync(line, { force: true })
      terminal.stdin.write(`${keys}\x18\x04`)
      await until(`an answer of ${shell}`, () => existsSync(line)).catch(error => assert.fail(`${error}: ${shown}`))
      return readFileSync(line, 'utf8').replace(/\n$/, '')
    }
    test('once it has begun', async () => {
      terminal.stdin.write(`source ./begin.${shell}; echo begun >begun.${shell}\r`)
      await until(`${shell} begins`, () => existsSync(join(folder, `begun.${shell}`)))
      assert.equal(await typed('plain'), 'plain')
    })
    for (const [keys, stands] of completed)
      test(keys, async () => {
        assert.equal(await typed(`${keys}\t`), stands)
      })
  })
