/**
 * The chart with its generated files, and what Helm makes of it: for given values, and as a kustomize base. It runs Helm on
 * a copy of the chart, so that one generation is enough.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crdYaml } from '../../crds/customResourceDefinition.ts'
import { chartReadme } from './chartReadme.ts'
import { operatorDashboard } from './operatorDashboard.ts'

const run = promisify(execFile)
export const chart = 'charts/healthconsumer-operator'
export const namespace = 'healthconsumer-system'
const base = 'charts/kustomize/base'

/** Files of the chart that are generated, by their path in it. `root` is the tree. */
export async function chartFiles(root: string): Promise<Readonly<Record<string, string>>> {
  return {
    'templates/crd.yaml': crdTemplate(),
    'files/dashboard.json': `${JSON.stringify(operatorDashboard(), null, 2)}\n`,
    'README.md': chartReadme(await readFile(join(root, chart, 'values.yaml'), 'utf8')),
  }
}

/** The definition with what values decide: whether it is there, stays, and is annotated. */
function crdTemplate(): string {
  const crd = crdYaml()
  if (crd.includes('{{')) throw new Error('the definition has {{ in it, which Helm would take for its own')
  const name = '  name: healthconsumers.healthdata.dev\n'
  const [before, after] = crd.split(name)
  if (after === undefined) throw new Error(`the definition has no line "${name.trim()}"`)
  return `{{- /* Written by hack/generate from crds/healthconsumer.ts: change it there. */}}
{{- if .Values.crds.enabled }}
${before}${name}  labels:
    {{- include "healthconsumer-operator.labels" . | nindent 4 }}
  {{- with merge (.Values.crds.keep | ternary (dict "helm.sh/resource-policy" "keep") (dict)) (.Values.crds.annotations | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
${after}{{- end }}
`
}

export interface Rendering {
  /** What Helm prints for the values in a file, without the definition, which is crds/healthconsumers.yaml. */
  render(valuesFile: string): Promise<string>
  /** The kustomize base: its files by their path from the root. */
  kustomizeBase(): Promise<Readonly<Record<string, string>>>
}

/** Calls `use` while a copy of the chart is there. */
export async function withChart<T>(root: string, use: (rendering: Rendering) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'chart-'))
  try {
    await cp(join(root, chart), folder, { recursive: true })
    for (const [name, text] of Object.entries(await chartFiles(root))) await writeFile(join(folder, name), text)
    const template = async (...options: string[]) => {
      const helm = ['template', 'healthconsumer-operator', folder, '--namespace', namespace, '--skip-tests', ...options]
      return (await run(join(root, 'hack/helm'), helm, { maxBuffer: 16 << 20 })).stdout
    }
    return await use({
      render: async valuesFile =>
        documents(await template('--values', valuesFile))
          .map(each => `---\n${each}`)
          .join(''),
      async kustomizeBase() {
        const operator = documents(await template()).map(withoutHelm)
        return {
          [`${base}/kustomization.yaml`]: kustomization,
          [`${base}/namespace.yaml`]: namespaceManifest,
          [`${base}/crd.yaml`]: `${header}${crdYaml()}`,
          [`${base}/operator.yaml`]: `${header}${operator.join('---\n')}`,
        }
      },
    })
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Of a rendering, but for the definition. */
const documents = (text: string): readonly string[] =>
  text.split(/^---\n/m).filter(each => each.trim() !== '' && !each.includes('templates/crd.yaml'))

/** Nobody but Helm has a release. */
const withoutHelm = (document: string): string =>
  document
    .replace(/^# Source: .*\n/, '')
    .replaceAll(/^ +(?:app\.kubernetes\.io\/managed-by|helm\.sh\/chart): .*\n/gm, '')

const header = '# Written by hack/generate from the chart and its default values: change it there.\n'

const kustomization = `${header}apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - namespace.yaml
  - crd.yaml
  - operator.yaml
`

const namespaceManifest = `${header}apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`
