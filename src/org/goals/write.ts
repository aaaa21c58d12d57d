import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { lockCompany, lockUnarchivedCompany } from '../companies/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { goals } from '../../model/projects.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { requireTag } from '../../http/entityTag.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { goalCreated, goalUpdated } from './events.ts'
import { goalById } from './queries.ts'
import type { GoalRow } from './queries.ts'
import type { CreateGoal, PatchGoal } from './views.ts'

/** The most goals of one company. It limits an agent that creates goals in a loop. */
export const MAX_GOALS = 5000

interface GoalFacts {
  parent: boolean
  cycles: boolean
  owner: boolean
  goals: number
}

const loadGoalFacts = statement<{ companyId: string; goalId: string; parentId: string | null; ownerAgentId: string | null }, GoalFacts>(
  'goal_look',
).read(sql`
  with recursive above as (
    select ${param('parentId', 'uuid')} as id
    union
    select g.parent_id from above join ${goals} g on g.id = above.id where g.parent_id is not null)
  select exists (select 1 from ${goals} where id = ${param('parentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as parent,
    exists (select 1 from above where id = ${param('goalId', 'uuid')}) as cycles,
    exists (select 1 from ${agents} where id = ${param('ownerAgentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
      and status <> 'terminated') as owner,
    (select count(*)::int from ${goals} where company_id = ${param('companyId', 'uuid')}) as goals`)

/**
 * (tx) Checks the parent and the owner of a goal. Expects the company's row lock: two concurrent changes, each without a
 * cycle, could close one together.
 * @throws Refusal `unknown_reference`, `unprocessable` for a cycle
 */
async function requireGoalReferences(
  tx: Tx,
  companyId: string,
  goalId: string,
  input: Pick<PatchGoal, 'parentId' | 'ownerAgentId'>,
): Promise<GoalFacts> {
  const { parentId = null, ownerAgentId = null } = input
  const facts = exactlyOne(await tx.run(loadGoalFacts, { companyId, goalId, parentId, ownerAgentId }))
  if (parentId !== null && !facts.parent) refuse('unknown_reference', { message: 'Parent goal not found' })
  if (parentId !== null && facts.cycles) refuse('unprocessable', { message: 'Goal cannot be its own ancestor' })
  if (ownerAgentId !== null && !facts.owner) refuse('unknown_reference', { message: 'Owner agent not found' })
  return facts
}

/** Creates a goal. @throws Refusal `unknown_reference`, `company_not_active` */
export async function createGoal(ctx: Ctx, input: CreateGoal): Promise<GoalRow> {
  const companyId = companyOf(ctx)
  const id = randomUUID()
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const facts = await requireGoalReferences(tx, companyId, id, input)
    if (facts.goals >= MAX_GOALS) refuse('unprocessable', { message: `A company has at most ${MAX_GOALS} goals` })
    await tx.insert(goals).values({ ...input, id, companyId })
    const goal = await goalById(tx, companyId, id)
    return changed(goal, goalCreated(id, goal))
  })
}

/** Changes a goal. Without a difference it records nothing. @throws Refusal `unknown_reference`, `unprocessable` for a cycle, `precondition_failed` */
export async function updateGoal(ctx: Ctx, id: string, input: PatchGoal, ifMatch: string | null): Promise<GoalRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const before = await goalById(tx, companyId, id)
    requireTag(ifMatch, before, 'goal')
    const changes = changesOf(before, input)
    if (changes.length === 0) return unchanged(before)
    await requireGoalReferences(tx, companyId, id, Object.fromEntries(changes))
    await tx
      .update(goals)
      .set({ ...Object.fromEntries(changes), updatedAt: nextUpdatedAt })
      .where(eq(goals.id, id))
    return changed(await goalById(tx, companyId, id), goalUpdated(id, changeDetails(before, changes)))
  })
}

const lockForDelete = statement<{ id: string; companyId: string }, { id: string }>('goal_lock').read(
  sql`select id from ${goals} where id = ${param('id')} and company_id = ${param('companyId')} for update`,
)

/**
 * (tx) Locks a goal, so that no other transaction starts to reference it. Expects the company's row lock. Call it before
 * the issues of the goal are read: a write that references the goal has then either committed or waits.
 * @throws Refusal `not_found`
 */
export async function lockGoalForDelete(tx: Tx, companyId: string, id: string): Promise<GoalRow> {
  await tx.run(lockForDelete, { id, companyId })
  return await goalById(tx, companyId, id)
}

/** (tx) Deletes a goal. Its sub-goals stay, without a parent. @returns the number of sub-goals */
export async function deleteGoalRow(tx: Tx, id: string): Promise<number> {
  const detachedChildren = await tx
    .update(goals)
    .set({ parentId: null, updatedAt: nextUpdatedAt })
    .where(eq(goals.parentId, id))
    .returning({ id: goals.id })
  await tx.delete(goals).where(eq(goals.id, id))
  return detachedChildren.length
}
