import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { goals, projectGoals, projects } from '../../model/projects.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { truncateForAudit } from '../../platform/kernel/text.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { projectCreated, projectUpdated } from './events.ts'
import { requireBoardForProject, requireBoardForWorkspace } from './hostFields.ts'
import { projectById, projectRowById } from './queries.ts'
import type { ProjectRow, ProjectView } from './queries.ts'
import type { CreateProject, PatchProject } from './views.ts'
import { insertWorkspace } from './workspaces.ts'

/** Projects of one company; a runaway loop that starts projects must meet a wall. */
const MAX_PROJECTS = 5000

/** Colours given in turn to projects that are given none. */
const palette = ['#6366f1', '#8b5cf6', '#ec4899', '#ef4444', '#f97316', '#eab308', '#22c55e', '#14b8a6', '#06b6d4', '#3b82f6'] as const

/** The url-key of a project: lower-case words with hyphens, or its id when the name has no such letters. */
const urlKeyOf = (name: string, id: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '') || id

const loadReferenceFacts = statement<
  { companyId: string; goalIds: string[]; leadAgentId: string | null },
  { goals: number; lead: boolean; projects: number }
>('project_look').read(sql`
  select (select count(*)::int from ${goals} where id = any(${param('goalIds', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}) as goals,
    exists (select 1 from ${agents} where id = ${param('leadAgentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
      and status <> 'terminated') as lead,
    (select count(*)::int from ${projects} where company_id = ${param('companyId', 'uuid')}) as projects`)

/** The goals a body asks for, without repetition; undefined when it asks for none. `goalId` is the older field. */
function goalIdsOf(input: Pick<PatchProject, 'goalId' | 'goalIds'>): string[] | undefined {
  if (input.goalIds !== undefined) return [...new Set(input.goalIds)]
  if (input.goalId === undefined) return undefined
  return input.goalId === null ? [] : [input.goalId]
}

async function requireReferences(tx: Tx, companyId: string, goalIds: readonly string[], leadAgentId: string | null): Promise<number> {
  const facts = exactlyOne(await tx.run(loadReferenceFacts, { companyId, goalIds: [...goalIds], leadAgentId }))
  if (facts.goals !== goalIds.length) refuse('unknown_reference', { message: 'One or more goals are invalid for this company' })
  if (leadAgentId !== null && !facts.lead) refuse('unknown_reference', { message: 'Lead agent not found' })
  return facts.projects
}

const replaceGoals = statement<{ projectId: string; goalIds: string[] }, never>('project_set_goals').write(sql`
  with gone as (delete from ${projectGoals} where project_id = ${param('projectId', 'uuid')} and goal_id <> all(${param('goalIds', 'uuid[]')}))
  insert into ${projectGoals} (project_id, goal_id) select ${param('projectId', 'uuid')}, unnest(${param('goalIds', 'uuid[]')})
  on conflict do nothing`)

/**
 * (tx) Inserts a project, with its first workspace if given. Expects the lock of a company that is not archived.
 * @throws Refusal `approval_required` for an agent that names what the host would run; `unknown_reference`
 */
export async function insertProject(tx: Tx, ctx: Ctx, input: CreateProject): Promise<{ project: ProjectView; event: DomainEvent }> {
  requireBoardForProject(ctx.actor, input)
  if (input.workspace !== undefined) requireBoardForWorkspace(ctx.actor, input.workspace)
  const companyId = companyOf(ctx)
  const id = randomUUID()
  const { workspace, goalId: _, goalIds: _ids, ...fields } = input
  const goalIds = goalIdsOf(input) ?? []
  const count = await requireReferences(tx, companyId, goalIds, input.leadAgentId ?? null)
  if (count >= MAX_PROJECTS) refuse('unprocessable', { message: `A company has at most ${MAX_PROJECTS} projects` })
  await tx.insert(projects).values({
    ...fields,
    id,
    companyId,
    urlKey: urlKeyOf(input.name, id),
    goalId: goalIds[0] ?? null,
    color: input.color ?? palette[count % palette.length] ?? null,
  })
  if (goalIds.length > 0) await tx.run(replaceGoals, { projectId: id, goalIds })
  const workspaceId = workspace === undefined ? null : (await insertWorkspace(tx, { companyId, projectId: id }, workspace)).id
  const project = await projectById(tx, ctx, id)
  const { name, status, leadAgentId } = project
  return { project, event: projectCreated(id, { name, status, goalIds, leadAgentId, workspaceId }) }
}

/** Starts a project, with its first workspace if given. @throws Refusal as `insertProject` */
export async function createProject(ctx: Ctx, input: CreateProject): Promise<ProjectView> {
  return await mutate(ctx, async (tx) => {
    const company = await lockCompany(tx, companyOf(ctx))
    if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
    await requireActingRun(tx, ctx)
    const { project, event } = await insertProject(tx, ctx, input)
    return changed(project, event)
  })
}

