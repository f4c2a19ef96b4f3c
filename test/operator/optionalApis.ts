/**
 * The custom resources of others that the operator makes where they exist, as their own projects publish them: Go modules,
 * pinned by version and by their checksums, kept in Go's module cache.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { succeeds, until } from '../until.ts'
import type { TestCluster } from './cluster.ts'

const run = promisify(execFile)

const apis = {
  /** The Prometheus Operator. */
  monitoring: {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    folder: 'example/prometheus-operator-crd',
    group: 'monitoring.coreos.com',
    plurals: ['servicemonitors', 'prometheusrules'],
  },
  keda: {
    module: 'github.com/kedacore/keda/v2@v2.17.2',
    sum: 'h1:xlrcK5TKABJF9PebK79sgL07s/csGjL3H4m72OkZXxk=',
    folder: 'config/crd/bases',
    group: 'keda.sh',
    plurals: ['scaledobjects', 'triggerauthentications'],
  },
} as const

export type OptionalApi = keyof typeof apis

/** Files of the definitions. Downloads them once. */
export async function definitionsOf(api: OptionalApi): Promise<readonly string[]> {
  const { module, sum, folder, group, plurals } = apis[api]
  // Outside of any module, and with what is downloaded checked against the sum above.
  const { stdout } = await run('go', ['mod', 'download', '-json', module], { cwd: '/' })
  const { Dir, Sum } = JSON.parse(stdout) as { Dir: string; Sum: string }
  if (Sum !== sum) throw new Error(`${module} has the checksum ${Sum}, not ${sum}`)
  return plurals.map(plural => join(Dir, folder, `${group}_${plural}.yaml`))
}

/** Resolves when objects of the API can be stored. */
export async function installApi(cluster: Pick<TestCluster, 'kubectl'>, api: OptionalApi): Promise<void> {
  const files = (await definitionsOf(api)).flatMap(file => ['-f', file])
  await cluster.kubectl('apply', '--server-side', ...files)
  const { group, plurals } = apis[api]
  const names = plurals.map(plural => `crd/${plural}.${group}`)
  // kubectl fails at once where there is no condition yet.
  const areEstablished = () => succeeds(cluster.kubectl('wait', '--for=condition=Established', ...names))
  await until(`the API ${group} is established`, areEstablished)
}
