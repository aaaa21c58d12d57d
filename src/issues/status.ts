import { machine } from '../kernel/machine.ts'

const all = ['backlog', 'todo', 'in_progress', 'in_review', 'done', 'blocked', 'cancelled'] as const

/** Permissive on purpose: the public wire lets board and assignees edit any status into any other. */
export const issueStatus = machine('issue', {
  backlog: all,
  todo: all,
  in_progress: all,
  in_review: all,
  done: all,
  blocked: all,
  cancelled: all,
})
export type IssueStatus = (typeof issueStatus.statuses)[number]

interface Entry {
  /** `clear`: entering ends every hold. `may_hold`: only here may a run hold the issue. */
  readonly lock: 'clear' | 'may_hold'
  /** The timestamp that entering sets; leaving clears `completedAt` and `cancelledAt`. */
  readonly stamp?: 'startedAt' | 'completedAt' | 'cancelledAt'
  readonly needs?: 'assignee'
  /** Nothing more is to be done: no wake is worth a run, a blocker counts as resolved only when `done`. */
  readonly closed: boolean
}

/** What a status means for the row. */
export const onEnter = {
  backlog: { lock: 'clear', closed: false },
  todo: { lock: 'clear', closed: false },
  in_progress: { lock: 'may_hold', stamp: 'startedAt', needs: 'assignee', closed: false },
  in_review: { lock: 'clear', closed: false },
  blocked: { lock: 'clear', closed: false },
  done: { lock: 'clear', stamp: 'completedAt', closed: true },
  cancelled: { lock: 'clear', stamp: 'cancelledAt', closed: true },
} as const satisfies Record<IssueStatus, Entry>

export const issuePriorities = ['critical', 'high', 'medium', 'low'] as const
export type IssuePriority = (typeof issuePriorities)[number]