/** What the audit repeats of a field: never a value of the environment, which may be a secret. */
const auditValue = (key: string, value: unknown): unknown =>
  key === 'env' ? Object.keys((value ?? {}) as object) : key === 'executionWorkspacePolicy' ? value !== null : truncateForAudit(value)

function changesOf(before: ProjectRow, input: PatchProject, goalIds: readonly string[] | undefined): [string, unknown][] {
  const { goalId: _, goalIds: _ids, ...fields } = input
  const fieldChanges = Object.entries(fields).filter(
    ([key, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(before[key as keyof ProjectRow]),
  )
  const previousGoalIds = before.goals.map((goal) => goal.id)
  const isSame =
    goalIds === undefined ||
    (goalIds.length === previousGoalIds.length && goalIds[0] === previousGoalIds[0] && goalIds.every((id) => previousGoalIds.includes(id)))
  return isSame ? fieldChanges : [...fieldChanges, ['goalIds', goalIds]]
}

/**
 * (tx) Changes a project. Expects the company's row lock.
 * @returns what happened: nothing, when it was so already
 * @throws Refusal as `insertProject`, `not_found`
 */
export async function applyProjectPatch(tx: Tx, ctx: Ctx, id: string, input: PatchProject): Promise<DomainEvent[]> {
  requireBoardForProject(ctx.actor, input)
  const companyId = companyOf(ctx)
  const goalIds = goalIdsOf(input)
  const before = await projectRowById(tx, companyId, id)
  const changes = changesOf(before, input, goalIds)
  if (changes.length === 0) return []
  await requireReferences(tx, companyId, goalIds ?? [], input.leadAgentId ?? null)
  const { goalIds: newGoals, ...columns } = Object.fromEntries(changes) as PatchProject
  await tx
    .update(projects)
    .set({
      ...columns,
      ...(columns.name === undefined ? {} : { urlKey: urlKeyOf(columns.name, id) }),
      ...(newGoals === undefined ? {} : { goalId: newGoals[0] ?? null }),
      updatedAt: sql`now()`,
    })
    .where(eq(projects.id, id))
  if (newGoals !== undefined) await tx.run(replaceGoals, { projectId: id, goalIds: newGoals })
  const previousValues: Record<string, unknown> = { ...before, goalIds: before.goals.map((goal) => goal.id) }
  const details = Object.fromEntries(changes.map(([key, value]) => [key, auditValue(key, value)]))
  const previous = Object.fromEntries(changes.map(([key]) => [key, auditValue(key, previousValues[key])]))
  return [projectUpdated(id, { ...details, changedKeys: changes.map(([key]) => key), _previous: previous })]
}

/** Changes a project; what is already so records nothing. @throws Refusal as `insertProject` */
export async function updateProject(ctx: Ctx, id: string, input: PatchProject): Promise<ProjectView> {
  requireBoardForProject(ctx.actor, input)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyOf(ctx))
    await requireActingRun(tx, ctx)
    const events = await applyProjectPatch(tx, ctx, id, input)
    return changedIfAny(await projectById(tx, ctx, id), events)
  })
}

const lockForDelete = statement<{ id: string; companyId: string }, { id: string }>('project_lock').read(
  sql`select id from ${projects} where id = ${param('id')} and company_id = ${param('companyId')} for update`,
)

/**
 * (tx) Locks a project against everything that would refer to it from now on. Expects the company's row lock, and comes
 * before the issues are looked for: a write that moves an issue here either has committed or waits.
 * @throws Refusal `not_found`
 */
export async function lockProjectForDelete(tx: Tx, ctx: Ctx, id: string): Promise<ProjectView> {
  await tx.run(lockForDelete, { id, companyId: companyOf(ctx) })
  return await projectById(tx, ctx, id)
}

/** (tx) Deletes a project and its workspaces. */
export const deleteProjectRow = async (tx: Tx, id: string): Promise<void> => void (await tx.delete(projects).where(eq(projects.id, id)))

// The older field names the first goal; when that one goes, the next takes its place.
const replacePrimaryGoal = statement<{ goalId: string }, { id: string }>('project_next_goal').write(sql`
  update ${projects} set updated_at = now(), goal_id = (
    select pg.goal_id from ${projectGoals} pg where pg.project_id = ${projects.id} and pg.goal_id <> ${param('goalId', 'uuid')}
    order by pg.created_at, pg.goal_id limit 1)
  where goal_id = ${param('goalId', 'uuid')} returning id`)

const countProjectsOfGoal = statement<{ goalId: string }, { count: number }>('project_count_goal').read(
  sql`select count(*)::int as count from ${projectGoals} where goal_id = ${param('goalId')}`,
)

/** (tx) Takes a goal out of every project that serves it. Expects the company's row lock. @returns how many did */
export async function removeGoalFromProjects(tx: Tx, goalId: string): Promise<number> {
  const { count } = exactlyOne(await tx.run(countProjectsOfGoal, { goalId }))
  await tx.run(replacePrimaryGoal, { goalId })
  return count
}
