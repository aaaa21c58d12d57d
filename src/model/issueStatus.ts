import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { stateMachine } from '../platform/kernel/stateMachine.ts'

const all = ['backlog', 'todo', 'in_progress', 'in_review', 'done', 'blocked', 'cancelled'] as const

/** Permissive on purpose: the public wire lets board and assignees edit any status into any other. */
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
  /** `clear`: entering ends every hold. `may_hold`: only here may a run hold the issue. */
  readonly hold: 'clear' | 'may_hold'
  /** The timestamp that entering sets; leaving clears `completedAt` and `cancelledAt`. */
  readonly stamp?: 'startedAt' | 'completedAt' | 'cancelledAt'
  readonly needs?: 'assignee'
  /** Nothing more is to be done: no wake is worth a run, a blocker counts as resolved only when `done`. */
  readonly closed: boolean
}

/** What a status means for the row. */
export const onEnter = {
  backlog: { hold: 'clear', closed: false },
  todo: { hold: 'clear', closed: false },
  in_progress: { hold: 'may_hold', stamp: 'startedAt', needs: 'assignee', closed: false },
  in_review: { hold: 'clear', closed: false },
  blocked: { hold: 'clear', closed: false },
  done: { hold: 'clear', stamp: 'completedAt', closed: true },
  cancelled: { hold: 'clear', stamp: 'cancelledAt', closed: true },
} as const satisfies Record<IssueStatus, StatusEntry>

/** Whether nothing more is to be done on an issue. */
export const isClosed = (status: IssueStatus): boolean => onEnter[status].closed

/** `isClosed` in SQL. @param alias of the table `issues` in the statement; left out where the statement has no alias */
export const isClosedSql = (alias?: string): SQL => {
  const closed = issueStatus.statuses.filter(isClosed).map((status) => `'${status}'`)
  return sql.raw(`(${alias === undefined ? '' : `${alias}.`}status in (${closed.join(', ')}))`)
}

export const issuePriorities = ['critical', 'high', 'medium', 'low'] as const
export type IssuePriority = (typeof issuePriorities)[number]
