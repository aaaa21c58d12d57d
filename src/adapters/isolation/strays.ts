// Processes that a run left behind where no namespace ended them.
import { readdirSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process takes no more than one round to be seen; one that forks without end is caught while it does. */
const ROUNDS = 20
const PAUSE_MS = 10

function processesOfUser(uid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid)
}

/** Kills every process of an agent's own account until there is none. */
export async function endProcessesOf(uid: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const pids = processesOfUser(uid)
    if (pids.length === 0) return
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
    }
    await sleep(PAUSE_MS)
  }
}
