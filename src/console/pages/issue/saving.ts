// Saving a change of an issue that others may change at the same time.

import { ApiProblem } from '../../api/client.ts'
import type { Answer } from '../../api/client.ts'
import type { Activity, IssueDetail } from '../../api/types.ts'
import { patchIssue, readActivity, readIssue } from './data.ts'
import type { IssueChanges } from './data.ts'

/** A field that is to be saved was changed by another party since it was read. */
export interface Conflict {
  /** The issue as the person saw it. */
  readonly seen: IssueDetail
  readonly current: Answer<IssueDetail>
  /** The audit rows of the changes, newest first. */
  readonly rows: readonly Activity[]
}

type Fields = Pick<
  IssueDetail,
  | 'title'
  | 'description'
  | 'status'
  | 'priority'
  | 'assigneeAgentId'
  | 'assigneeUserId'
  | 'projectId'
  | 'parentId'
  | 'labelIds'
  | 'blockedBy'
>

const idsOf = (ids: readonly string[]): string => ids.toSorted().join(' ')

const valueOf = (issue: Fields, field: keyof IssueChanges): unknown => {
  if (field === 'labelIds') return idsOf(issue.labelIds)
  return field === 'blockedByIssueIds' ? idsOf(issue.blockedBy.map(({ id }) => id)) : issue[field]
}

const fieldsOf = (changes: IssueChanges): (keyof IssueChanges)[] => Object.keys(changes) as (keyof IssueChanges)[]

/** The fields that a change writes and that have another value than the person saw. */
export const contested = (seen: Fields, current: Fields, changes: IssueChanges): (keyof IssueChanges)[] =>
  fieldsOf(changes).filter((field) => valueOf(seen, field) !== valueOf(current, field))

/** Whether an audit row is about a change of one of these fields. */
export function isAbout({ action, details }: Pick<Activity, 'action' | 'details'>, fields: readonly (keyof IssueChanges)[]): boolean {
  if (action === 'issue.blockers_updated') return fields.includes('blockedByIssueIds')
  const changesStatus = ['issue.checked_out', 'issue.released', 'issue.admin_force_release'].includes(action)
  if (changesStatus) return fields.some((field) => field === 'status' || field === 'assigneeAgentId' || field === 'assigneeUserId')
  return action === 'issue.updated' && fields.some((field) => details !== null && field in details)
}

async function conflictOf(seen: IssueDetail, current: Answer<IssueDetail>, fields: readonly (keyof IssueChanges)[]): Promise<Conflict> {
  const rows = await readActivity(seen.id).catch(() => [])
  return { seen, current, rows: rows.filter((row) => row.createdAt > seen.updatedAt && isAbout(row, fields)) }
}

/** A busy issue may change between two requests; after so many the person is asked. */
const TRIES = 4

/**
 * Saves a change. When the issue has changed otherwise since it was read, as when an agent took it, the change is sent again for the new
 * version: only a field that is to be saved makes a conflict.
 * @returns null when it is saved
 * @throws ApiProblem for every other refusal
 */
export async function saveIssue(seen: Answer<IssueDetail>, changes: IssueChanges): Promise<Conflict | null> {
  let base = seen
  for (let tried = 1; ; tried += 1) {
    try {
      await patchIssue(seen.data.id, changes, base.etag)
      return null
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 412) throw error
      base = await readIssue(seen.data.id)
      const fields = contested(seen.data, base.data, changes)
      if (fields.length > 0) return await conflictOf(seen.data, base, fields)
      if (tried === TRIES) throw error
    }
  }
}
