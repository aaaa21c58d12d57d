import { setTimeout as sleep } from 'node:timers/promises'
import { isGroupAlive, processesOfRun, matchProcess } from './processIdentity.ts'
import type { ProcessIdentity } from './processIdentity.ts'

/** Everything one run started on this host. */
export interface ProcessTree {
  /** The process group of the run's command, or null when it cannot be told any more. */
  readonly group: number | null
  /** Also find processes that left the group, by this run's id in their environment. */
  readonly runId: string | null
}

/** How often an ending family is looked at: at once in the common case, rarely in the long one. */
const FIRST_POLL_MS = 5
const MAX_POLL_MS = 200
/** SIGKILL is not refused, but a process in an uninterruptible call dies only when the call returns. */
const KILL_TIMEOUT_MS = 2_000

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone, which is what was wanted.
  }
}

const escapedProcesses = ({ runId }: ProcessTree): number[] => (runId === null ? [] : processesOfRun(runId))

const isVisible = (tree: ProcessTree): boolean => (tree.group !== null && isGroupAlive(tree.group)) || escapedProcesses(tree).length > 0

/** Whether anything of it lives. A process shows no environment while it becomes another program: it is looked for twice. */
async function isTreeAlive(tree: ProcessTree): Promise<boolean> {
  if (isVisible(tree)) return true
  if (tree.runId === null) return false
  await sleep(FIRST_POLL_MS)
  return isVisible(tree)
}

function signalAll(tree: ProcessTree, signals: readonly NodeJS.Signals[]): void {
  // Group first: what leaves it between the two is still found by its environment.
  const targets = [...(tree.group === null ? [] : [-tree.group]), ...escapedProcesses(tree)]
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
 * Ends a family: SIGTERM to all of it, a grace, SIGKILL to all of it. Returns soon when nothing lives any more.
 * @param graceMs how long what was asked to end may take, in milliseconds
 * @param onSignal is called with each signal that is sent
 * @returns whether nothing of it is left
 */
export async function killTree(
  tree: ProcessTree,
  graceMs: number,
  onSignal: (signal: 'SIGTERM' | 'SIGKILL') => void = () => {},
): Promise<boolean> {
  if (!(await isTreeAlive(tree))) return true
  onSignal('SIGTERM')
  // A stopped process takes no signal but SIGKILL until it is continued.
  signalAll(tree, ['SIGTERM', 'SIGCONT'])
  if (await hasExitedWithin(tree, graceMs)) return true
  onSignal('SIGKILL')
  signalAll(tree, ['SIGKILL'])
  return await hasExitedWithin(tree, KILL_TIMEOUT_MS)
}

/** What became of an orphan: `stranger` and `elsewhere` were left alone, `survived` did not die of SIGKILL. */
export type OrphanOutcome = 'ended' | 'survived' | 'gone' | 'stranger' | 'elsewhere'

/**
 * Ends what a dead server of this host left running. A group is touched only when its leader is still the very process
 * that was started: pid and start time match, under the same boot and pid namespace. Whatever carries the run's id in
 * its environment is ended too, for that id is the run's alone, even when the leader is gone.
 * @param graceMs between SIGTERM and SIGKILL, in milliseconds
 */
export async function killOrphan(identity: ProcessIdentity, runId: string, graceMs: number): Promise<OrphanOutcome> {
  const match = matchProcess(identity)
  if (match === 'elsewhere') return 'elsewhere'
  const tree: ProcessTree = { group: match === 'same' ? identity.pid : null, runId }
  if (!(await isTreeAlive(tree))) return match === 'same' ? 'gone' : match
  return (await killTree(tree, graceMs)) ? 'ended' : 'survived'
}
