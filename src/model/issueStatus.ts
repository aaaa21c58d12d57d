import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { stateMachine } from '../platform/kernel/stateMachine.ts'

const all = ['backlog', 'todo', 'in_progress', 'in_review', 'done', 'blocked', 'cancelled'] as const

/** The machine allows every transition, because in Paperclip's API the board and assignees may change any status to any other. */
export const issueStatus = stateMachine('issue', {
  backlog: all,
  todo: all,
  in_progress: all,
  in_review: all,
  done: all,
  blocked: all,
  cancelled: all,
})
export type IssueStatus = (typeof issueStatus.statuses)[number]

interface StatusEntry {
  /** `clear`: entering the status ends every hold. `may_hold`: a run may hold the issue in this status only. */
  readonly hold: 'clear' | 'may_hold'
  /** The timestamp that entering the status sets. Leaving it clears `completedAt` and `cancelledAt`. */
  readonly stamp?: 'startedAt' | 'completedAt' | 'cancelledAt'
  readonly needs?: 'assignee'
  /** No work is left: a wake causes no run. A blocker counts as resolved only in `done`. */
  readonly closed: boolean
}

/** The effects of each status on the row of the issue. */
export const onEnter = {
  backlog: { hold: 'clear', closed: false },
  todo: { hold: 'clear', closed: false },
  in_progress: { hold: 'may_hold', stamp: 'startedAt', needs: 'assignee', closed: false },
  in_review: { hold: 'clear', closed: false },
  blocked: { hold: 'clear', closed: false },
  done: { hold: 'clear', stamp: 'completedAt', closed: true },
  cancelled: { hold: 'clear', stamp: 'cancelledAt', closed: true },
} as const satisfies Record<IssueStatus, StatusEntry>

/** Whether no work is left on an issue. */
export const isClosed = (status: IssueStatus): boolean => onEnter[status].closed

/** `isClosed` in SQL. @param alias of the table `issues` in the statement; left out where the statement has no alias */
export const isClosedSql = (alias?: string): SQL => {
  const closed = issueStatus.statuses.filter(isClosed).map((status) => `'${status}'`)
  return sql.raw(`(${alias === undefined ? '' : `${alias}.`}status in (${closed.join(', ')}))`)
}

export const issuePriorities = ['critical', 'high', 'medium', 'low'] as const
export type IssuePriority = (typeof issuePriorities)[number]
