import type { StreamEvent } from '../api/types.ts'

/** Events are handed on together, so that a hundred in a second cost two renderings. */
const BATCH_MS = 400
/** More events than this in one batch make every read old, without a look at each. */
const MANY = 2000

interface BatchOptions {
  readonly onEvents: (events: readonly StreamEvent[]) => void
  readonly onTooMany: () => void
  /** After each batch: how many events it had. */
  readonly onFlushed: (count: number) => void
}

/** Collects events and hands them on in batches. */
export interface Batch {
  readonly add: (event: StreamEvent) => void
  readonly end: () => void
}

/** Begins to collect. */
export function createBatch({ onEvents, onTooMany, onFlushed }: BatchOptions): Batch {
  let waiting: StreamEvent[] = []
  let count = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const flush = (): void => {
    const [events, counted] = [waiting, count]
    timer = undefined
    waiting = []
    count = 0
    if (counted > MANY) onTooMany()
    else onEvents(events)
    onFlushed(counted)
  }
  return {
    add(event) {
      count += 1
      if (count <= MANY) waiting.push(event)
      timer ??= setTimeout(flush, BATCH_MS)
    },
    end: () => clearTimeout(timer),
  }
}
