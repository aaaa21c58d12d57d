import { z } from 'zod'
import type { Worktrees } from '../../adapters/index.ts'
import { inCompany, ofExecutionWorkspace, ofRun, ofWorkspaceOperation } from '../../auth/scopes.ts'
import { rowTag } from '../../http/entityTag.ts'
import { get, patch, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { listExecutionWorkspaces, listOperations, listOperationsOfRun, readExecutionWorkspace, readOperationLog } from './queries.ts'
import { patchExecutionWorkspace, readReadiness, refuseService } from './update.ts'
import {
  closeReadinessView,
  executionWorkspaceQuery,
  executionWorkspaceView,
  operationLogQuery,
  operationLogView,
  patchExecutionWorkspaceBody,
  workspaceOperationView,
} from './views.ts'

const rowRoutes = (worktrees: Worktrees | null): Route[] => [
  get('/api/companies/:companyId/execution-workspaces', {
    summary: 'List the execution workspaces of a company, newest first',
    permission: 'workspace.read',
    scope: inCompany(),
    query: executionWorkspaceQuery,
    returnsPageOf: executionWorkspaceView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listExecutionWorkspaces(ctx, query),
  }),
  get('/api/execution-workspaces/:id', {
    summary: 'Read one execution workspace',
    permission: 'workspace.read',
    scope: ofExecutionWorkspace(),
    returns: executionWorkspaceView,
    headers: rowTag,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readExecutionWorkspace(ctx, target),
  }),
  get('/api/execution-workspaces/:id/close-readiness', {
    summary: 'Read what stands against closing an execution workspace, and what would be lost',
    permission: 'workspace.read',
    scope: ofExecutionWorkspace(),
    returns: closeReadinessView,
    refuses: ['not_found', 'busy'],
    handle: ({ ctx, target }) => readReadiness(ctx, worktrees, target),
  }),
  post('/api/execution-workspaces/:id/runtime-services/:action', {
    summary: 'Refuse to run services in an execution workspace: this server runs none',
    permission: 'workspace.write',
    scope: ofExecutionWorkspace(),
    returns: z.never(),
    refuses: ['not_found', 'unprocessable'],
    handle: ({ ctx, target, params }) => refuseService(ctx, target, params['action'] ?? ''),
  }),
  patch('/api/execution-workspaces/:id', {
    summary: 'Change or close an execution workspace',
    permission: 'workspace.write',
    scope: ofExecutionWorkspace(),
    body: patchExecutionWorkspaceBody,
    returns: executionWorkspaceView,
    headers: rowTag,
    refuses: ['not_found', 'field_not_permitted', 'not_self', 'unprocessable', 'workspace_not_ready', 'precondition_failed', 'busy'],
    handle: ({ ctx, target, body, preconditions }) =>
      patchExecutionWorkspace(ctx, worktrees, target, { input: body, ifMatch: preconditions.ifMatch }),
  }),
]

const operationRoutes: readonly Route[] = [
  get('/api/execution-workspaces/:id/workspace-operations', {
    summary: 'List the operations on an execution workspace, newest first',
    permission: 'workspace.read',
    scope: ofExecutionWorkspace(),
    returns: z.array(workspaceOperationView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listOperations(ctx, target),
  }),
  get('/api/heartbeat-runs/:runId/workspace-operations', {
    summary: 'List the operations on execution workspaces that a run caused, newest first',
    permission: 'run.read',
    scope: ofRun(),
    returns: z.array(workspaceOperationView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listOperationsOfRun(ctx, target),
  }),
  get('/api/workspace-operations/:operationId/log', {
    summary: 'Read the log of an operation on an execution workspace',
    permission: 'run.read',
    scope: ofWorkspaceOperation(),
    query: operationLogQuery,
    returns: operationLogView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => readOperationLog(ctx, target, query),
  }),
]

/** @param worktrees those of this server; null for a server without a folder for them */
export const workspaceRoutes = (worktrees: Worktrees | null): Route[] => [...rowRoutes(worktrees), ...operationRoutes]
