import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs'

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

// Files of /proc have no size, so `readFileSync` would allocate 64 KB for each; a scan of a host reads hundreds of them.
let buffer = Buffer.allocUnsafe(64 * 1024)

/** The content of a file of /proc as Latin-1; null when it cannot be read. */
function readProcFile(file: string): string | null {
  return nullOnError(() => {
    const descriptor = openSync(file, 'r')
    try {
      let length = 0
      for (;;) {
        length += readSync(descriptor, buffer, length, buffer.length - length, null)
        // The kernel fills the buffer unless the file ends.
        if (length < buffer.length) return buffer.toString('latin1', 0, length)
        buffer = Buffer.concat([buffer], 2 * length)
      }
    } finally {
      closeSync(descriptor)
    }
  })
}

// The name in the second field may contain spaces and brackets: fields 3 onwards follow the last bracket.
function readProcStat(pid: number): ProcStat | null {
  const text = readProcFile(`/proc/${pid}/stat`)
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
  readonly group: number
  readonly startTime: number
}

/** The running processes of this host that /proc shows, by pid. */
export type ProcessTable = ReadonlyMap<number, ProcessRow>

/** Reads the running processes. Zombies are left out: one whose parent never collects it would count without limit. */
export function processTable(): ProcessTable {
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

/** Whether a signal can be sent to a process group: one system call. A group that only zombies are left of still takes it. */
function takesSignals(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch (error) {
    // EPERM: the group exists under another user. Any other error: it does not exist.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether any process of a group is alive. @param table reads the processes, when the group exists */
export function isGroupAlive(group: number, table: () => ProcessTable = processTable): boolean {
  if (!takesSignals(group)) return false
  return hostIdentity() === null || [...table().values()].some((row) => row.group === group)
}

/**
 * The processes whose environment contains a run's id. A process that created a session of its own has left the group, and only
 * its environment still shows which run started it.
 * @param since the start time of the run's command: no process of the run is older, so the environments of those are not read
 */
export function processesOfRun(runId: string, since: number | null = null, table: ProcessTable = processTable()): number[] {
  const marker = `\0PAPERCLIP_RUN_ID=${runId}\0`
  return [...table].flatMap(([pid, { startTime }]) => {
    if (pid === process.pid || startTime < (since ?? 0)) return []
    return `\0${readProcFile(`/proc/${pid}/environ`) ?? ''}`.includes(marker) ? [pid] : []
  })
}
