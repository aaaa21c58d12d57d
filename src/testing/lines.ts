import { createLog } from '../kernel/log.ts'
import type { Log } from '../kernel/log.ts'

/** A log whose lines are kept, to be looked at. */
export interface Lines {
  readonly log: Log
  /** Every line so far, as it was written. */
  readonly text: () => string
  readonly clear: () => void
}

/** Makes one; `trace`, because what is not logged today may be tomorrow at another level. */
export function keepLines(): Lines {
  let kept: string[] = []
  return {
    log: createLog('trace', false, { write: (line) => void kept.push(line) }),
    text: () => kept.join(''),
    clear: () => {
      kept = []
    },
  }
}
