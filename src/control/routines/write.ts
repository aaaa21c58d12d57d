import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { lockCompany, lockUnarchivedCompany } from '../../org/companies/index.ts'
import { requireMayWriteCompany } from './mayWrite.ts'
import { requireReferences } from '../../work/issues/index.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { routineStatus } from '../../model/routineStatus.ts'
import type { RoutinePauseReason, RoutineStatus } from '../../model/routineStatus.ts'
import { routines, routineTriggers } from '../../model/routines.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { routineCreated, routineUpdated } from './events.ts'
import { MAX_KEPT_ROUTINES, MAX_KEPT_ROUTINES_OF_AGENT, MAX_ROUTINES, MAX_ROUTINES_OF_AGENT } from './limits.ts'
import { lockOwnRoutine, OWN_ONLY } from './lock.ts'
import type { RoutineRow } from './lock.ts'
import { routineById } from './queries.ts'
import { agentMayResume } from './rules.ts'
import { setNextTimes } from './nextTimes.ts'
import { variablesProblem, withoutDefault } from './variables.ts'
import type { CreateRoutine, PatchRoutine } from './views.ts'

interface Counts {
  all: number
  kept: number
  own: number
  ownKept: number
}

const isActive = sql`status <> 'archived'`
const isOwn = sql`created_by_agent_id = ${param('agentId', 'uuid')}`
const countRoutines = statement<{ companyId: string; agentId: string | null }, Counts>('routine_count').read(sql`
  select count(*) filter (where ${isActive})::int as all, count(*)::int as kept, count(*) filter (where ${isActive} and ${isOwn})::int as own,
    count(*) filter (where ${isOwn})::int as "ownKept"
  from ${routines} where company_id = ${param('companyId', 'uuid')}`)

const hasSchedule = statement<{ routineId: string }, { found: boolean }>('routine_has_schedule').read(sql`
  select exists (select 1 from ${routineTriggers} where routine_id = ${param('routineId', 'uuid')} and kind = 'schedule' and enabled) as found`)

/**
 * (tx) Refuses one routine more than a company or an agent may have. Expects the company's row lock.
 * @param before the archived routine that is to come back; null for a new one
 * @throws Refusal `unprocessable`
 */
async function requireRoom(tx: Tx, ctx: Ctx, before: RoutineRow | null, status: RoutineStatus): Promise<void> {
  const agentId = ctx.actor.kind === 'agent' ? ctx.actor.agentId : null
  const { all, kept, own, ownKept } = exactlyOne(await tx.run(countRoutines, { companyId: companyOf(ctx), agentId }))
  const atMost = (count: number, most: number, message: string): void => {
    if (count >= most) refuse('unprocessable', { message, details: { limit: most } })
  }
  if (status !== 'archived') atMost(all, MAX_ROUTINES, `A company has at most ${MAX_ROUTINES} routines that are not archived`)
  if (before === null) atMost(kept, MAX_KEPT_ROUTINES, `A company has at most ${MAX_KEPT_ROUTINES} routines, the archived ones included`)
  if (agentId === null || (before !== null && before.createdByAgentId !== agentId)) return
  if (status !== 'archived')
    atMost(own, MAX_ROUTINES_OF_AGENT, `An agent makes at most ${MAX_ROUTINES_OF_AGENT} routines for itself; archive one, or ask the board`)
  if (before === null)
    atMost(
      ownKept,
      MAX_KEPT_ROUTINES_OF_AGENT,
      `An agent makes at most ${MAX_KEPT_ROUTINES_OF_AGENT} routines for itself, the archived ones included; use one of them again`,
    )
}

function requireVariables(variables: PatchRoutine['variables']): void {
  const problem = variables === undefined ? null : variablesProblem(variables)
  if (problem !== null) refuse('unprocessable', { message: problem })
}

/** An agent makes routines for itself only: a routine of another one would wake and instruct it (I21). @throws Refusal `not_self` */
function requireOwnAssignee(ctx: Ctx, assigneeAgentId: string | null): void {
  if (ctx.actor.kind === 'agent' && assigneeAgentId !== ctx.actor.agentId) refuse('not_self', { message: OWN_ONLY })
}

const reasonOf = (ctx: Ctx, status: RoutineStatus): RoutinePauseReason | null => {
  if (status === 'active') return null
  return ctx.actor.kind === 'agent' ? 'agent' : 'board'
}

/**
 * Creates a routine, without triggers. An agent creates routines for itself, within its quotas.
 * @throws Refusal `not_self` for another assignee; `unprocessable` for variables and beyond a quota; `unknown_reference`, `not_found`, `agent_terminated`,
 *   `agent_pending`, `company_not_active`
 */
