// The ends of an operation, each in one transaction: the row of the workspace, that of the operation, and the audit.
import { sql } from 'drizzle-orm'
import { executionWorkspaces } from '../../model/workspaces.ts'
import type { WorkspaceEnd } from '../../model/workspaceStatus.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Store, Tx } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { workspaceCloseRefused, workspacePrepared, workspaceUpdated } from './events.ts'
import { finishOperation } from './operations.ts'
import { presentWorkspace, workspaceRowById } from './queries.ts'
import type { ExecutionWorkspace, WorkspaceRow } from './queries.ts'
import { hidePaths } from './rules.ts'

/** Between two looks at a workspace that could not be closed by itself. */
const RECHECK_S = 60 * 60
/** Longer than every step of an operation together: then its server is taken for gone. */
export const CLAIM_S = 15 * 60
/** Reasons in one row of the audit. */
const MAX_REASONS = 10

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
type Kept = Ended & Pick<WorkspaceRow, 'cwd' | 'repository'> & { readonly operationId: string }

/**
 * Ends an operation under the claim of the caller. A row that another party has taken over meanwhile stays as it is: each piece of work has a claim of its
 * own, so one that comes late cannot be taken for the next.
 * @returns what `end` returns; null when the claim is not the caller's any more
 */
async function underClaim<T>(
  ctx: Ctx,
  { id, companyId }: Ended,
  claimedBy: string | null,
  end: (tx: Tx) => Promise<Outcome<T>>,
): Promise<T | null> {
  return await mutate<T | null>(ctx, async (tx) => {
    const [row] = await lockWorkspace(tx, { id, companyId })
    if (row === undefined || row.status === 'archived' || row.claimedBy !== claimedBy) {
      // Nothing is stored under the key of the request: the next one finds the row as it is then.
      if (ctx.idempotency !== null) refuse('workspace_not_ready')
      return unchanged(null)
    }
    return await end(tx)
  })
}

const renew = statement<{ id: string; claimedBy: string }, { id: string }>('execution_workspace_renew_claim').unaudited(sql`
  update ${executionWorkspaces} set claimed_until = now() + make_interval(secs => ${sql.raw(String(CLAIM_S))})
  where id = ${param('id', 'uuid')} and status = 'closing' and claimed_by = ${param('claimedBy', 'text')} and claimed_until > now() returning id`)

/** Begins the time of a claim on a closing workspace again. @returns whether the claim was still the caller's */
export const renewClaim = async (store: Store, id: string, claimedBy: string): Promise<boolean> =>
  (await writeUnaudited(store, renew, { id, claimedBy })).length > 0

interface ArchiveFacts {
  readonly reason: WorkspaceEnd
  readonly operationId?: string
  readonly headCommit?: string | null
  /** Files with changes that went with it. */
  readonly discardedCount?: number
}

/**
 * Records that a workspace is gone.
 * @param claimedBy of the row as the caller knows it
 * @returns the workspace; null when it was not the caller's
 */
export const archiveWorkspace = (
  ctx: Ctx,
  workspace: Ended,
  claimedBy: string | null,
  { reason, lines, error, ...details }: End & ArchiveFacts,
): Promise<ExecutionWorkspace | null> =>
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
    return changed(presentWorkspace(await workspaceRowById(tx, workspace.companyId, workspace.id), ctx.actor), event)
  })

/** Records that a workspace stays. @param reasons what stands against closing it. They have paths of this host, which the audit does not have */
export const keepWorkspace = (
  ctx: Ctx,
  workspace: Kept,
  claimedBy: string | null,
  { reasons, lines }: { readonly reasons: readonly string[]; readonly lines: readonly string[] },
): Promise<true | null> =>
  underClaim(ctx, workspace, claimedBy, async (tx) => {
    await tx.run(reopen, { id: workspace.id, waitS: RECHECK_S })
    await finishOperation(tx, workspace.id, reasons.join('; ') || 'It was interrupted', lines)
    const covered = reasons.slice(0, MAX_REASONS).map((reason) => hidePaths(reason, [workspace.cwd, workspace.repository]))
    return changed(true, workspaceCloseRefused(workspace.id, { operationId: workspace.operationId, reasons: covered }))
  })

/** Records that a workspace can be worked in. @returns whether it was the caller's */
export const openWorkspace = async (
  ctx: Ctx,
  workspace: Ended & { readonly operationId: string },
  claimedBy: string,
  { baseCommit, lines }: { readonly baseCommit: string; readonly lines: readonly string[] },
): Promise<boolean> => {
  const opened = await underClaim(ctx, workspace, claimedBy, async (tx) => {
    await tx.run(markPrepared, { id: workspace.id, baseCommit })
    await finishOperation(tx, workspace.id, null, lines)
    return changed(true, workspacePrepared(workspace.id, { operationId: workspace.operationId, baseCommit }))
  })
  return opened === true
}
