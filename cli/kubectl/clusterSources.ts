/**
 * Names for completion, from the cluster and the kubeconfig that the words so far choose. Who may not list them, or cannot
 * reach the cluster at once, gets none; it never says why.
 */
import type { Command } from 'commander'
import type { GivenOptions, Sources } from '../completion/complete.ts'
import { type ClusterFlags, kubectlOf } from './kubectl.ts'

/** Somebody waits at a prompt. */
const patience = '--request-timeout=3s'

export function clusterSources(program: Command): Sources {
  const lines = async (given: GivenOptions, ...args: readonly string[]): Promise<readonly string[]> => {
    const kubectl = kubectlOf(given satisfies ClusterFlags, program)
    const text = await kubectl.text(...args).catch(() => '')
    return text.split('\n').filter(line => line !== '')
  }
  const objects = (kinds: string) => async (given: GivenOptions) =>
    (await lines(given, 'get', kinds, '-o', 'name', patience)).map(line => ({ value: line.replace(/^.*\//, '') }))
  return {
    name: objects('healthconsumers'),
    namespace: objects('namespaces'),
    context: async given => (await lines(given, 'config', 'get-contexts', '-o', 'name')).map(value => ({ value })),
  }
}
