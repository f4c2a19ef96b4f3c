/**
 * Remembers on disk under which member id this process is in its group, so that the next process in the same place can
 * take a killed one out of the group at once instead of waiting for its session timeout. One file a process and group,
 * in a folder that outlives the process. A record only counts as dead when its process provably is: same host, and
 * either no such process id or one that started at another time. It never talks to Kafka.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

export interface MemberRecords {
  /** Member ids of dead processes of this group. */
  dead(): Promise<readonly string[]>
  /** On disk when it returns: called before the group learns of the member. */
  joined(memberId: string): void
  /** Removes the records of these members. */
  left(memberIds: readonly string[]): Promise<void>
}

interface MemberRecord {
  readonly groupId: string
  readonly memberId: string
  readonly host: string
  readonly pid: number
  /** Which start of which process with that id: process ids return. */
  readonly startedAt: string
}

/** `directory` is created. Unreadable files in it are ignored. */
export function createMemberRecords(directory: string, groupId: string): MemberRecords {
  mkdirSync(directory, { recursive: true })
  const prefix = `member.${encodeURIComponent(groupId)}.`
  const own = join(directory, `${prefix}${process.pid}.json`)

  async function read(): Promise<(MemberRecord & { path: string })[]> {
    const names = (await readdir(directory)).filter(name => name.startsWith(prefix) && name.endsWith('.json'))
    const records = await Promise.all(names.map(name => readRecord(join(directory, name))))
    return records.filter(record => record?.groupId === groupId).map(record => record!)
  }

  return {
    async dead() {
      return (await read()).filter(isDead).map(({ memberId }) => memberId)
    },
    joined(memberId) {
      const { pid } = process
      const record: MemberRecord = { groupId, memberId, host: hostname(), pid, startedAt: startOf(pid) ?? '' }
      writeFileSync(`${own}.new`, JSON.stringify(record))
      renameSync(`${own}.new`, own)
    },
    async left(memberIds) {
      for (const { path, memberId } of await read()) if (memberIds.includes(memberId)) rmSync(path, { force: true })
    },
  }
}

async function readRecord(path: string): Promise<(MemberRecord & { path: string }) | undefined> {
  try {
    return { ...JSON.parse(await readFile(path, 'utf8')), path }
  } catch {
    return undefined
  }
}

function isDead({ host, pid, startedAt }: MemberRecord): boolean {
  if (host !== hostname()) return false
  const started = startOf(pid)
  return started === undefined ? !exists(pid) : started !== startedAt
}

/** Boot and start time in clock ticks since it (proc(5), field 22 of `stat`); undefined without such a process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    // The second field is the command's name in parentheses, and may hold blanks and parentheses itself.
    return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return undefined
  }
}

/** Where there is no /proc. A process of another user exists too. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
