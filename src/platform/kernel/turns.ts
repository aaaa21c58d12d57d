import { setImmediate as nextTurn } from 'node:timers/promises'

/** The longest that a work of many steps keeps the event loop, in milliseconds; one step is added to it. */
const TURN_MS = 10

/** The turns of a work that shares the event loop with all requests. */
export interface Turns {
  /** Call it between two steps: lets other work go first when this turn has lasted long enough. */
  yieldIfDue(): Promise<void>
}

/** Begins a work of many steps. */
export function createTurns(): Turns {
  let beganAt = performance.now()
  return {
    async yieldIfDue() {
      if (performance.now() - beganAt < TURN_MS) return
      await nextTurn()
      beganAt = performance.now()
    },
  }
}
