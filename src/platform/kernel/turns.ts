// Long works share the event loop with all requests: together they take one turn in each of its iterations.

/** The longest that all works together keep the event loop in one iteration, in milliseconds; one step is added to it. */
const TURN_MS = 10
/** A work that has taken less than this since its last wait goes on: a short one never waits for the long ones. */
const SHORT_MS = 2

/** The turns of a work that shares the event loop with all requests. */
export interface Turns {
  /** Whether this turn has lasted long enough. Steps of microseconds ask before they await. */
  isDue(): boolean
  /** Call it between two steps: lets other work go first when this turn has lasted long enough. */
  yieldIfDue(): Promise<void>
}

interface WaitingWork {
  readonly turnCount: number
  readonly goOn: () => void
}

/** Works that wait for their next turn, in the order in which they began to wait. */
const waiting: WaitingWork[] = []
/** When the first work of this iteration began its turn, or null before one did. */
let iterationBeganAt: number | null = null

/** Ends the turn of this iteration. In the next one the work goes on that had the fewest turns: the shortest ends first. */
function beginIteration(): void {
  iterationBeganAt = null
  if (waiting.length === 0) return
  let next = 0
  for (const [index, { turnCount }] of waiting.entries()) if (turnCount < (waiting[next] as WaitingWork).turnCount) next = index
  const [work] = waiting.splice(next, 1)
  markTurn()
  work?.goOn()
}

/** Counts the time of this iteration from now on, if no other work has begun in it. */
function markTurn(): number {
  if (iterationBeganAt === null) {
    iterationBeganAt = performance.now()
    // It runs once per iteration of the event loop, after requests and answers of the database were looked at.
    setImmediate(beginIteration)
  }
  return iterationBeganAt
}

/** Begins a work of many steps. */
export function createTurns(): Turns {
  let beganAt = performance.now()
  let turnCount = 0
  markTurn()
  const isDue = (): boolean => {
    const now = performance.now()
    return now - markTurn() >= TURN_MS && now - beganAt >= SHORT_MS
  }
  return {
    isDue,
    async yieldIfDue() {
      if (!isDue()) return
      turnCount += 1
      await new Promise<void>((resolve) => waiting.push({ turnCount, goOn: resolve }))
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
