// The processes of this host: those that runs have left, and this one with what it is at work on.
import { randomUUID } from 'node:crypto'
import { killOrphan } from '../processTree.ts'
import { matchProcess, processIdentity } from '../processIdentity.ts'
import type { ProcessIdentity } from '../processIdentity.ts'
import type { HostRecord } from './hosts.ts'

/** Between SIGTERM and SIGKILL for what an ended run has left. */
const LEFTOVER_GRACE_MS = 2000

/** The boot and the pid namespace of this process; null where /proc does not show them. */
export const hostOfProcess = (): string | null => processIdentity(process.pid).host

/** The processes that a run has left. */
export interface Leftover {
  readonly runId: string
  /** As the row of the run has it. */
  readonly processIdentity: string | null
}

/** `none` is left. `survived`: processes do not end. `elsewhere`: they are of another host, which is not known to be over. */
type LeftoverState = 'none' | 'survived' | 'elsewhere'

export interface Leftovers {
  /** Ends the processes of a run that is over. */
  endLeftover(run: Leftover): Promise<LeftoverState>
  /** Whether the processes of a run cannot be looked for from here. It signals none. */
  isElsewhere(run: Leftover): boolean
}

/** Recorded identities without a host are of systems that show none: a pid that no process has is not alive there. */
function mayLive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export function leftovers(hosts: HostRecord): Leftovers {
  const isElsewhere = ({ processIdentity: recorded }: Leftover): boolean => {
    const identity = identityOf(recorded)
    if (matchProcess(identity) !== 'elsewhere') return false
    return identity.host === null ? mayLive(identity.pid) : !hosts.isOver(identity.host)
  }
  return {
    isElsewhere,
    async endLeftover(run) {
      if (isElsewhere(run)) return 'elsewhere'
      return (await killOrphan(identityOf(run.processIdentity), run.runId, LEFTOVER_GRACE_MS)) === 'survived' ? 'survived' : 'none'
    },
  }
}

/** The work of this process, for a later question whether it goes on. Each claim is another one: a late worker cannot be taken for the next. */
export interface Claims {
  /** Begins a piece of work. */
  claim(): string
  /** The work has ended. A claim that a row still has then is of no worker. */
  unclaim(claim: string): void
  /** Whether the worker is gone, or does not work on it any more. */
  isGone(claim: string): boolean
  /** Takes up a claim of this process again whose work was cut before it began. @returns whether it is one */
  resume(claim: string): boolean
}

/** The claims under which this process works. */
const active = new Set<string>()

export function claimsOfProcess(): Claims {
  const self = processIdentity(process.pid)
  const isOwn = (claim: string): boolean => identityOf(claim).pid === process.pid && matchProcess(identityOf(claim)) === 'same'
  return {
    claim() {
      const claim = JSON.stringify({ ...self, claim: randomUUID() })
      active.add(claim)
      return claim
    },
    unclaim: (claim) => void active.delete(claim),
    isGone(claim) {
      if (isOwn(claim)) return !active.has(claim)
      return ['gone', 'stranger'].includes(matchProcess(identityOf(claim)))
    },
    resume(claim) {
      if (!isOwn(claim) || active.has(claim)) return false
      active.add(claim)
      return true
    },
  }
}

/** A recorded identity. A process without one is found by the id of its run alone. */
function identityOf(recorded: string | null): ProcessIdentity {
  const unknown: ProcessIdentity = { pid: 0, startTime: 0, host: hostOfProcess() }
  if (recorded === null) return unknown
  try {
    const { pid, startTime, host } = JSON.parse(recorded) as Partial<ProcessIdentity>
    return typeof pid === 'number' && pid > 0 ? { pid, startTime: startTime ?? null, host: host ?? null } : unknown
  } catch {
    return unknown
  }
}
