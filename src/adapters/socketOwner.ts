// Finds out whether the process that has a socket belongs to a run, where runs share the account of the server.

import cluster from 'node:cluster'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSharedRead } from '../platform/kernel/sharedRead.ts'

/** A run that is live on this host. */
export interface RunProcess {
  readonly runId: string
  /** The leader of its process group; null before it has started. */
  readonly pid: number | null
}

/** Whose process has a socket: one of a run (null when the run is not known), another process, or none that can be seen. */
export type SocketOwner =
  | { readonly kind: 'run'; readonly runId: string | null }
  | { readonly kind: 'other' }
  | { readonly kind: 'unknown' }

/** How long the event loop is taken by the search before other work gets its turn. */
const MAX_SLICE_MS = 5
/** A chain of parents on a machine that works is far shorter. */
const MAX_ANCESTORS = 256

const UNKNOWN: SocketOwner = { kind: 'unknown' }

function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    // The process has ended, or belongs to an account that this server may not look into.
    return null
  }
}

const SOCKET = /^socket:\[(\d+)\]$/

/** The sockets that a process has open, by inode. */
function socketsOf(pid: string): number[] {
  const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []
  return descriptors.flatMap((descriptor) => {
    const inode = SOCKET.exec(attempt(() => readlinkSync(`/proc/${pid}/fd/${descriptor}`)) ?? '')?.[1]
    return inode === undefined ? [] : [Number(inode)]
  })
}

/** The processes that have each socket of this machine open, as far as this account may look. */
async function readSocketHolders(): Promise<ReadonlyMap<number, readonly number[]>> {
  const holders = new Map<number, number[]>()
  let sliceStartedAt = performance.now()
  for (const pid of attempt(() => readdirSync('/proc')) ?? []) {
    if (!/^\d+$/.test(pid)) continue
    for (const inode of socketsOf(pid)) {
      const pids = holders.get(inode)
      if (pids === undefined) holders.set(inode, [Number(pid)])
      else pids.push(Number(pid))
    }
    if (performance.now() - sliceStartedAt < MAX_SLICE_MS) continue
    await nextTurn()
    sliceStartedAt = performance.now()
  }
  return holders
}

const socketHolders = createSharedRead(readSocketHolders)

/**
 * Finds the owner of a socket of this machine. A socket that several processes have belongs to a run when one of them does.
 * @param inode of the socket
 * @param runs the live runs of this server
 */
export async function ownerOfSocket(inode: number, runs: readonly RunProcess[]): Promise<SocketOwner> {
  const pids = (await socketHolders()).get(inode) ?? []
  const owners = pids.map((pid) => ownerOfProcess(pid, runs))
  return (
    owners.find(({ kind }) => kind === 'run') ??
    (owners.length === 0 ? UNKNOWN : (owners.find(({ kind }) => kind === 'unknown') ?? { kind: 'other' }))
  )
}

/** The process whose descendants are runs, where they are nothing else: this one, and the one that started it as a worker with the others. */
const isServer = (pid: number): boolean => pid === process.pid || (cluster.isWorker && pid === process.ppid)

const MARKER = /(?:^|\0)PAPERCLIP_RUN_ID=([^\0]*)/

/** Whether a process belongs to a run: by its environment, its control group, its group or session, its parents, its namespace. */
function ownerOfProcess(pid: number, runs: readonly RunProcess[]): SocketOwner {
  if (pid === process.pid) return { kind: 'other' }
  const stat = readStat(pid)
  const namespace = attempt(() => readlinkSync(`/proc/${pid}/ns/pid`))
  if (stat === null || namespace === null) return UNKNOWN
  const runId = markedRun(pid, runs) ?? runOfTree(pid, stat, runs)
  if (runId !== undefined) return { kind: 'run', runId }
  return namespace === attempt(() => readlinkSync('/proc/self/ns/pid')) ? { kind: 'other' } : { kind: 'run', runId: null }
}

/** The run that a process names in its environment or is kept in by a control group; undefined when there is none. */
function markedRun(pid: number, runs: readonly RunProcess[]): string | null | undefined {
  const environment = attempt(() => readFileSync(`/proc/${pid}/environ`, 'latin1')) ?? ''
  const cgroup = attempt(() => readFileSync(`/proc/${pid}/cgroup`, 'latin1')) ?? ''
  const marker = MARKER.exec(environment)?.[1]
  const run = runs.find(({ runId }) => runId === marker || cgroup.includes(runId))
  if (run !== undefined) return run.runId
  // A run of another server, or one that has ended. A server that itself was started by a run shares its marker with its users.
  return marker === undefined || marker === '' || marker === process.env['PAPERCLIP_RUN_ID'] ? undefined : null
}

interface Stat {
  readonly parent: number
  readonly group: number
  readonly session: number
}

// The name in the second field may contain spaces and brackets: fields 3 onwards follow the last bracket.
function readStat(pid: number): Stat | null {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (text === null) return null
  const [, parent, group, session] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { parent: Number(parent), group: Number(group), session: Number(session) }
}

/** The run whose leader a process descends from, or whose group or session it is in; null for another descendant of this server. */
function runOfTree(pid: number, stat: Stat, runs: readonly RunProcess[]): string | null | undefined {
  const runOf = (...ids: readonly number[]): string | undefined => runs.find((run) => run.pid !== null && ids.includes(run.pid))?.runId
  let current: Stat | null = stat
  let at = pid
  for (let step = 0; current !== null && step < MAX_ANCESTORS; step += 1) {
    const runId = runOf(at, current.group, current.session)
    if (runId !== undefined) return runId
    if (isServer(current.parent)) return null
    at = current.parent
    current = at > 1 ? readStat(at) : null
  }
  return undefined
}
