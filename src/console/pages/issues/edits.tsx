// The fields that can be changed in the list: their choices, and the change that a choice makes.

import type { ReactNode } from 'react'
import type { Pick } from '../../parts/PickDialog.tsx'
import { Status, wordsOf } from '../../parts/Status.tsx'
import type { IssuePatch } from './data.ts'
import { priorities, statuses } from './filters.ts'
import type { IssuePriority, IssueRow, IssueStatus } from './filters.ts'
import { assigneeChoices, assigneeFields, assigneeOf } from './names.ts'
import type { Names } from './names.ts'
import { Priority } from './Priority.tsx'

export type EditField = 'status' | 'priority' | 'assignee'

/** The fields with their keys, which work on a row and on the selected rows. */
export const editFields: readonly { readonly field: EditField; readonly keys: string }[] = [
  { field: 'status', keys: 's' },
  { field: 'priority', keys: 'p' },
  { field: 'assignee', keys: 'a' },
]

const pick = <T extends string>(value: T, shown: ReactNode): Pick => ({ value, label: wordsOf(value), shown })

/** The choices of a field. */
export function choicesOfField(field: EditField, names: Names): readonly Pick[] {
  if (field === 'status') return statuses.map((status) => pick(status, <Status of={status} />))
  if (field === 'priority') return priorities.map((priority) => pick(priority, <Priority of={priority} />))
  return [{ value: '', label: 'Unassigned' }, ...assigneeChoices(names)]
}

/** The value that a row has in a field. */
export const valueOfField = (field: EditField, row: IssueRow): string => (field === 'assignee' ? assigneeOf(row) : row[field])

/** The change that gives a field a value. */
export function patchOfField(field: EditField, value: string): IssuePatch {
  if (field === 'status') return { status: value as IssueStatus }
  if (field === 'priority') return { priority: value as IssuePriority }
  return assigneeFields(value)
}
