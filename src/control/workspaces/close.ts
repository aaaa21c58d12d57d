// Closes a workspace: a claim that keeps runs away, a look under the claim, and only then the end of the folder.
import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Leftover, Worktrees } from '../../adapters/index.ts'
import { runs } from '../../model/runs.ts'
import { executionWorkspaces } from '../../model/workspaces.ts'
import type { WorkspaceEnd } from '../../model/workspaceStatus.ts'
import { companyOf } from '../../platform/db/context.ts'
import { storingRefusal } from '../../platform/db/idempotency.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { archiveWorkspace, CLAIM_S, keepWorkspace, lockWorkspace, renewClaim } from './archive.ts'
import { workspaceClosing } from './events.ts'
import { beginOperation } from './operations.ts'
import { isLeased, linkedIssuesOf, liveRunOf, presentWorkspace, workspaceRowById, worktreeOf } from './queries.ts'
import type { ExecutionWorkspace, WorkspaceRow } from './queries.ts'
import { mayClose, readinessOf } from './rules.ts'
import type { CloseReadiness } from './views.ts'

const RETRY_AFTER_S = 5

/** Whether this server has the folder of a workspace. */
const isHere = (worktrees: Worktrees | null, { folderMark }: WorkspaceRow): worktrees is Worktrees =>
  worktrees !== null && worktrees.folderMark === folderMark

/** Facts of the row that make the confirmation of one state no confirmation of a later one. */
const factsOf = ({ leaseRunId, lastUsedAt }: WorkspaceRow): string[] => [leaseRunId ?? '', new Date(lastUsedAt).toISOString()]

