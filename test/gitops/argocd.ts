/** A real Argo CD beside a test's control plane, started by hack/argocd in a folder of its own, and repositories for it. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
export const root = join(import.meta.dirname, '../..')
const script = join(root, 'hack/argocd')

/** What Argo CD says of an Application, as far as tests ask. */
export interface ApplicationStatus {
  readonly sync: { readonly status: 'Synced' | 'OutOfSync' | 'Unknown'; readonly revisions?: readonly string[] }
  readonly health: { readonly status: string }
  readonly conditions?: readonly { readonly type: string; readonly message: string }[]
  readonly operationState?: {
    readonly phase: string
    readonly message: string
    readonly syncResult?: { readonly revisions?: readonly string[] }
  }
  readonly resources?: readonly { readonly kind: string; readonly name: string; readonly status?: string }[]
}

/** One object that it shows. */
export interface TreeNode {
  readonly kind: string
  readonly name: string
  readonly parentRefs?: readonly { readonly kind: string; readonly name: string }[]
  readonly health?: { readonly status: string; readonly message?: string }
}

export interface ArgoCd {
  /** Argo CD's command. Resolves with what it prints, rejects with what it says. */
  command(...parameters: string[]): Promise<string>
  /** `refresh` has it look at the repositories first: `hard` without anything that it remembers. */
  status(application: string, refresh?: 'normal' | 'hard'): Promise<ApplicationStatus>
  tree(application: string): Promise<readonly TreeNode[]>
  down(): Promise<void>
}

export async function startArgoCd(kubeconfig: string): Promise<ArgoCd> {
  const directory = await mkdtemp(join(tmpdir(), 'argocd-'))
  const argocd = async (action: string, ...rest: string[]) =>
    (await run(script, [action, '--dir', directory, ...rest], { maxBuffer: 64 << 20 })).stdout
  await argocd('up', '--kubeconfig', kubeconfig)
  const server = (await readFile(join(directory, 'server'), 'utf8')).trim()
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${server}/api/v1/applications/${path}`)
    const body = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${body}`)
    return JSON.parse(body)
  }
  return {
    command: (...parameters) => argocd('run', 'argocd', ...parameters),
    async status(application, refresh) {
      const query = refresh ? `?refresh=${refresh}` : ''
      return ((await get(application + query)) as { readonly status: ApplicationStatus }).status
    },
    async tree(application) {
      return ((await get(`${application}/resource-tree`)) as { readonly nodes?: readonly TreeNode[] }).nodes ?? []
    },
    async down() {
      await argocd('down')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export interface Repository {
  readonly url: string
  /** Writes files (undefined removes one) as one commit of `main`. Resolves with its name. */
  commit(files: Readonly<Record<string, string | undefined>>): Promise<string>
  tag(name: string): Promise<void>
}

/** A repository in `directory`, without a commit: the first one takes all that is there. */
export async function createRepository(directory: string): Promise<Repository> {
  const who = ['user.name=test', 'user.email=test@test', 'commit.gpgsign=false'].flatMap(setting => ['-c', setting])
  const git = async (...parameters: string[]) =>
    (await run('git', ['-C', directory, ...who, ...parameters])).stdout.trim()
  const commit: Repository['commit'] = async files => {
    for (const [name, text] of Object.entries(files)) {
      const file = join(directory, name)
      await mkdir(dirname(file), { recursive: true })
      if (text === undefined) await rm(file)
      else await writeFile(file, text)
    }
    await git('add', '--all')
    await git('commit', '--quiet', '--message', Object.keys(files).join(', ') || 'as it is')
    return git('rev-parse', 'HEAD')
  }
  await git('init', '--quiet', '--initial-branch=main')
  return { url: `file://${directory}`, commit, tag: async name => void (await git('tag', name)) }
}