export async function createRoutine(ctx: Ctx, input: CreateRoutine): Promise<RoutineRow> {
  const companyId = companyOf(ctx)
  const id = randomUUID()
  const { agentId: createdByAgentId, userId: createdByUserId } = authorOf(ctx.actor)
  const { projectId = null, goalId = null, parentIssueId = null, assigneeAgentId = null, description = null } = input
  requireOwnAssignee(ctx, assigneeAgentId)
  requireVariables(input.variables)
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    await requireReferences(tx, ctx, { projectId, goalId, parentId: parentIssueId, assigneeAgentId })
    await requireRoom(tx, ctx, null, input.status)
    const references = { projectId, goalId, parentIssueId, assigneeAgentId, description }
    const authors = { createdByAgentId, createdByUserId, updatedByAgentId: createdByAgentId, updatedByUserId: createdByUserId }
    await tx.insert(routines).values({ ...input, ...references, ...authors, id, companyId, pauseReason: reasonOf(ctx, input.status) })
    const routine = await routineById(tx, companyId, id)
    return changed(routine, routineCreated(id, routine, { agentId: assigneeAgentId }))
  })
}

/** (tx) Whether a change may be made: what an agent may not resume or give away, and what does not fit together. */
async function requirePermitted(tx: Tx, ctx: Ctx, before: RoutineRow, input: PatchRoutine): Promise<void> {
  const { status = before.status, assigneeAgentId, variables } = input
  if (ctx.actor.kind === 'agent') {
    if (assigneeAgentId !== undefined) requireOwnAssignee(ctx, assigneeAgentId)
    if (status === 'active' && !agentMayResume(before))
      refuse('approval_required', { message: 'The board has stopped this routine, and only the board makes it active again' })
    if (before.status !== 'active' && status !== 'active' && !agentMayResume(before) && status !== before.status)
      refuse('approval_required', { message: 'The board has stopped this routine' })
  }
  if (status !== before.status && !routineStatus.allows(before.status, status))
    refuse('illegal_transition', { details: { from: before.status, to: status } })
  if (variables === undefined) return
  requireVariables(variables)
  const missing = withoutDefault(variables)
  const [schedule] = missing.length === 0 ? [] : await tx.run(hasSchedule, { routineId: before.id })
  if (schedule?.found === true)
    refuse('unprocessable', {
      message: `A schedule cannot give values of variables: ${missing.join(', ')} need a default`,
      details: { missing },
    })
}

/**
 * Changes a routine. One that becomes active again goes on with the next time of its schedules: what was due meanwhile is not made up for. Without
 * a difference nothing is recorded.
 * @throws Refusal `not_found`; `unprocessable` when it would come back from the archive beyond a quota; `not_self` for the routine of another agent, and for another assignee; `approval_required` when an agent resumes what
 *   the board has stopped; as `createRoutine`
 */
export async function updateRoutine(ctx: Ctx, id: string, input: PatchRoutine): Promise<RoutineRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    // One that comes back from the archive is counted, so two of them take turns.
    if (input.status !== undefined && input.status !== 'archived') await lockCompany(tx, companyId)
    const { routine: before, companyStatus } = await lockOwnRoutine(tx, ctx, id)
    requireMayWriteCompany(companyStatus)
    const changes = changesOf(before, input)
    if (changes.length === 0) return unchanged(before)
    const changedInput: PatchRoutine = Object.fromEntries(changes)
    await requirePermitted(tx, ctx, before, changedInput)
    const { projectId, goalId, parentIssueId, assigneeAgentId, status } = changedInput
    if (before.status === 'archived' && status !== undefined) await requireRoom(tx, ctx, before, status)
    // One that becomes active again needs an agent that may be given work, as a new one does.
    const assignee = status === 'active' && assigneeAgentId === undefined ? before.assigneeAgentId : assigneeAgentId
    await requireReferences(tx, ctx, { projectId, goalId, parentId: parentIssueId, assigneeAgentId: assignee })
    const { agentId: updatedByAgentId, userId: updatedByUserId } = authorOf(ctx.actor)
    const pause = status === undefined ? {} : { pauseReason: reasonOf(ctx, status) }
    await tx
      .update(routines)
      .set({ ...Object.fromEntries(changes), ...pause, updatedByAgentId, updatedByUserId, updatedAt: nextUpdatedAt })
      .where(eq(routines.id, id))
    if (status !== undefined) await setNextTimes(tx, [id])
    return changed(
      await routineById(tx, companyId, id),
      routineUpdated(id, changeDetails(before, changes), { agentId: before.assigneeAgentId }),
    )
  })
}
