/** What each generated file of the tree holds. It reads the examples and the chart, and writes nothing in the tree. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '../../cli/program.ts'
import { crdYaml } from '../../crds/customResourceDefinition.ts'
import { apiReference } from './apiReference.ts'
import { argocdConfigMap } from './argocdConfigMap.ts'
import { chart, chartFiles, withChart } from './renderedChart.ts'

const root = join(import.meta.dirname, '../..')

/** Examples whose children are kept as they were rendered. */
export const renderedExamples = ['minimal', 'everything', 'keda', 'sasl-tls', 'filesystem', 'paused'] as const

/** Text of each file, by its path from the root. */
export async function generatedFiles(): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {
    'crds/healthconsumers.yaml': `# Written by hack/generate from the schema in crds/healthconsumer.ts: change it there.\n${crdYaml()}`,
    'docs/api.md': apiReference(),
    'test/golden/alerts.standalone.yaml': await printed('generate', 'alerts'),
    'test/golden/alerts.scoped.yaml': await printed('generate', 'alerts', '--consumer', 'health/steps'),
    'test/golden/dashboard.json': await printed('generate', 'dashboard'),
  }
  // The image of a release has its version in it, which is no reason for another file.
  for (const name of renderedExamples)
    files[`test/golden/render/${name}.yaml`] = await printed(
      ...['render', '-f', join(root, `examples/${name}.yaml`), '--image', 'healthconsumer:golden'],
    )
  files['charts/argocd/argocd-cm.yaml'] = argocdConfigMap(root)
  for (const [name, text] of Object.entries(await chartFiles(root))) files[`${chart}/${name}`] = text
  await withChart(root, async ({ render, kustomizeBase }) => {
    Object.assign(files, await kustomizeBase())
    for (const values of globSync('test/golden/chart/*.values.yaml', { cwd: root }).sort())
      files[values.replace('.values.yaml', '.yaml')] = await render(join(root, values))
  })
  return files
}

/** What the command prints. */
async function printed(...args: string[]): Promise<string> {
  const out: string[] = []
  const err: string[] = []
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), exitCode: 0 as const }
  if ((await runProgram(args, io)) !== 0) throw new Error(`healthconsumer ${args.join(' ')}: ${err.join('')}`)
  return out.join('')
}
