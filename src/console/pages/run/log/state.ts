// The reading of a log, as the page sees it.

import type { ApiProblem } from '../../../api/client.ts'
import { emptyWindow } from './window.ts'
import type { LogWindow } from './window.ts'

export interface LogState {
  readonly window: LogWindow
  /** Whether the window reaches to the end of what the run has written. */
  readonly isAtEnd: boolean
  /** Something is being read that the page waits for. */
  readonly isReading: boolean
  readonly problem: ApiProblem | null
  /** How many lines came by themselves so far. */
  readonly arrived: number
}

export interface RunFacts {
  readonly id: string
  readonly isEnded: boolean
  readonly logBytes: number | null
}

export const nothingRead: LogState = { window: emptyWindow(0), isAtEnd: false, isReading: true, problem: null, arrived: 0 }
