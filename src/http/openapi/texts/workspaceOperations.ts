import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofOne = '/api/execution-workspaces/:id'

/** Worktrees in which runs of a project work. */
export const workspaces: OperationTexts = {
  'GET /api/companies/:companyId/execution-workspaces': op(
    'listExecutionWorkspaces',
    'Worktrees of git that this server made for runs of projects whose policy asks for them. Closed ones are kept for 90 days.',
    'ExecutionWorkspace',
  ),
  [`GET ${ofOne}`]: op('getExecutionWorkspace', 'It is `active` while a live run has it, and `idle` otherwise.', 'ExecutionWorkspace'),
  [`GET ${ofOne}/close-readiness`]: op(
    'getCloseReadiness',
    'Git looks into the worktree when it is asked: what is in no commit would be lost with the folder, and everything else stays in the repository. Only a server that has the folder can look.',
    'CloseReadiness',
  ),
  [`GET ${ofOne}/workspace-operations`]: op('listExecutionOperations', 'The newest 50.', 'WorkspaceOperation'),
  [`PATCH ${ofOne}`]: op(
    'updateExecutionWorkspace',
    '`archived` closes it. Where work would be lost, `confirmation` is that of the readiness which a person was shown; when the work has changed since, the answer is 409 `workspace_not_ready` and nothing is lost. An agent changes the name and the note of its own.',
    'ExecutionWorkspace',
  ),
  'GET /api/heartbeat-runs/:runId/workspace-operations': op(
    'listWorkspaceOperations',
    'The worktrees that were made for the run.',
    'WorkspaceOperation',
  ),
  'GET /api/workspace-operations/:operationId/log': op(
    'readOperationLog',
    'Lines of JSON from `offset` on. `nextOffset` is present while more bytes follow.',
    'WorkspaceOperationLog',
  ),
}
