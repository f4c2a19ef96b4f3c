/**
 * `healthconsumer render`: what the operator would apply for a manifest, without a cluster. It assumes that every
 * optional API exists, and leaves out owners and digests of Secrets, which only a cluster knows.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { dump } from 'js-yaml'
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import { clusterProblems } from '../operator/clusterProblems.ts'
import type { ChildDefaults } from '../operator/config.ts'
import { desiredChildren } from '../operator/desired/index.ts'
import { replicasOf } from '../operator/desired/scaling.ts'
import { packageVersion } from '../runtime/version.ts'
import { failureLine } from './errors.ts'
import { type CommandIo, required } from './io.ts'
import { loadManifest, problemFailure, unsupportedFields } from './manifest.ts'

interface Flags extends ChildDefaults {
  readonly file?: string
  readonly output: 'yaml' | 'json'
}

export function register(program: Command, io: CommandIo): void {
  program
    .command('render')
    .summary('what the operator would apply')
    .description(
      'Prints the objects that the operator makes of a HealthConsumer, in the order in which it applies them. The same\n' +
        'manifest gives the same bytes, so that a change can be read as a diff before it is made. What the operator would\n' +
        'refuse until it is corrected is a warning.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--image <image>', 'runtime image of manifests that name none', `healthconsumer:${packageVersion()}`)
    .addOption(
      new Option('--image-pull-policy <policy>', 'for manifests that name none').choices([
        'Always',
        'IfNotPresent',
        'Never',
      ]),
    )
    .option('--runbook-base-url <url>', 'address of a folder of runbooks, for manifests that name none', webAddress)
    .addOption(new Option('-o, --output <format>', 'documents, or one List').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', '\nExample:\n  healthconsumer render -f examples/minimal.yaml')
    .action((flags: Flags, command: Command) => render(flags, command, io))
}

async function render({ file, output, ...defaults }: Flags, command: Command, io: CommandIo): Promise<void> {
  const { resource, file: name } = await loadManifest(required(file, '-f FILE', command))
  warn(resource, name, io)
  const children = desiredChildren({ resource, defaults, replicas: replicasOf(resource) })
  io.out(
    output === 'json'
      ? `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: children }, null, 2)}\n`
      : children.map(child => `---\n${dump(child, { lineWidth: -1, noRefs: true })}`).join(''),
  )
}

/** What the operator would answer with a condition, and apply nothing. */
function warn(resource: HealthConsumer, file: string, io: CommandIo): void {
  const problems = [...unsupportedFields(resource), ...clusterProblems(resource)]
  for (const problem of problems) io.err(`${failureLine(problemFailure(problem, file), 'warning')}\n`)
}

function webAddress(text: string): string {
  if (!/^https?:\/\/[^\s@/]+(\/[^\s@]*)?$/.test(text))
    throw new InvalidArgumentError('It must be an address such as https://host/path, without user or password.')
  return text
}
