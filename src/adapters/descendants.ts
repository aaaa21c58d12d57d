// The processes that descend from a run's command, as far as they were seen. Without a namespace a process can leave its
// group, its session and its environment; it cannot hide who started it while its parent lives.
import { processTable } from './processIdentity.ts'
import type { ProcessTable } from './processIdentity.ts'

/** One scan for all runs costs some milliseconds. A process that detaches within this time after its start may be missed. */
const SCAN_INTERVAL_MS = 1_000

/** Follows the descendants of one process. */
export interface DescendantWatch {
  /** Those that are alive in a table of the processes of now. */
  readonly alive: (table: ProcessTable) => number[]
  readonly stop: () => void
}

/** For each watched command its descendants, by pid with the start time, because pids are used again. */
const watched = new Map<number, Map<number, number>>()
let timer: NodeJS.Timeout | undefined

function follow(table: ProcessTable): void {
  for (const [command, seen] of watched) {
    let before = -1
    // A process may stand before its parent in the table: the scan is repeated until it finds no more.
    while (before !== seen.size) {
      before = seen.size
      for (const [pid, { parent, startTime }] of table) {
        const isChild = parent === command || (seen.has(parent) && seen.get(parent) === table.get(parent)?.startTime)
        if (isChild) seen.set(pid, startTime)
      }
    }
  }
}

/** Watches the descendants of a process from now on, also after their parents have ended. */
export function watchDescendants(pid: number): DescendantWatch {
  const seen = new Map<number, number>()
  watched.set(pid, seen)
  timer ??= setInterval(() => follow(processTable()), SCAN_INTERVAL_MS).unref()
  return {
    alive(table) {
      follow(table)
      return [...seen].flatMap(([each, startTime]) => (table.get(each)?.startTime === startTime ? [each] : []))
    },
    stop() {
      watched.delete(pid)
      if (watched.size > 0) return
      clearInterval(timer)
      timer = undefined
    },
  }
}