const selectProcess = statement<{ id: string; companyId: string }, { processIdentity: string | null }>('execution_workspace_process').read(
  sql`select process_identity as "processIdentity" from ${runs} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

/** The last run of a workspace, for a look at its processes; null for none. */
async function lastRunOf(db: ReadDb, { leaseRunId, companyId }: WorkspaceRow): Promise<Leftover | null> {
  if (leaseRunId === null) return null
  const [run] = await db.run(selectProcess, { id: leaseRunId, companyId })
  return { runId: leaseRunId, processIdentity: run?.processIdentity ?? null }
}

/**
 * Looks what would be lost with a workspace. It writes nothing.
 * @throws Refusal `busy` while many others are looked at
 */
export async function readinessOfRow(db: ReadDb, worktrees: Worktrees | null, row: WorkspaceRow): Promise<CloseReadiness> {
  const [linkedIssues, liveRun, lastRun] = await Promise.all([linkedIssuesOf(db, row), liveRunOf(db, row), lastRunOf(db, row)])
  const canLook = isHere(worktrees, row) && row.status === 'open'
  if (canLook && worktrees.isBusy(row.companyId)) refuse('busy', { retryAfter: RETRY_AFTER_S })
  const inspection = canLook ? await worktrees.inspect(worktreeOf(row), row.baseCommit ?? '', factsOf(row)) : null
  const isElsewhere = canLook && lastRun !== null && worktrees.isElsewhere(lastRun)
  return readinessOf({ workspaceId: row.id, status: row.status, liveRun, linkedIssues, inspection, isElsewhere })
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
  /** Of this one close. */
  readonly claim: string
}

const refusalOf = ({ state, blockingReasons, warnings, confirmation }: CloseReadiness): Refusal =>
  new Refusal('workspace_not_ready', { details: { state, blockingReasons, warnings, confirmation } })

const blockedBy = (readiness: CloseReadiness, reason: string): CloseReadiness => ({
  ...readiness,
  state: 'blocked',
  blockingReasons: [reason],
})

const TAKEN_OVER = 'A run or another request has taken it'

/**
 * Keeps runs away from an open workspace that no live run has. The rest is the work of this server, and goes on when the client is gone.
 * @param readiness what was seen before
 * @throws Refusal `workspace_not_ready` when it is not open any more, or a run has it
 */
async function claimForClose(ctx: Ctx, claimedBy: string, readiness: CloseReadiness): Promise<Claimed> {
  const companyId = companyOf(ctx)
  const id = readiness.workspaceId
  const operationId = randomUUID()
  // The answer of the request is stored with its end, and this is none.
  const workspace = await mutate({ ...ctx, idempotency: null }, async (tx) => {
    const [locked] = await lockWorkspace(tx, { id, companyId })
    const [lease] = await tx.run(selectLeased, { id })
    if (locked?.status !== 'open' || lease?.isLeased === true) throw refusalOf(blockedBy(readiness, TAKEN_OVER))
    await tx.run(claim, { id, claimedBy, waitS: CLAIM_S })
    await beginOperation(tx, { id: operationId, companyId, workspaceId: id, runId: null, phase: 'close' })
    return changed(await workspaceRowById(tx, companyId, id), workspaceClosing(id, { operationId }))
  })
  return { workspace, operationId, claim: claimedBy }
}

interface Closing {
  /** The state that the board has confirmed; null for none. */
  readonly confirmed: string | null
  readonly reason: Extract<WorkspaceEnd, 'board' | 'issue_closed'>
  /** The readiness that was seen before the claim. */
  readonly seen: CloseReadiness
}

/**
 * Looks at a claimed workspace again, and gives it back when it may not go.
 * @throws Refusal `workspace_not_ready`, which is stored under the key of the request
 */
async function lookUnderClaim(ctx: Ctx, worktrees: Worktrees, { workspace, operationId, claim: claimedBy }: Claimed, closing: Closing) {
  const stay = async (readiness: CloseReadiness, reasons: readonly string[], lines: readonly string[] = []): Promise<never> => {
    const refusal = refusalOf(readiness)
    await keepWorkspace(storingRefusal(ctx, refusal), { ...workspace, operationId }, claimedBy, { reasons, lines })
    throw refusal
  }
  const blocked = (reason: string, lines?: readonly string[]) => stay(blockedBy(closing.seen, reason), [reason], lines)
  const lastRun = await lastRunOf(ctx.store.read, workspace)
  const left = lastRun === null ? 'none' : await worktrees.endLeftover(lastRun)
  if (left === 'survived') return await blocked('Processes of its last run do not end')
  const inspection = await worktrees.inspect(worktreeOf(workspace), workspace.baseCommit ?? '', factsOf(workspace))
  const { linkedIssues } = closing.seen
  const isElsewhere = left === 'elsewhere'
  const readiness = readinessOf({ workspaceId: workspace.id, status: 'open', liveRun: null, linkedIssues, inspection, isElsewhere })
  const lines = [
    `${inspection.dirtyCount} changed, ${inspection.aheadCount} commits since it began, last commit ${inspection.headCommit ?? 'unknown'}`,
  ]
  if (!mayClose(readiness, closing.confirmed)) return await stay(readiness, readiness.warnings, lines)
  const problem = await worktrees.keep(worktreeOf(workspace))
  // Where git could not find out anything, the board has confirmed that.
  if (problem !== null && inspection.problem === null) return await blocked(problem, [...lines, problem])
  return { inspection, lines: problem === null ? lines : [...lines, problem], blocked }
}

/**
 * Takes the folder of a claimed workspace away. The claim is asked for before and behind it: one that has run out was given to another party, and a late
 * one changes nothing.
 * @throws Refusal `workspace_not_ready`
 */
async function takeAway(ctx: Ctx, worktrees: Worktrees, { workspace, claim: claimedBy }: Claimed, seen: CloseReadiness) {
  const isMine = () => renewClaim(ctx.store, workspace.id, claimedBy)
  const late = (): Refusal => refusalOf(blockedBy(seen, TAKEN_OVER))
  if (!(await isMine())) throw late()
  const taken = worktrees.take(worktreeOf(workspace))
  if ('problem' in taken) return taken
  const isStillMine = await isMine().catch((error: unknown) => {
    taken.putBack()
    throw error
  })
  if (!isStillMine) {
    taken.putBack()
    throw late()
  }
  return taken
}

/** Ends a claimed workspace, or gives it back. @throws Refusal `workspace_not_ready` when it stays */
async function finishClose(ctx: Ctx, worktrees: Worktrees, claimed: Claimed, closing: Closing): Promise<ExecutionWorkspace> {
  const { workspace, operationId } = claimed
  const archived = async (facts: Parameters<typeof archiveWorkspace>[3]): Promise<ExecutionWorkspace> => {
    const end = await archiveWorkspace(ctx, workspace, claimed.claim, { operationId, ...facts })
    return end ?? presentWorkspace(await workspaceRowById(ctx.store.read, workspace.companyId, workspace.id), ctx.actor)
  }
  if (isHere(worktrees, workspace) && !worktrees.exists(workspace.id)) {
    await worktrees.settle(worktreeOf(workspace))
    return await archived({ reason: 'folder_missing', lines: [], error: null })
  }
  const { inspection, lines, blocked } = await lookUnderClaim(ctx, worktrees, claimed, closing)
  const taken = await takeAway(ctx, worktrees, claimed, closing.seen)
  if ('problem' in taken) return await blocked(taken.problem, [...lines, taken.problem])
  await taken.discard()
  const { headCommit, dirtyCount: discardedCount } = inspection
  const closed = await archived({
    reason: closing.reason,
    error: null,
    headCommit,
    discardedCount,
    lines: [...lines, 'Its folder is gone'],
  })
  // The files take as long as they take; later looks delete what is left.
  worktrees.removeClosed().catch(() => {})
  return closed
}

/** Claims a workspace and closes it. @throws Refusal `workspace_not_ready` */
async function closeClaimed(ctx: Ctx, worktrees: Worktrees, closing: Closing): Promise<ExecutionWorkspace> {
  const claimedBy = worktrees.claim()
  try {
    return await finishClose(ctx, worktrees, await claimForClose(ctx, claimedBy, closing.seen), closing)
  } finally {
    worktrees.unclaim(claimedBy)
  }
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
  const seen = await readinessOfRow(ctx.store.read, worktrees, row)
  if (!mayClose(seen, confirmed) || !isHere(worktrees, row)) throw refusalOf(seen)
  return await closeClaimed(ctx, worktrees, { confirmed, reason: 'board', seen })
}

/** Closes a workspace whose issue is closed, when nothing would be lost. @returns whether it is gone */
export async function closeBySelf(ctx: Ctx, worktrees: Worktrees, row: WorkspaceRow): Promise<boolean> {
  try {
    const seen = await readinessOfRow(ctx.store.read, worktrees, row)
    if (!mayClose(seen, null)) return false
    await closeClaimed(ctx, worktrees, { confirmed: null, reason: 'issue_closed', seen })
    return true
  } catch (error) {
    // A run has taken it meanwhile, or others are looked at. A later look closes it.
    if (error instanceof Refusal && (error.code === 'workspace_not_ready' || error.code === 'busy')) return false
    throw error
  }
}
