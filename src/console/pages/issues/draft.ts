import type { IssuePriority, IssueStatus } from './filters.ts'
import type { ChosenIssue } from './IssuePicker.tsx'
import { assigneeFields } from './names.ts'

/** An issue that is being written. */
export interface Draft {
  readonly title: string
  readonly description: string
  readonly status: IssueStatus
  readonly priority: IssuePriority
  /** As `assigneeOf` has it. */
  readonly assignee: string
  readonly projectId: string
  readonly goalId: string
  readonly labelIds: readonly string[]
  readonly parent: ChosenIssue | null
  readonly blockedBy: readonly ChosenIssue[]
}

export const emptyDraft: Draft = {
  title: '',
  description: '',
  status: 'todo',
  priority: 'medium',
  assignee: '',
  projectId: '',
  goalId: '',
  labelIds: [],
  parent: null,
  blockedBy: [],
}

/** The body of the request that creates it. */
export const bodyOf = (draft: Draft): Readonly<Record<string, unknown>> => ({
  title: draft.title.trim(),
  status: draft.status,
  priority: draft.priority,
  ...(draft.description.trim() === '' ? {} : { description: draft.description }),
  ...(draft.assignee === '' ? {} : assigneeFields(draft.assignee)),
  ...(draft.projectId === '' ? {} : { projectId: draft.projectId }),
  ...(draft.goalId === '' ? {} : { goalId: draft.goalId }),
  ...(draft.labelIds.length === 0 ? {} : { labelIds: draft.labelIds }),
  ...(draft.parent === null ? {} : { parentId: draft.parent.id }),
  ...(draft.blockedBy.length === 0 ? {} : { blockedByIssueIds: draft.blockedBy.map(({ id }) => id) }),
})
