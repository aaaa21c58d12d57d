import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { goals } from '../../model/projects.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { truncateForAudit } from '../../platform/kernel/text.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { goalCreated, goalUpdated } from './events.ts'
import { goalById } from './queries.ts'
import type { GoalRow } from './queries.ts'
import type { CreateGoal, PatchGoal } from './views.ts'

/** Goals of one company; a runaway loop that sets goals must meet a wall. */
const MAX_GOALS = 5000

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
 * (tx) Refuses what a goal cannot refer to. Expects the company's row lock: two changes that are each without a cycle
 * could close one together.
 */
async function requireReferences(
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

/** Sets a goal. @throws Refusal `unknown_reference`, `company_not_active` */
export async function createGoal(ctx: Ctx, input: CreateGoal): Promise<GoalRow> {
  const companyId = companyOf(ctx)
  const id = randomUUID()
  return await mutate(ctx, async (tx) => {
    const company = await lockCompany(tx, companyId)
    if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
    await requireActingRun(tx, ctx)
    const facts = await requireReferences(tx, companyId, id, input)
    if (facts.goals >= MAX_GOALS) refuse('unprocessable', { message: `A company has at most ${MAX_GOALS} goals` })
    await tx.insert(goals).values({ ...input, id, companyId })
    const goal = await goalById(tx, companyId, id)
    return changed(goal, goalCreated(id, goal))
  })
}

/** Changes a goal; what is already so records nothing. @throws Refusal `unknown_reference`, `unprocessable` for a cycle */
export async function updateGoal(ctx: Ctx, id: string, input: PatchGoal): Promise<GoalRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const before = await goalById(tx, companyId, id)
    const changes = Object.entries(input).filter(([key, value]) => value !== undefined && value !== before[key as keyof GoalRow])
    if (changes.length === 0) return unchanged(before)
    await requireReferences(tx, companyId, id, Object.fromEntries(changes))
    await tx
      .update(goals)
      .set({ ...Object.fromEntries(changes), updatedAt: sql`now()` })
      .where(eq(goals.id, id))
    const details = Object.fromEntries(changes.map(([key, value]) => [key, truncateForAudit(value)]))
    const previous = Object.fromEntries(changes.map(([key]) => [key, truncateForAudit(before[key as keyof GoalRow])]))
    return changed(
      await goalById(tx, companyId, id),
      goalUpdated(id, { ...details, changedKeys: changes.map(([key]) => key), _previous: previous }),
    )
  })
}

const lockForDelete = statement<{ id: string; companyId: string }, { id: string }>('goal_lock').read(
  sql`select id from ${goals} where id = ${param('id')} and company_id = ${param('companyId')} for update`,
)

/**
 * (tx) Locks a goal against everything that would refer to it from now on. Expects the company's row lock, and comes
 * before the issues are looked for: a write that points an issue here either has committed or waits.
 * @throws Refusal `not_found`
 */
export async function lockGoalForDelete(tx: Tx, companyId: string, id: string): Promise<GoalRow> {
  await tx.run(lockForDelete, { id, companyId })
  return await goalById(tx, companyId, id)
}

/** (tx) Deletes a goal; its sub-goals stay without a parent. @returns how many there were */
export async function deleteGoalRow(tx: Tx, id: string): Promise<number> {
  const detachedChildren = await tx
    .update(goals)
    .set({ parentId: null, updatedAt: sql`now()` })
    .where(eq(goals.parentId, id))
    .returning({ id: goals.id })
  await tx.delete(goals).where(eq(goals.id, id))
  return detachedChildren.length
}
