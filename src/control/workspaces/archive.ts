// The ends of an operation, each in one transaction: the row of the workspace, that of the operation, and the audit.
import { sql } from 'drizzle-orm'
import { executionWorkspaces } from '../../model/workspaces.ts'
import type { WorkspaceEnd } from '../../model/workspaceStatus.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { workspaceCloseRefused, workspacePrepared, workspaceUpdated } from './events.ts'
import { finishOperation } from './operations.ts'
import type { WorkspaceRow } from './queries.ts'

/** Between two looks at a workspace that could not be closed by itself. */
const RECHECK_S = 60 * 60

export const lockWorkspace = lockingRead(
  'workspace',
  statement<{ id: string; companyId: string }, { id: string; status: WorkspaceRow['status']; claimedBy: string | null }>(
    'execution_workspace_lock',
  ).read(sql`
    select w.id, w.status, w.claimed_by as "claimedBy" from ${executionWorkspaces} w
    where w.id = ${param('id', 'uuid')} and w.company_id = ${param('companyId', 'uuid')} for no key update`),
)

const archive = statement<{ id: string; reason: WorkspaceEnd }, { id: string }>('execution_workspace_archive').write(sql`
  update ${executionWorkspaces} set status = 'archived', closed_at = now(), closed_reason = ${param('reason', 'text')}, claimed_by = null,
    claimed_until = null, updated_at = now() where id = ${param('id', 'uuid')} returning id`)

const reopen = statement<{ id: string; waitS: number }, { id: string }>('execution_workspace_reopen').write(sql`
  update ${executionWorkspaces} set status = 'open', claimed_by = null, claimed_until = null, updated_at = now(),
    next_check_at = now() + make_interval(secs => ${param('waitS', 'float8')}) where id = ${param('id', 'uuid')} returning id`)

const markPrepared = statement<{ id: string; baseCommit: string }, { id: string }>('execution_workspace_prepared').write(sql`
  update ${executionWorkspaces} set status = 'open', base_commit = ${param('baseCommit', 'text')}, claimed_by = null, claimed_until = null, updated_at = now()
  where id = ${param('id', 'uuid')} returning id`)

/** The facts of an operation for its rows. */
interface End {
  /** Lines of its log. */
  readonly lines: readonly string[]
  /** Why it failed; null when it did not. */
  readonly error: string | null
}

type Ended = Pick<WorkspaceRow, 'id' | 'companyId' | 'name'>

/**
 * Ends an operation under the claim of the caller. A row that another party has taken over meanwhile stays as it is.
 * @returns whether it was the caller's
 */
async function underClaim(
  ctx: Ctx,
  { id, companyId }: Ended,
  claimedBy: string | null,
  end: (tx: Tx) => Promise<Outcome<boolean>>,
): Promise<boolean> {
  return await mutate(ctx, async (tx) => {
    const [row] = await lockWorkspace(tx, { id, companyId })
    if (row === undefined || row.status === 'archived' || row.claimedBy !== claimedBy) return unchanged(false)
    return await end(tx)
  })
}

interface ArchiveFacts {
  readonly reason: WorkspaceEnd
  readonly operationId?: string
  readonly headCommit?: string | null
  /** Files with changes that went with it. */
  readonly discardedCount?: number
}

/** Records that a workspace is gone. @param claimedBy of the row as the caller knows it */
export const archiveWorkspace = (
  ctx: Ctx,
  workspace: Ended,
  claimedBy: string | null,
  { reason, lines, error, ...details }: End & ArchiveFacts,
): Promise<boolean> =>
  underClaim(ctx, workspace, claimedBy, async (tx) => {
    await tx.run(archive, { id: workspace.id, reason })
    await finishOperation(tx, workspace.id, error, lines)
    const event = workspaceUpdated(workspace.id, {
      changedKeys: ['status'],
      name: workspace.name,
      status: 'archived',
      closedReason: reason,
      ...details,
    })
    return changed(true, event)
  })

/** Records that a workspace stays. @param reasons what stands against closing it */
export const keepWorkspace = (
  ctx: Ctx,
  workspace: Ended & { readonly operationId: string },
  claimedBy: string | null,
  { reasons, lines }: { readonly reasons: readonly string[]; readonly lines: readonly string[] },
): Promise<boolean> =>
  underClaim(ctx, workspace, claimedBy, async (tx) => {
    await tx.run(reopen, { id: workspace.id, waitS: RECHECK_S })
    await finishOperation(tx, workspace.id, reasons.join('; ') || 'It was interrupted', lines)
    return changed(true, workspaceCloseRefused(workspace.id, { operationId: workspace.operationId, reasons: reasons.slice(0, 10) }))
  })

/** Records that a workspace can be worked in. */
export const openWorkspace = (
  ctx: Ctx,
  workspace: Ended & { readonly operationId: string },
  claimedBy: string | null,
  { baseCommit, lines }: { readonly baseCommit: string; readonly lines: readonly string[] },
): Promise<boolean> =>
  underClaim(ctx, workspace, claimedBy, async (tx) => {
    await tx.run(markPrepared, { id: workspace.id, baseCommit })
    await finishOperation(tx, workspace.id, null, lines)
    return changed(true, workspacePrepared(workspace.id, { operationId: workspace.operationId, baseCommit }))
  })
