import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/**
 * One process, told apart from every other that has or had its number: pids are reused, a pid with its start time is
 * not, and both mean something only under one boot of one host and in one pid namespace.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks between the boot of the host and the start of the process; null where /proc does not tell. */
  readonly startTime: number | null
  /** The boot and the pid namespace that `pid` belongs to; null where /proc does not tell. */
  readonly host: string | null
}

interface ProcStat {
  readonly state: string
  readonly group: number
  readonly startTime: number
}

function nullOnError<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

// The name in the second field may hold spaces and brackets: what follows the last bracket is fields 3 onwards.
function readProcStat(pid: number): ProcStat | null {
  const text = nullOnError(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (text === null) return null
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', group: Number(fields[2]), startTime: Number(fields[19]) }
}

let host: string | null | undefined

/** Names this boot of this host and the pid namespace that this server sees; null where /proc does not tell. */
function hostIdentity(): string | null {
  host ??= nullOnError(() => `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${readlinkSync('/proc/self/ns/pid')}`)
  return host
}

/** The identity of a process that exists now; start time and host are null where /proc does not tell. */
export const processIdentity = (pid: number): ProcessIdentity => ({
  pid,
  startTime: readProcStat(pid)?.startTime ?? null,
  host: hostIdentity(),
})

/** Whether a process is that very one and still there. */
export type ProcessMatch = 'same' | 'gone' | 'stranger' | 'elsewhere'

export function matchProcess(identity: ProcessIdentity): ProcessMatch {
  if (identity.host === null || identity.startTime === null || identity.host !== hostIdentity()) return 'elsewhere'
  const stat = readProcStat(identity.pid)
  if (stat === null) return 'gone'
  return stat.startTime === identity.startTime ? 'same' : 'stranger'
}

const listPids = (): number[] => (nullOnError(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name)).map(Number)

/** The processes of a group that still do something: a zombie that nobody reaps would otherwise live for ever. */
const membersOf = (group: number): number[] =>
  listPids().filter((pid) => {
    const stat = readProcStat(pid)
    return stat !== null && stat.group === group && stat.state !== 'Z' && stat.state !== 'X'
  })

/** Whether anything of a group lives. Costs one system call when nothing does. */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch (error) {
    // EPERM: it is there, under another user. Everything else: it is not.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return hostIdentity() === null || membersOf(group).length > 0
}

/**
 * Processes that carry a run's id in their environment, wherever they moved: one that made itself a session of its own
 * has left the group, and its environment is all that still says whose it is. Reads the environment of every process
 * of this user, so it is for runs that are ended by force, not for every end.
 */
export function processesOfRun(runId: string): number[] {
  const marker = `\0PAPERCLIP_RUN_ID=${runId}\0`
  return listPids().filter((pid) => {
    if (pid === process.pid) return false
    const environment = nullOnError(() => readFileSync(`/proc/${pid}/environ`, 'latin1'))
    return environment !== null && `\0${environment}`.includes(marker)
  })
}
