import { setTimeout as sleep } from 'node:timers/promises'
import { groupLives, processesOfRun, recognise } from './identity.ts'
import type { ProcessIdentity } from './identity.ts'

/** Everything one run started on this host. */
export interface Family {
  /** The process group of the run's command, or null when it cannot be told any more. */
  readonly group: number | null
  /** Also find processes that left the group, by this run's id in their environment. */
  readonly runId: string | null
}

/** How often an ending family is looked at: at once in the common case, rarely in the long one. */
const FIRST_LOOK_MS = 5
const SLOWEST_LOOK_MS = 200
/** SIGKILL is not refused, but a process in an uninterruptible call dies only when the call returns. */
const AFTER_KILL_MS = 2_000

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone, which is what was wanted.
  }
}

const strays = ({ runId }: Family): number[] => (runId === null ? [] : processesOfRun(runId))

const isSeen = (family: Family): boolean => (family.group !== null && groupLives(family.group)) || strays(family).length > 0

/** Whether anything of it lives. A process shows no environment while it becomes another program: it is looked for twice. */
async function lives(family: Family): Promise<boolean> {
  if (isSeen(family)) return true
  if (family.runId === null) return false
  await sleep(FIRST_LOOK_MS)
  return isSeen(family)
}

function signalAll(family: Family, signals: readonly NodeJS.Signals[]): void {
  // Group first: what leaves it between the two is still found by its environment.
  const targets = [...(family.group === null ? [] : [-family.group]), ...strays(family)]
  for (const target of targets) for (const signal of signals) send(target, signal)
}

async function goneWithin(family: Family, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  for (let wait = FIRST_LOOK_MS; await lives(family); wait = Math.min(wait * 1.5, SLOWEST_LOOK_MS)) {
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(wait, left))
  }
  return true
}

/**
 * Ends a family: SIGTERM to all of it, a grace, SIGKILL to all of it. Returns soon when nothing lives any more.
 * @param graceMs how long what was asked to end may take, in milliseconds
 * @param told is called with each signal that is sent
 * @returns whether nothing of it is left
 */
export async function endFamily(
  family: Family,
  graceMs: number,
  told: (signal: 'SIGTERM' | 'SIGKILL') => void = () => {},
): Promise<boolean> {
  if (!(await lives(family))) return true
  told('SIGTERM')
  // A stopped process takes no signal but SIGKILL until it is continued.
  signalAll(family, ['SIGTERM', 'SIGCONT'])
  if (await goneWithin(family, graceMs)) return true
  told('SIGKILL')
  signalAll(family, ['SIGKILL'])
  return await goneWithin(family, AFTER_KILL_MS)
}

/** What became of an orphan: `stranger` and `elsewhere` were left alone, `survived` did not die of SIGKILL. */
export type OrphanEnd = 'ended' | 'survived' | 'gone' | 'stranger' | 'elsewhere'

/**
 * Ends what a dead server of this host left running. A group is touched only when its leader is still the very process
 * that was started: pid and start time match, under the same boot and pid namespace. Whatever carries the run's id in
 * its environment is ended too, for that id is the run's alone, even when the leader is gone.
 * @param graceMs between SIGTERM and SIGKILL, in milliseconds
 */
export async function endOrphan(identity: ProcessIdentity, runId: string, graceMs: number): Promise<OrphanEnd> {
  const recognised = recognise(identity)
  if (recognised === 'elsewhere') return 'elsewhere'
  const family: Family = { group: recognised === 'same' ? identity.pid : null, runId }
  if (!(await lives(family))) return recognised === 'same' ? 'gone' : recognised
  return (await endFamily(family, graceMs)) ? 'ended' : 'survived'
}
