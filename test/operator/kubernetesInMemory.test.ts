import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import { kinds } from './kinds.ts'
import { kubernetesContract } from './kubernetesContract.ts'

const kubernetes = new InMemoryKubernetes(Object.values(kinds))
kubernetesContract(() => ({ kubernetes, namespace: 'contract', forget: () => kubernetes.compact() }))
