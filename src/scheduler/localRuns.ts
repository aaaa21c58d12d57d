import { ownerOfSocket } from '../adapters/index.ts'
import type { RunProcess } from '../adapters/index.ts'
import type { LocalRuns } from '../auth/localCaller.ts'
import type { Peers } from '../platform/kernel/peers.ts'
import type { RunEvent } from '../engine/runs/index.ts'
import type { Supervisor } from './supervisor.ts'

/** A program that repeats its mistake must not fill the events of its run. */
const MAX_REFUSALS_PER_RUN = 20

/** The topic of questions for the live runs of a worker. */
const LIVE_RUNS = 'live runs'

/** A process can outlive its run, or a server that crashed, until it is found and ended; it is looked for that long. */
const LINGER_MS = 60_000

const refusalEvent = (count: number): RunEvent => ({
  eventType: 'request.refused',
  level: 'warn',
  message: 'a request without the token of the run was refused',
  payload: { count, ...(count === MAX_REFUSALS_PER_RUN ? { note: 'further refusals are not recorded' } : {}) },
})

/** The live runs of the other workers, and whether all of them said which they are. */
async function runsOfPeers(peers: Peers): Promise<{ readonly runs: readonly RunProcess[]; readonly isComplete: boolean }> {
  const { answers, isComplete } = await peers.ask(LIVE_RUNS)
  return { runs: answers.flatMap((answer) => (answer ?? []) as readonly RunProcess[]), isComplete }
}

/**
 * Answers `auth` which processes of this machine belong to the runs of a supervisor.
 * @param peers the other workers, whose runs count too; null for a server that is one process
 */
export function createLocalRuns(
  supervisor: Pick<Supervisor, 'liveRuns' | 'quietSince' | 'addEvent'>,
  peers: Peers | null = null,
): LocalRuns {
  const refusals = new Map<string, number>()
  // A process of a run reaches every worker, so each asks the others. One that does not answer may have a run.
  let mayPeersRun = peers !== null
  peers?.answer(LIVE_RUNS, () => supervisor.liveRuns())
  return {
    isAnyLive: () => mayPeersRun || supervisor.liveRuns().length > 0,
    mayHaveProcesses: () => peers !== null || supervisor.liveRuns().length > 0 || performance.now() - supervisor.quietSince() < LINGER_MS,
    async ownerOf(inode) {
      if (peers === null) return await ownerOfSocket(inode, supervisor.liveRuns())
      const { runs, isComplete } = await runsOfPeers(peers)
      mayPeersRun = !isComplete || runs.length > 0
      return await ownerOfSocket(inode, [...supervisor.liveRuns(), ...runs])
    },
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
