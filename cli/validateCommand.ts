/**
 * `healthconsumer validate`: checks manifests as the API server and the operator would, every problem at once. It reads
 * files and contacts nothing.
 */
import type { Command } from 'commander'
import { failureLine } from './errors.ts'
import { type CommandIo, type OutputFormat, outputOption, required } from './io.ts'
import { type ManifestResult, readManifest, unsupportedFields } from './manifest.ts'

interface ValidateOptions {
  readonly file?: readonly string[]
  readonly output: OutputFormat
}

export function register(program: Command, io: CommandIo): void {
  program
    .command('validate')
    .summary('check manifests: every problem at once')
    .description('Checks manifests as the API server and the operator would, and says every problem at once.')
    .option('-f, --file <file...>', 'files with one HealthConsumer each, in YAML or JSON')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  healthconsumer validate -f examples/quickstart.yaml')
    .action(async (options: ValidateOptions, command: Command) => {
      const files = required(options.file, '-f FILE', command)
      const results: ManifestResult[] = []
      for (const file of files) results.push(await readManifest(file, unsupportedFields))
      if (results.some(result => result.failures)) io.exitCode = 2
      if (options.output === 'json') io.out(`${JSON.stringify({ files: results.map(fileReport) })}\n`)
      else for (const result of results) print(result, io)
    })
}

const identity = ({ metadata }: NonNullable<ManifestResult['manifest']>['resource']) => ({
  namespace: metadata.namespace ?? 'default',
  name: metadata.name,
})

function fileReport({ file, manifest, failures }: ManifestResult) {
  return failures ? { file, valid: false, problems: failures } : { file, valid: true, ...identity(manifest.resource) }
}

function print({ file, manifest, failures }: ManifestResult, io: CommandIo): void {
  for (const failure of failures ?? []) io.err(`${failureLine(failure)}\n`)
  if (!manifest) return
  const { namespace, name } = identity(manifest.resource)
  io.out(`${file}: HealthConsumer ${namespace}/${name} is valid\n`)
}
