/** What of a machine a cluster with a node could change, to be compared before and after. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, readlinkSync } from 'node:fs'

const settings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'net/ipv4/ip_forward',
]
/** Folders that containerd, the kubelet and network plugins use where nobody tells them otherwise. */
const folders = [
  ...['/run/containerd', '/run/netns', '/run/xtables.lock', '/var/lib/containerd', '/var/lib/kubelet', '/var/lib/cni'],
  ...['/var/log/pods', '/var/log/containers', '/opt/containerd', '/opt/cni', '/etc/cni', '/usr/libexec/kubernetes'],
]

/** Of everything but control groups and processes, which others use at the same time. */
export const machineState = () => ({
  mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').sort(),
  links: execFileSync('ip', ['-oneline', 'link'], { encoding: 'utf8' }),
  rules: execFileSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' }),
  settings: settings.map(name => [name, readFileSync(`/proc/sys/${name}`, 'utf8')]),
  folders: globSync(folders),
})

const linkOf = (path: string) => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // it ended, or is the kernel's own
  }
}

/** The PID namespace of a process. */
export const namespaceOf = (pid: number | string) => linkOf(`/proc/${pid}/ns/pid`)

export const processesIn = (namespace: string | undefined) =>
  globSync('/proc/[0-9]*').filter(folder => linkOf(`${folder}/ns/pid`) === namespace)

/** In every hierarchy. */
export const controlGroups = (name: string) => globSync(`/sys/fs/cgroup/**/${name}`)
