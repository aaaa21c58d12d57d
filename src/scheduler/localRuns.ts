import { ownerOfSocket } from '../adapters/index.ts'
import type { LocalRuns } from '../auth/localCaller.ts'
import type { RunEvent } from '../engine/runs/index.ts'
import type { Supervisor } from './supervisor.ts'

/** A program that repeats its mistake must not fill the events of its run. */
const MAX_REFUSALS_PER_RUN = 20

/** A process can outlive its run, or a server that crashed, until it is found and ended; it is looked for that long. */
const LINGER_MS = 60_000

const refusalEvent = (count: number): RunEvent => ({
  eventType: 'request.refused',
  level: 'warn',
  message: 'a request without the token of the run was refused',
  payload: { count, ...(count === MAX_REFUSALS_PER_RUN ? { note: 'further refusals are not recorded' } : {}) },
})

/** Answers `auth` which processes of this machine belong to the runs of a supervisor. */
export function createLocalRuns(supervisor: Pick<Supervisor, 'liveRuns' | 'quietSince' | 'addEvent'>): LocalRuns {
  const refusals = new Map<string, number>()
  return {
    isAnyLive: () => supervisor.liveRuns().length > 0,
    mayHaveProcesses: () => supervisor.liveRuns().length > 0 || performance.now() - supervisor.quietSince() < LINGER_MS,
    ownerOf: (inode) => ownerOfSocket(inode, supervisor.liveRuns()),
    recordRefusal(runId) {
      const live = new Set(supervisor.liveRuns().map((run) => run.runId))
      for (const known of refusals.keys()) if (!live.has(known)) refusals.delete(known)
      const count = (refusals.get(runId) ?? 0) + 1
      if (count > MAX_REFUSALS_PER_RUN) return
      refusals.set(runId, count)
      supervisor.addEvent(runId, refusalEvent(count))
    },
  }
}
