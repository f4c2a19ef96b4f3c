/**
 * Reads a manifest: a file with one HealthConsumer in YAML or JSON. The answer is the resource with its defaults, or
 * everything that is wrong with the file at once. Reads one file of bounded size; prints nothing.
 */
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import { checkHealthConsumer, type Problem } from '../crds/problems.ts'
import { type RuntimeConfiguration, runtimeConfiguration } from '../runtime/contract/configuration.ts'
import { unsupportedHere } from '../runtime/contract/unsupported.ts'
import { CommandError, type Failure, type FailureCode } from './errors.ts'
import { type ParsedYaml, parseYaml, type YamlProblem } from './yaml.ts'

/** The API server takes no larger object either (etcd's limit on a request is 1.5 MiB). */
const mostBytes = 1_048_576

export interface Manifest {
  readonly file: string
  readonly resource: HealthConsumer
  /** Absolute path that relative locations in the manifest count from. */
  readonly folder: string
}

export type ManifestResult =
  | { readonly file: string; readonly manifest: Manifest; readonly failures?: undefined }
  | { readonly file: string; readonly manifest?: undefined; readonly failures: readonly Failure[] }

/** What else is to be wrong with a resource whose fields are right each by itself. */
export type FurtherCheck = (resource: HealthConsumer) => readonly Problem[]

/** Everything that is wrong with the file, in the order of its lines; or the manifest. Never rejects. */
export async function readManifest(file: string, further?: FurtherCheck): Promise<ManifestResult> {
  const bytes = await readBounded(file)
  if (!Buffer.isBuffer(bytes)) return { file, failures: [bytes] }
  if (!isUtf8(bytes)) return { file, failures: [notUtf8(file, bytes)] }
  return parseManifest(file, new TextDecoder().decode(bytes), further)
}

/** The manifest of a command that needs one. Rejects with CommandError (exit code 2) where it is wrong. */
export async function loadManifest(file: string, further?: FurtherCheck): Promise<Manifest> {
  const { manifest, failures } = await readManifest(file, further)
  if (failures) throw new CommandError(2, failures)
  return manifest
}

/** What this version cannot do, or must not, though the schema lets it pass. */
export const unsupportedFields: FurtherCheck = resource => unsupportedHere(runtimeConfiguration(resource))

/** As loadManifest, for a command that does what the manifest says: it is wrong, too, where this version cannot. */
export async function loadRunnable(file: string): Promise<Manifest & { readonly configuration: RuntimeConfiguration }> {
  const manifest = await loadManifest(file, unsupportedFields)
  return { ...manifest, configuration: runtimeConfiguration(manifest.resource, manifest.folder) }
}

/** As readManifest, for text that is there already; `file` is only named. */
export function parseManifest(file: string, text: string, further?: FurtherCheck): ManifestResult {
  const yaml = parseYaml(text)
  const checked = yaml.value === undefined ? { problems: [] } : checkHealthConsumer(yaml.value)
  const problems = checked.resource ? (further?.(checked.resource) ?? []) : checked.problems
  const failures = [
    ...yaml.problems.map(problem => yamlFailure(file, problem)),
    ...problems.map(problem => problemFailure(problem, file, lineOf(problem, yaml))),
  ]
  if (failures.length > 0 || !checked.resource)
    return { file, failures: failures.sort((a, b) => (a.line ?? lastLine) - (b.line ?? lastLine)) }
  return { file, manifest: { file, resource: checked.resource, folder: dirname(resolve(file)) } }
}

const lastLine = Number.MAX_SAFE_INTEGER
const lineOf = (problem: Problem, yaml: ParsedYaml) =>
  problem.code === 'TOO_MANY_PROBLEMS' ? undefined : yaml.lineOf(problem.path)

/** A problem of a field as the command prints it; without a line it is about the file as a whole. */
export function problemFailure(problem: Problem, file: string, line?: number): Failure {
  const { code, field, value, what, fix } = problem
  return {
    code,
    what: value === undefined ? `${field} ${what}` : `${field}: ${value} ${what}`,
    where: line === undefined ? file : `${file}:${line}`,
    fix,
    file,
    ...(line === undefined ? {} : { line }),
    field,
    ...(value === undefined ? {} : { value }),
  }
}

const yamlFailure = (file: string, { code, line, what, fix }: YamlProblem): Failure => ({
  code,
  what,
  where: `${file}:${line}`,
  fix,
  file,
  line,
})

const fileFailure = (code: FailureCode, file: string, what: string, fix: string): Failure => ({
  code,
  what,
  where: file,
  fix,
  file,
})

/** The bytes of the file, or why there are none. Reads a pipe too, and never more than the limit. */
async function readBounded(file: string): Promise<Buffer | Failure> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of createReadStream(file, { end: mostBytes })) chunks.push(chunk)
  } catch (error) {
    return unreadable(file, (error as NodeJS.ErrnoException).code)
  }
  const bytes = Buffer.concat(chunks)
  if (bytes.length <= mostBytes) return bytes
  return fileFailure(
    'FILE_TOO_LARGE',
    file,
    'the file is larger than 1 MiB',
    'name a file that holds one HealthConsumer',
  )
}

function unreadable(file: string, code = 'unknown error'): Failure {
  if (code === 'ENOENT') return fileFailure('MISSING_FILE', file, 'there is no such file', 'check the path after -f')
  if (code === 'EISDIR')
    return fileFailure('UNREADABLE_FILE', file, 'this is a folder', 'name the file itself, such as healthconsumer.yaml')
  if (code === 'EACCES' || code === 'EPERM')
    return fileFailure('UNREADABLE_FILE', file, 'the file may not be read', 'give yourself permission to read it')
  return fileFailure('UNREADABLE_FILE', file, `the file cannot be read (${code})`, 'check the path and the disk')
}

function notUtf8(file: string, bytes: Buffer): Failure {
  let line = 1
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start)
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) break
    start = end + 1
  }
  const failure = fileFailure('INVALID_UTF8', file, 'the file is not UTF-8 text', 'save it in UTF-8')
  return { ...failure, where: `${file}:${line}`, line }
}
