// Closes a workspace: a claim that keeps runs away, a look under the claim, and only then the end of the folder.
import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Worktrees } from '../../adapters/index.ts'
import { runs } from '../../model/runs.ts'
import { executionWorkspaces } from '../../model/workspaces.ts'
import type { WorkspaceEnd } from '../../model/workspaceStatus.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { invariant, Refusal, refuse } from '../../platform/kernel/errors.ts'
import { CLAIM_S } from './acquire.ts'
import { archiveWorkspace, keepWorkspace, lockWorkspace } from './archive.ts'
import { workspaceClosing } from './events.ts'
import { beginOperation } from './operations.ts'
import { worktreeOf } from './place.ts'
import { isLeased, linkedIssuesOf, liveRunOf, presentWorkspace, workspaceRowById } from './queries.ts'
import type { ExecutionWorkspace, WorkspaceRow } from './queries.ts'
import { mayClose, readinessOf } from './rules.ts'
import type { CloseReadiness } from './views.ts'

const RETRY_AFTER_S = 5

/** Whether this server has the folder of a workspace. */
const isHere = (worktrees: Worktrees | null, { folderMark }: WorkspaceRow): worktrees is Worktrees =>
  worktrees !== null && worktrees.folderMark === folderMark

/**
 * Looks what would be lost with a workspace. It writes nothing.
 * @throws Refusal `busy` while many others are looked at
 */
export async function readinessOfRow(db: ReadDb, worktrees: Worktrees | null, row: WorkspaceRow): Promise<CloseReadiness> {
  const [linkedIssues, liveRun] = await Promise.all([linkedIssuesOf(db, row), liveRunOf(db, row)])
  const canLook = isHere(worktrees, row) && row.status === 'open'
  if (canLook && worktrees.isBusy()) refuse('busy', { retryAfter: RETRY_AFTER_S })
  const inspection = canLook ? await worktrees.inspect(worktreeOf(row), row.baseCommit ?? '') : null
  return readinessOf({ workspaceId: row.id, status: row.status, liveRun, linkedIssues, inspection })
}

const claim = statement<{ id: string; claimedBy: string; waitS: number }, { id: string }>('execution_workspace_claim').write(sql`
  update ${executionWorkspaces} set status = 'closing', claimed_by = ${param('claimedBy', 'text')},
    claimed_until = now() + make_interval(secs => ${param('waitS', 'float8')}), updated_at = now() where id = ${param('id', 'uuid')} returning id`)

const selectLeased = statement<{ id: string }, { isLeased: boolean }>('execution_workspace_is_leased').read(
  sql`select ${isLeased('w')} as "isLeased" from ${executionWorkspaces} w where w.id = ${param('id', 'uuid')}`,
)

/** A workspace that no run gets until its operation has ended. */
interface Claimed {
  readonly workspace: WorkspaceRow
  readonly operationId: string
}

function refuseClose({ state, blockingReasons, warnings, confirmation }: CloseReadiness): never {
  return refuse('workspace_not_ready', { details: { state, blockingReasons, warnings, confirmation } })
}

/**
 * Keeps runs away from an open workspace that no live run has. The answer to the request is stored with the claim: what follows is the work of this server, and
 * goes on when the client is gone.
 * @param readiness what was seen before
 * @throws Refusal `workspace_not_ready` when it is not open any more, or a run has it
 */
async function claimForClose(ctx: Ctx, worktrees: Worktrees, readiness: CloseReadiness): Promise<Claimed> {
  const companyId = companyOf(ctx)
  const id = readiness.workspaceId
  const operationId = randomUUID()
  const claimed: { workspace?: WorkspaceRow } = {}
  await mutate(ctx, async (tx) => {
    const [locked] = await lockWorkspace(tx, { id, companyId })
    const [lease] = await tx.run(selectLeased, { id })
    if (locked?.status !== 'open' || lease?.isLeased === true)
      return refuseClose({ ...readiness, state: 'blocked', blockingReasons: ['A run or another request has taken it'] })
    await tx.run(claim, { id, claimedBy: worktrees.self, waitS: CLAIM_S })
    await beginOperation(tx, { id: operationId, companyId, workspaceId: id, runId: null, phase: 'close' })
    const workspace = await workspaceRowById(tx, companyId, id)
    claimed.workspace = workspace
    return changed(presentWorkspace(workspace, ctx.actor), workspaceClosing(id, { operationId }))
  })
  invariant(claimed.workspace !== undefined, 'a claim without a workspace')
  return { workspace: claimed.workspace, operationId }
}

