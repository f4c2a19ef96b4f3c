/** Runs `healthconsumer doctor` as a person does, in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Check } from '../../cli/doctor/report.ts'

export interface Diagnosis {
  readonly code: number | null
  /** By name. */
  readonly checks: ReadonlyMap<string, Check>
  /** Names of the checks that found a problem. */
  readonly problems: readonly string[]
  /** For messages of assertions. */
  readonly told: string
}

const program = join(import.meta.dirname, '../../cli/main.ts')

/** Rejects where doctor does not answer with its object, and its object alone. */
export async function doctor(...flags: readonly string[]): Promise<Diagnosis> {
  const child = spawn(process.execPath, [program, 'doctor', '-o', 'json', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (err !== '') throw new Error(`doctor wrote to stderr: ${err}`)
  const { checks } = JSON.parse(out) as { readonly checks: readonly Check[] }
  const broken = checks.filter(({ state }) => state === 'problem')
  return {
    code,
    checks: new Map(checks.map(check => [check.name, check])),
    problems: broken.map(({ name }) => name),
    told: JSON.stringify(broken, null, 1),
  }
}
