import { useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import { inBackground } from '../../api/background.ts'
import { request, segment } from '../../api/client.ts'
import type { ApiProblem } from '../../api/client.ts'
import { replaceRow, usePages } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Issue } from '../../api/types.ts'
import { apiQuery } from './filters.ts'
import type { Filter, IssuePriority, IssueRow, IssueStatus } from './filters.ts'

/** The issues that match filters, page by page. */
export const useIssues = (companyId: string, filter: Filter, limit?: number): PagesRead<IssueRow> =>
  usePages<IssueRow>(['issues', companyId], `/companies/${companyId}/issues`, apiQuery(filter), limit)

/** Fields of an issue that the list changes. */
export interface IssuePatch {
  readonly status?: IssueStatus
  readonly priority?: IssuePriority
  readonly assigneeAgentId?: string | null
  readonly assigneeUserId?: string | null
  readonly projectId?: string | null
  readonly labelIds?: readonly string[]
  /** Written in the same transaction. */
  readonly comment?: string
}

/** The fields of a row out of an answer about the whole issue. A hold that the change has ended has no run any more. */
function rowOf(issue: Issue): Partial<IssueRow> & Pick<IssueRow, 'id' | 'version'> {
  const { id, identifier, title, status, priority, projectId, assigneeAgentId, assigneeUserId, version, updatedAt, labels, labelIds } =
    issue
  const { checkoutRunId, executionRunId } = issue
  const hold = { checkoutRunId, executionRunId, ...(executionRunId === null ? { activeRun: null } : {}) }
  return {
    id,
    identifier,
    title,
    status,
    priority,
    projectId,
    assigneeAgentId,
    assigneeUserId,
    version,
    updatedAt,
    labels,
    labelIds,
    ...hold,
  }
}

/** The row as it is now, where the server has refused a change because of a later one; otherwise null. */
export function presentRow(problem: ApiProblem): (Partial<IssueRow> & Pick<IssueRow, 'id' | 'version'>) | null {
  const issue = problem.code === 'precondition_failed' ? problem.body['issue'] : undefined
  return issue === undefined ? null : rowOf(issue as Issue)
}

/**
 * Changes an issue if it is still what the row shows, and puts the answer into the lists.
 * @param idempotencyKey for a change that is sent again after an answer that was lost
 * @throws ApiProblem 412 `precondition_failed` with the issue as it is now
 */
export async function changeIssue(
  queries: QueryClient,
  companyId: string,
  { id, version }: Pick<IssueRow, 'id' | 'version'>,
  change: { readonly patch: IssuePatch; readonly idempotencyKey?: string },
): Promise<void> {
  const { patch, ...options } = change
  const { data } = await request<Issue>('PATCH', `/issues/${segment(id)}`, { body: patch, ifMatch: `"${version}"`, ...options })
  replaceRow(queries, ['issues', companyId], rowOf(data))
}

/** Reads the lists of issues again, and what is counted from them. */
export const refreshIssues = (queries: QueryClient): void =>
  inBackground(
    queries.invalidateQueries({ predicate: ({ queryKey }) => ['issues', 'issue', 'holds', 'figures'].includes(String(queryKey[0])) }),
  )

/** Changes one row, and then reads the lists again. */
export function useChangeIssue(companyId: string): (row: IssueRow, patch: IssuePatch) => Promise<void> {
  const queries = useQueryClient()
  return async (row, patch) => {
    try {
      await changeIssue(queries, companyId, row, { patch })
    } finally {
      refreshIssues(queries)
    }
  }
}
