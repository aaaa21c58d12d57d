import { setTimeout as sleep } from 'node:timers/promises'
import { descendantsOf, isGroupAlive, matchProcess, processesOfRun, processTable } from './processIdentity.ts'
import type { ProcessIdentity, ProcessTable } from './processIdentity.ts'

/** All processes that one run started on this host. */
export interface ProcessTree {
  /** The process group of the run's command, or null when it is not known any more. */
  readonly group: number | null
  /** Also finds escaped processes, which left the group, by this run's id in their environment; null finds the group only. */
  readonly runId: string | null
  /** The start time of the run's command, in clock ticks; null when it is not known. No process of the run is older. */
  readonly startTime: number | null
  /** The group's first process is the outside of a namespace: it ends last, and every process of the run descends from it. */
  readonly isSealed?: boolean | undefined
  /** Finds further processes of the run: those that were seen while their parents lived. */
  readonly strays?: ((table: ProcessTable) => readonly number[]) | undefined
}

/** How often an ending tree is polled: at once in the common case, less often the longer it takes. */
const FIRST_POLL_MS = 5
const MAX_POLL_MS = 200
/** A process cannot ignore SIGKILL, but one in an uninterruptible system call ends only when the call returns. */
const KILL_TIMEOUT_MS = 2_000
/** The rest of a namespace ends with its first process; the kernel takes milliseconds for it. */
const SEALED_END_MS = 1_000

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has ended already.
  }
}

const escapedProcesses = ({ runId, startTime, strays }: ProcessTree, table: ProcessTable): number[] => [
  ...new Set([...(runId === null ? [] : processesOfRun(runId, startTime, table)), ...(strays?.(table) ?? [])]),
]

/** Whether the tree has a process that can be seen now. The processes of the host are read once at most. */
function isVisible(tree: ProcessTree): boolean {
  let read: ProcessTable | undefined
  const table = (): ProcessTable => (read ??= processTable())
  if (tree.group !== null && isGroupAlive(tree.group, table)) return true
  return (tree.runId !== null || tree.strays !== undefined) && escapedProcesses(tree, table()).length > 0
}

/** Whether any process of the tree is alive. A process shows no environment during `exec`, so an empty result is checked twice. */
async function isTreeAlive(tree: ProcessTree): Promise<boolean> {
  if (isVisible(tree)) return true
  if (tree.runId === null) return false
  await sleep(FIRST_POLL_MS)
  return isVisible(tree)
}

/**
 * Asks the processes of a namespace to end. Its outside is left out, because its end would kill the others at once; so is the
 * first process inside, which the kernel keeps from signals that it does not handle.
 */
function requestEnd(tree: ProcessTree): void {
  const signals = ['SIGTERM', 'SIGCONT'] as const
  if (tree.isSealed !== true || tree.group === null) return signalAll(tree, signals)
  for (const pid of descendantsOf(tree.group)) for (const signal of signals) send(pid, signal)
}

function signalAll(tree: ProcessTree, signals: readonly NodeJS.Signals[]): void {
  // The group first: a process that leaves it between the two reads is still found by its environment.
  const targets = [...(tree.group === null ? [] : [-tree.group]), ...escapedProcesses(tree, processTable())]
  for (const target of targets) for (const signal of signals) send(target, signal)
}

async function hasExitedWithin(tree: ProcessTree, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  for (let pollMs = FIRST_POLL_MS; await isTreeAlive(tree); pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS)) {
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(pollMs, left))
  }
  return true
}

/**
 * Ends a process tree: SIGTERM to every process, a grace period, SIGKILL to every process. Resolves soon after the last one ends.
 * @param graceMs how long processes may take to end after SIGTERM, in milliseconds
 * @param onSignal is called with each signal that is sent
 * @returns whether every process has ended
 */
export async function killTree(
  tree: ProcessTree,
  graceMs: number,
  onSignal: (signal: 'SIGTERM' | 'SIGKILL') => void = () => {},
): Promise<boolean> {
  if (!(await isTreeAlive(tree))) return true
  const endsByItself = tree.isSealed === true && tree.runId === null
  if (endsByItself && (await hasExitedWithin(tree, SEALED_END_MS))) return true
  onSignal('SIGTERM')
  // A stopped process takes no signal but SIGKILL until it is continued.
  requestEnd(tree)
  if (await hasExitedWithin(tree, graceMs)) return true
  onSignal('SIGKILL')
  signalAll(tree, ['SIGKILL'])
  return await hasExitedWithin(tree, KILL_TIMEOUT_MS)
}

/** The result for an orphan: no signal was sent to a `stranger` or `elsewhere`; `survived` did not end after SIGKILL. */
export type OrphanOutcome = 'ended' | 'survived' | 'gone' | 'stranger' | 'elsewhere'

/**
 * Ends the processes of a run whose server has crashed. The group is signalled only when its leader is still the process that
 * was started: pid and start time match, under the same boot and pid namespace. Every process with the run's id in its
 * environment is ended too, even when the leader has ended, because that id belongs to this run only.
 * @param graceMs between SIGTERM and SIGKILL, in milliseconds
 */
export async function killOrphan(identity: ProcessIdentity, runId: string, graceMs: number): Promise<OrphanOutcome> {
  const match = matchProcess(identity)
  if (match === 'elsewhere') return 'elsewhere'
  const tree: ProcessTree = {
    group: match === 'same' ? identity.pid : null,
    runId,
    startTime: identity.startTime,
  }
  if (!(await isTreeAlive(tree))) return match === 'same' ? 'gone' : match
  return (await killTree(tree, graceMs)) ? 'ended' : 'survived'
}
