/** The real promtool: checks rule files, and evaluates rules over written series. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** As https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/ has them. */
export interface RuleTest {
  /** Names of this call's rule files. */
  readonly rule_files: readonly string[]
  readonly evaluation_interval: string
  readonly tests: readonly {
    readonly name: string
    /** Between two values of a series. */
    readonly interval: string
    readonly input_series: readonly { readonly series: string; readonly values: string }[]
    readonly alert_rule_test: readonly {
      readonly eval_time: string
      readonly alertname: string
      readonly exp_alerts: readonly {
        readonly exp_labels: Readonly<Record<string, string>>
        readonly exp_annotations: Readonly<Record<string, string>>
      }[]
    }[]
  }[]
}

/** Runs `promtool test rules` once. What failed, by the name of the test; the whole output where it named none. */
export async function testRules(
  ruleFiles: Readonly<Record<string, string>>,
  tests: Readonly<Record<string, RuleTest>>,
): Promise<{ failures: ReadonlyMap<string, string>; trouble: string }> {
  const files = { ...ruleFiles, ...Object.fromEntries(Object.entries(tests).map(([n, t]) => [n, JSON.stringify(t)])) }
  const { code, output } = await promtool(['test', 'rules', ...Object.keys(tests)], files)
  const parts = output.split(/^ {4}name: /m).slice(1)
  const failures = new Map<string, string>()
  for (const part of parts) {
    const [name = ''] = part.split(',\n', 1)
    failures.set(name, `${failures.get(name) ?? ''}${part}`)
  }
  return { failures, trouble: code !== 0 && failures.size === 0 ? output : '' }
}

/** Runs `promtool check rules` on files by name; its output where it finds fault, else nothing. */
export async function checkRules(ruleFiles: Readonly<Record<string, string>>): Promise<string> {
  const { code, output } = await promtool(['check', 'rules', ...Object.keys(ruleFiles)], ruleFiles)
  return code === 0 ? '' : output
}

/** In a folder of its own that holds the files and is gone afterwards. */
async function promtool(args: readonly string[], files: Readonly<Record<string, string>>) {
  const { stdout: folder } = await run(join(root, 'hack/prometheus'), ['bin'])
  const cwd = await mkdtemp(join(tmpdir(), 'promtool-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text)
    const { stdout, stderr } = await run(join(folder.trim(), 'promtool'), args, { cwd, maxBuffer: 64 * 1024 * 1024 })
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error
    return { code: 1, output: `${error.stdout}${error.stderr}` }
  } finally {
    await rm(cwd, { recursive: true })
  }
}