const selectProcess = statement<{ id: string; companyId: string }, { processIdentity: string | null }>('execution_workspace_process').read(
  sql`select process_identity as "processIdentity" from ${runs} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

/** Ends what the last run of a workspace has left of itself. @returns whether nothing is left */
async function endLast(db: ReadDb, worktrees: Worktrees, { leaseRunId, companyId }: WorkspaceRow): Promise<boolean> {
  if (leaseRunId === null) return true
  const [run] = await db.run(selectProcess, { id: leaseRunId, companyId })
  return run === undefined || (await worktrees.endLeftover({ runId: leaseRunId, processIdentity: run.processIdentity }))
}

interface Closing {
  /** The state that the board has confirmed; null for none. */
  readonly confirmed: string | null
  readonly reason: Extract<WorkspaceEnd, 'board' | 'issue_closed'>
}

/** Ends a claimed workspace, or gives it back. @returns what stands against it; null when it is gone */
async function finishClose(
  ctx: Ctx,
  worktrees: Worktrees,
  { workspace, operationId }: Claimed,
  { confirmed, reason }: Closing,
): Promise<string[] | null> {
  const { self } = worktrees
  const keep = async (reasons: string[], lines: readonly string[]): Promise<string[]> => {
    await keepWorkspace(ctx, { ...workspace, operationId }, self, { reasons, lines })
    return reasons
  }
  if (!worktrees.exists(workspace.id)) {
    await archiveWorkspace(ctx, workspace, self, { reason: 'folder_missing', lines: [], error: null, operationId })
    return null
  }
  if (!(await endLast(ctx.store.read, worktrees, workspace))) return await keep(['Processes of its last run do not end'], [])
  const inspection = await worktrees.inspect(worktreeOf(workspace), workspace.baseCommit ?? '')
  const readiness = readinessOf({ workspaceId: workspace.id, status: 'open', liveRun: null, linkedIssues: [], inspection })
  const lines = [
    `${inspection.dirtyCount} changed, ${inspection.aheadCount} commits since it began, last commit ${inspection.headCommit ?? 'unknown'}`,
  ]
  if (!mayClose(readiness, confirmed)) return await keep(readiness.warnings, lines)
  const problem = await worktrees.close(worktreeOf(workspace), inspection)
  if (problem !== null) return await keep([problem], [...lines, problem])
  const { headCommit, dirtyCount: discardedCount } = inspection
  await archiveWorkspace(ctx, workspace, self, {
    reason,
    error: null,
    operationId,
    headCommit,
    discardedCount,
    lines: [...lines, 'Its folder is gone'],
  })
  // The files take as long as they take; a later look deletes what a crash leaves.
  worktrees.removeClosed().catch(() => {})
  return null
}

/**
 * Closes a workspace for the board. Work that would be lost for good must be what the board has seen; committed work stays in the repository.
 * @throws Refusal `not_found`, `workspace_not_ready`, `busy`
 */
export async function closeWorkspace(
  ctx: Ctx,
  worktrees: Worktrees | null,
  id: string,
  confirmed: string | null,
): Promise<ExecutionWorkspace> {
  const row = await workspaceRowById(ctx.store.read, companyOf(ctx), id)
  if (row.status === 'archived') return presentWorkspace(row, ctx.actor)
  const readiness = await readinessOfRow(ctx.store.read, worktrees, row)
  if (!mayClose(readiness, confirmed) || !isHere(worktrees, row)) return refuseClose(readiness)
  const begun = await claimForClose(ctx, worktrees, readiness)
  const left = await finishClose({ ...ctx, idempotency: null }, worktrees, begun, { confirmed, reason: 'board' })
  const after = await workspaceRowById(ctx.store.read, row.companyId, id)
  if (left !== null) return refuseClose(await readinessOfRow(ctx.store.read, worktrees, after))
  return presentWorkspace(after, ctx.actor)
}

/** Closes a workspace whose issue is closed, when nothing would be lost. @returns whether it is gone */
export async function closeBySelf(ctx: Ctx, worktrees: Worktrees, row: WorkspaceRow): Promise<boolean> {
  const readiness = await readinessOfRow(ctx.store.read, worktrees, row)
  if (!mayClose(readiness, null)) return false
  try {
    const begun = await claimForClose(ctx, worktrees, readiness)
    return (await finishClose(ctx, worktrees, begun, { confirmed: null, reason: 'issue_closed' })) === null
  } catch (error) {
    // A run has taken it meanwhile.
    if (error instanceof Refusal && error.code === 'workspace_not_ready') return false
    throw error
  }
}
