// The reads and acts about worktrees of a project.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct } from '../../api/acts.ts'
import { request } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { CloseReadiness, ExecutionWorkspace } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'

/** The worktrees of a project that are not closed, newest first. */
export function useWorktrees(projectId: string): PagesRead<ExecutionWorkspace> {
  const { id } = useCompany()
  return usePages<ExecutionWorkspace>(['execution_workspaces', id, projectId], `/companies/${id}/execution-workspaces`, {
    projectId,
    closed: 'false',
  })
}

/**
 * The work that would be lost with a worktree. No event says that a file was written, so git looks anew at each opening of the dialog, and when a run takes the worktree or
 * ends meanwhile.
 * @param openedAt distinguishes one opening from another
 */
export function useCloseReadiness(
  { id: worktreeId, activeRunId }: Pick<ExecutionWorkspace, 'id' | 'activeRunId'>,
  openedAt: number,
): UseQueryResult<Answer<CloseReadiness>, ApiProblem> {
  const { id } = useCompany()
  const key = ['close_readiness', id, worktreeId, activeRunId, openedAt] as const
  return useRead<CloseReadiness>(key, `/execution-workspaces/${worktreeId}/close-readiness`)
}

interface Closing {
  readonly id: string
  /** Of the state that was shown. */
  readonly confirmation: string
}

export const useCloseWorktree = (): UseMutationResult<Answer<ExecutionWorkspace>, ApiProblem, Closing> =>
  useAct(['execution_workspaces', 'close_readiness'], ({ id, confirmation }: Closing) =>
    request<ExecutionWorkspace>('PATCH', `/execution-workspaces/${id}`, { body: { status: 'archived', confirmation } }),
  )
