import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/**
 * Identifies one process among all that have or had its pid. Pids are reused, but a pid together with its start time is not.
 * Both are valid only within one boot of one host and one pid namespace.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks between the boot of the host and the start of the process; null where /proc does not show it. */
  readonly startTime: number | null
  /** The boot and the pid namespace that `pid` belongs to; null where /proc does not show them. */
  readonly host: string | null
}

interface ProcStat {
  readonly state: string
  readonly parent: number
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

// The name in the second field may contain spaces and brackets: fields 3 onwards follow the last bracket.
function readProcStat(pid: number): ProcStat | null {
  const text = nullOnError(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (text === null) return null
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', parent: Number(fields[1]), group: Number(fields[2]), startTime: Number(fields[19]) }
}

let host: string | null | undefined

/** Identifies this boot of this host and the pid namespace of this server; null where /proc does not show them. */
function hostIdentity(): string | null {
  host ??= nullOnError(() => `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${readlinkSync('/proc/self/ns/pid')}`)
  return host
}

/** The identity of a process that exists now; start time and host are null where /proc does not show them. */
export const processIdentity = (pid: number): ProcessIdentity => ({
  pid,
  startTime: readProcStat(pid)?.startTime ?? null,
  host: hostIdentity(),
})

/**
 * `same`: the process still exists. `gone`: no process has its pid. `stranger`: another process has its pid. `elsewhere`: the
 * identity belongs to another boot, host or pid namespace, or /proc does not show it.
 */
export type ProcessMatch = 'same' | 'gone' | 'stranger' | 'elsewhere'

/** Compares a recorded identity with the process that has its pid now. */
export function matchProcess(identity: ProcessIdentity): ProcessMatch {
  if (identity.host === null || identity.startTime === null || identity.host !== hostIdentity()) return 'elsewhere'
  const stat = readProcStat(identity.pid)
  if (stat === null) return 'gone'
  return stat.startTime === identity.startTime ? 'same' : 'stranger'
}

const listPids = (): number[] => (nullOnError(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name)).map(Number)

/** A running process in the table of all. */
export interface ProcessRow {
  readonly parent: number
  readonly startTime: number
}

/** Every running process of this host that /proc shows, by pid. */
export function processTable(): ReadonlyMap<number, ProcessRow> {
  const rows = listPids().flatMap((pid): [number, ProcessRow][] => {
    const stat = readProcStat(pid)
    return stat === null || stat.state === 'Z' || stat.state === 'X' ? [] : [[pid, stat]]
  })
  return new Map(rows)
}

/** The processes that descend from one, without itself. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const each of listPids()) {
    const parent = readProcStat(each)?.parent
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), each])
  }
  const found = [...(children.get(pid) ?? [])]
  // The list grows while it is read: the children of the children follow them.
  for (const each of found) found.push(...(children.get(each) ?? []))
  return found
}

/** The running processes of a group. Zombies are left out: one whose parent never reaps it would count without limit. */
const membersOf = (group: number): number[] =>
  listPids().filter((pid) => {
    const stat = readProcStat(pid)
    return stat !== null && stat.group === group && stat.state !== 'Z' && stat.state !== 'X'
  })

/** Whether any process of a group is alive. Costs one system call when none is. */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch (error) {
    // EPERM: the group exists under another user. Any other error: it does not exist.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return hostIdentity() === null || membersOf(group).length > 0
}

/**
 * The processes whose environment contains a run's id. A process that created a session of its own has left the group, and only
 * its environment still shows which run started it. This reads the environment of every process of this user, so it is used
 * for runs that are stopped, not at every end.
 */
export function processesOfRun(runId: string): number[] {
  const marker = `\0PAPERCLIP_RUN_ID=${runId}\0`
  return listPids().filter((pid) => {
    if (pid === process.pid) return false
    const environment = nullOnError(() => readFileSync(`/proc/${pid}/environ`, 'latin1'))
    return environment !== null && `\0${environment}`.includes(marker)
  })
}
