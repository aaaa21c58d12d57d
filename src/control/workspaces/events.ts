import { z } from 'zod'
import { shownStatuses, workspaceEnds } from '../../model/workspaceStatus.ts'
import { event } from '../../platform/kernel/event.ts'

const entity = 'execution_workspace'

/** A run needs a worktree, and its server makes one. */
export const workspaceCreated = event(
  'execution_workspace.created',
  entity,
  z.object({ projectId: z.string(), issueId: z.string(), agentId: z.string(), branchName: z.string(), operationId: z.string() }),
)

export const workspacePrepared = event(
  'execution_workspace.prepared',
  entity,
  z.object({ operationId: z.string(), baseCommit: z.string() }),
)

/** A further run works in it. */
export const workspaceLeased = event(
  'execution_workspace.leased',
  entity,
  z.object({ runId: z.string(), previousRunId: z.string().nullable() }),
)

/** A server looks whether it may go. Until it has, no run gets it. */
export const workspaceClosing = event('execution_workspace.closing', entity, z.object({ operationId: z.string() }))

/** It stays: what would be lost is not what the board has seen, or could not be found out. */
export const workspaceCloseRefused = event(
  'execution_workspace.close_refused',
  entity,
  z.object({ operationId: z.string(), reasons: z.array(z.string()) }),
)

/** `changedKeys` names what was changed. With the status `archived` the folder is gone; `discardedCount` files with changes went with it. */
export const workspaceUpdated = event(
  'execution_workspace.updated',
  entity,
  z.object({
    changedKeys: z.array(z.string()),
    name: z.string(),
    status: z.enum(shownStatuses).optional(),
    closedReason: z.enum(workspaceEnds).optional(),
    operationId: z.string().optional(),
    headCommit: z.string().nullable().optional(),
    discardedCount: z.number().optional(),
  }),
)

/** Rows of workspaces that were closed long ago are deleted. */
export const workspacesForgotten = event('execution_workspace.forgotten', 'company', z.object({ workspaces: z.number() }))
