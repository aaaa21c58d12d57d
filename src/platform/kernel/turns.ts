import { setImmediate as nextTurn } from 'node:timers/promises'

/** The longest that a work of many steps keeps the event loop, in milliseconds; one step is added to it. */
const TURN_MS = 10

/** The turns of a work that shares the event loop with all requests. */
export interface Turns {
  /** Whether this turn has lasted long enough. Steps of microseconds ask before they await. */
  isDue(): boolean
  /** Call it between two steps: lets other work go first when this turn has lasted long enough. */
  yieldIfDue(): Promise<void>
}

/** Begins a work of many steps. */
export function createTurns(): Turns {
  let beganAt = performance.now()
  const isDue = (): boolean => performance.now() - beganAt >= TURN_MS
  return {
    isDue,
    async yieldIfDue() {
      if (!isDue()) return
      await nextTurn()
      beganAt = performance.now()
    },
  }
}

/** `items.map(toItem)`, in turns. */
export async function mapInTurns<T, U>(items: readonly T[], toItem: (item: T) => U): Promise<U[]> {
  const turns = createTurns()
  const mapped: U[] = []
  for (const item of items) {
    mapped.push(toItem(item))
    if (turns.isDue()) await turns.yieldIfDue()
  }
  return mapped
}
