import { sql } from 'drizzle-orm'
import type { Worktrees } from '../../adapters/index.ts'
import { requireTag } from '../../http/entityTag.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { hideFolders } from '../../auth/visibility.ts'
import { executionWorkspaces } from '../../model/workspaces.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { lockWorkspace } from './archive.ts'
import { closeWorkspace, readinessOfRow } from './close.ts'
import { workspaceUpdated } from './events.ts'
import { presentWorkspace, workspaceRowById } from './queries.ts'
import type { ExecutionWorkspace } from './queries.ts'
import type { CloseReadiness, PatchExecutionWorkspace } from './views.ts'

/**
 * The reasons against closing a workspace, and the work that would be lost.
 * @throws Refusal `not_found`, `busy`
 */
export async function readReadiness(ctx: Ctx, worktrees: Worktrees | null, id: string): Promise<CloseReadiness> {
  const row = await workspaceRowById(ctx.store.read, companyOf(ctx), id)
  const readiness = await readinessOfRow(ctx.store.read, worktrees, row)
  // Complaints of git have paths of this host, which agents do not learn.
  return ctx.actor.kind === 'agent' ? { ...readiness, warnings: readiness.warnings.map(hideFolders) } : readiness
}

const update = statement<{ id: string; name: string; metadata: string | null }, { id: string }>('execution_workspace_update').write(sql`
  update ${executionWorkspaces} set name = ${param('name', 'text')}, metadata = ${param('metadata', 'jsonb')}, updated_at = ${nextUpdatedAt}
  where id = ${param('id', 'uuid')} returning id`)

/** Refuses an agent what only the board does, and the workspaces of other agents. */
function requireMayPatch({ actor }: Ctx, { agentId }: { readonly agentId: string }, input: PatchExecutionWorkspace): void {
  if (actor.kind !== 'agent') return
  const fields = (['status', 'confirmation'] as const).filter((name) => input[name] !== undefined)
  if (fields.length > 0) refuse('field_not_permitted', { message: 'Only the board closes a workspace', details: { fields } })
  if (actor.agentId !== agentId) refuse('not_self')
}

/**
 * Changes the name or the note of a workspace, or closes it.
 * @throws Refusal `not_found`, `field_not_permitted`, `not_self`, `precondition_failed`, `unprocessable`, and those of `closeWorkspace`
 */
export async function patchExecutionWorkspace(
  ctx: Ctx,
  worktrees: Worktrees | null,
  id: string,
  { input, ifMatch }: { readonly input: PatchExecutionWorkspace; readonly ifMatch: string | null },
): Promise<ExecutionWorkspace> {
  const companyId = companyOf(ctx)
  const { status, confirmation = null, ...fields } = input
  if (status !== undefined) {
    const row = await workspaceRowById(ctx.store.read, companyId, id)
    requireMayPatch(ctx, row, input)
    requireTag(ifMatch, presentWorkspace(row, ctx.actor), 'workspace')
    if (Object.keys(fields).length > 0) refuse('unprocessable', { message: 'Close it in a request of its own' })
    return await closeWorkspace(ctx, worktrees, id, confirmation)
  }
  return await mutate(ctx, async (tx) => {
    await requireActingRun(tx, ctx)
    await lockWorkspace(tx, { id, companyId })
    const before = await workspaceRowById(tx, companyId, id)
    requireMayPatch(ctx, before, input)
    requireTag(ifMatch, presentWorkspace(before, ctx.actor), 'workspace')
    const changes = changesOf(before, fields)
    if (changes.length === 0) return unchanged(presentWorkspace(before, ctx.actor))
    const { name, metadata } = { ...before, ...Object.fromEntries(changes) } as Pick<typeof before, 'name' | 'metadata'>
    await tx.run(update, { id, name, metadata: metadata === null ? null : JSON.stringify(metadata) })
    const after = await workspaceRowById(tx, companyId, id)
    return changed(presentWorkspace(after, ctx.actor), workspaceUpdated(id, { changedKeys: changes.map(([key]) => key), name }))
  })
}

const serviceActions = new Set(['start', 'stop', 'restart'])

/**
 * compatibility: Paperclip's API starts services in a workspace. This server runs agents only, so it refuses every action.
 * @throws Refusal `not_found` for the workspace or the action, otherwise `unprocessable`
 */
export async function refuseService(ctx: Ctx, id: string, action: string): Promise<never> {
  await workspaceRowById(ctx.store.read, companyOf(ctx), id)
  if (!serviceActions.has(action)) refuse('not_found', { message: 'Runtime service action not found' })
  return refuse('unprocessable', { message: 'This server runs no services in workspaces' })
}
