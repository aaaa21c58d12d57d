import { createLog } from '../../platform/kernel/log.ts'
import type { Log } from '../../platform/kernel/log.ts'

/** A log whose lines are kept, to be looked at. */
export interface CapturedLog {
  readonly log: Log
  /** Every line so far, as it was written. */
  readonly text: () => string
  readonly clear: () => void
}

/** Makes one; `trace`, because what is not logged today may be tomorrow at another level. */
export function captureLog(): CapturedLog {
  let lines: string[] = []
  return {
    log: createLog('trace', false, { write: (line) => void lines.push(line) }),
    text: () => lines.join(''),
    clear: () => {
      lines = []
    },
  }
}
