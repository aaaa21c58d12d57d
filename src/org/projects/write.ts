import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { nameKeyOf, urlKeyOf } from '../agents/index.ts'
import { lockCompany, lockUnarchivedCompany } from '../companies/index.ts'
import { requireSecretReferences } from '../secrets/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { goals, projectGoals, projects } from '../../model/projects.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import type { Change } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireNoRedacted, restoreSecrets } from '../../platform/kernel/placeholders.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { truncateForAudit } from '../../platform/kernel/text.ts'
import { requireTag } from '../../http/entityTag.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { projectCreated, projectUpdated } from './events.ts'
import { requireBoardForHost } from './hostFields.ts'
import { projectById, projectRowById } from './queries.ts'
import type { ProjectRow, ProjectView } from './queries.ts'
import { projectSettings } from './views.ts'
import type { CreateProject, CreateWorkspace, PatchProject } from './views.ts'
import { insertWorkspaces } from './workspaces.ts'

/** The most projects of one company. It limits an agent that creates projects in a loop. */
const MAX_PROJECTS = 5000

/** Colours for projects without a colour of their own, in turn. */
const palette = ['#6366f1', '#8b5cf6', '#ec4899', '#ef4444', '#f97316', '#eab308', '#22c55e', '#14b8a6', '#06b6d4', '#3b82f6'] as const

const loadReferenceFacts = statement<
  { companyId: string; goalIds: string[]; leadIds: string[] },
  { goals: number; leads: number; projects: number }
>('project_look').read(sql`
  select (select count(*)::int from ${goals} where id = any(${param('goalIds', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}) as goals,
    (select count(*)::int from ${agents} where id = any(${param('leadIds', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}
      and status <> 'terminated') as leads,
    (select count(*)::int from ${projects} where company_id = ${param('companyId', 'uuid')}) as projects`)

const selectUrlKeys = statement<{ companyId: string; except: string | null }, { name: string; urlKey: string }>('project_url_keys')
  .read(sql`
  select name, url_key as "urlKey" from ${projects}
  where company_id = ${param('companyId', 'uuid')} and id is distinct from ${param('except', 'uuid')}`)

/**
 * (tx) Returns the function that takes the shortname of a project. Projects of one name share one, which is then ambiguous; it is never
 * that of a project of another name. Expects the company's row lock.
 */
async function shortnames(tx: Tx, companyId: string, except: string | null): Promise<(name: string, id: string) => string> {
  const owners = new Map<string, string>()
  const nextNumbers = new Map<string, number>()
  for (const { name, urlKey } of await tx.run(selectUrlKeys, { companyId, except })) owners.set(urlKey, nameKeyOf(name))
  return (name, id) => {
    const base = urlKeyOf(name, id)
    const owner = nameKeyOf(name)
    let number = nextNumbers.get(base) ?? 1
    const candidate = (): string => (number === 1 ? base : `${base}-${number}`)
    while ((owners.get(candidate()) ?? owner) !== owner) number += 1
    const urlKey = candidate()
    nextNumbers.set(base, number)
    owners.set(urlKey, owner)
    return urlKey
  }
}

/** The distinct goals that a body names; undefined when it names none. `goalId` is the legacy field. */
function goalIdsOf(input: Pick<PatchProject, 'goalId' | 'goalIds'>): string[] | undefined {
  if (input.goalIds !== undefined) return [...new Set(input.goalIds)]
  if (input.goalId === undefined) return undefined
  return input.goalId === null ? [] : [input.goalId]
}

/** Checks the goals and the leads. @returns the number of projects in the company @throws Refusal `unknown_reference` */
async function requireProjectReferences(
  tx: Tx,
  companyId: string,
  inputs: readonly Pick<PatchProject, 'goalId' | 'goalIds' | 'leadAgentId'>[],
): Promise<number> {
  const goalIds = [...new Set(inputs.flatMap((input) => goalIdsOf(input) ?? []))]
  const leadIds = [...new Set(inputs.flatMap(({ leadAgentId }) => leadAgentId ?? []))]
  const facts = exactlyOne(await tx.run(loadReferenceFacts, { companyId, goalIds, leadIds }))
  if (facts.goals !== goalIds.length) refuse('unknown_reference', { message: 'One or more goals are invalid for this company' })
  if (facts.leads !== leadIds.length) refuse('unknown_reference', { message: 'Lead agent not found' })
  return facts.projects
}

const replaceGoals = statement<{ projectId: string; goalIds: string[] }, never>('project_set_goals').write(sql`
  with removed as (delete from ${projectGoals} where project_id = ${param('projectId', 'uuid')} and goal_id <> all(${param('goalIds', 'uuid[]')}))
  insert into ${projectGoals} (project_id, goal_id) select ${param('projectId', 'uuid')}, unnest(${param('goalIds', 'uuid[]')})
  on conflict do nothing`)

const insertProjectRows = insertRows('project_insert', projects, [
  'id',
  'companyId',
  'name',
  'urlKey',
  'description',
  'status',
  'goalId',
  'leadAgentId',
  'targetDate',
  'color',
  'executionWorkspacePolicy',
  'env',
  'archivedAt',
])

/** A new project. */
export interface NewProject {
  readonly id: string
  readonly input: Omit<CreateProject, 'workspace'>
  readonly workspaces: readonly CreateWorkspace[]
}

/**
 * (tx) Inserts projects with their workspaces. Expects the lock of a company that is not archived.
 * @returns the event of each project, in the order of `newProjects`
 * @throws Refusal `approval_required` for an agent that sets fields of the host (I18); `unknown_reference`; `unprocessable`
 *   beyond the limits; `payload_invalid` for a placeholder of a secret
 */
export async function insertProjects(tx: Tx, ctx: Ctx, newProjects: readonly NewProject[]): Promise<DomainEvent[]> {
  if (newProjects.length === 0) return []
  for (const { input, workspaces } of newProjects) {
    for (const each of [input, ...workspaces]) requireBoardForHost(ctx.actor, each)
    requireNoRedacted(input, projectSettings)
  }
  const companyId = companyOf(ctx)
  const count = await requireProjectReferences(
    tx,
    companyId,
    newProjects.map(({ input }) => input),
  )
  if (count + newProjects.length > MAX_PROJECTS) refuse('unprocessable', { message: `A company has at most ${MAX_PROJECTS} projects` })
  const shortnameOf = await shortnames(tx, companyId, null)
  const rows = newProjects.map(({ id, input }, index) => {
    const { goalId: _, goalIds: _ids, status = 'backlog' as const, ...fields } = input
    const goalIds = goalIdsOf(input) ?? []
    const color = input.color ?? palette[(count + index) % palette.length] ?? null
    return { ...fields, id, companyId, status, color, urlKey: shortnameOf(input.name, id), goalId: goalIds[0] ?? null, goalIds }
  })
  await requireSecretReferences(
    tx,
    companyId,
    rows.map(({ env }) => ({ env })),
  )
  await insertProjectRows(tx, rows)
  for (const { id, goalIds } of rows) if (goalIds.length > 0) await tx.run(replaceGoals, { projectId: id, goalIds })
  const firstWorkspaceIds = await insertWorkspaces(tx, companyId, newProjects)
  return rows.map(({ id, name, status, goalIds, leadAgentId = null }, index) =>
    projectCreated(id, { name, status, goalIds, leadAgentId, workspaceId: firstWorkspaceIds[index] ?? null }),
  )
}

/** Creates a project, with its first workspace if given. @throws Refusal as `insertProjects`; `company_not_active` */
export async function createProject(ctx: Ctx, input: CreateProject): Promise<ProjectView> {
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyOf(ctx))
    await requireActingRun(tx, ctx)
    const { workspace, ...fields } = input
    const id = randomUUID()
    const created = await insertProjects(tx, ctx, [{ id, input: fields, workspaces: workspace === undefined ? [] : [workspace] }])
    return changed(await projectById(tx, ctx, id), exactlyOne(created))
  })
}

/** The value of a field in the audit. Of `env` it has only the names, because a value may be a secret. */
const auditValue = (key: string, value: unknown): unknown =>
  key === 'env' ? Object.keys((value ?? {}) as object) : key === 'executionWorkspacePolicy' ? value !== null : truncateForAudit(value)

function projectChanges(before: ProjectRow, input: PatchProject, goalIds: readonly string[] | undefined): Change[] {
  const { goalId: _, goalIds: _ids, ...fields } = input
  const fieldChanges = changesOf(before, fields)
  const previousGoalIds = before.goals.map((goal) => goal.id)
  const isSame =
    goalIds === undefined ||
    (goalIds.length === previousGoalIds.length && goalIds[0] === previousGoalIds[0] && goalIds.every((id) => previousGoalIds.includes(id)))
  return isSame ? fieldChanges : [...fieldChanges, ['goalIds', goalIds]]
}

/**
 * (tx) Changes a project. Expects the company's row lock.
 * @returns the events: none when nothing differs
 * @throws Refusal as `insertProjects`, `not_found`
 */
export async function applyProjectPatch(tx: Tx, ctx: Ctx, id: string, patch: PatchProject): Promise<DomainEvent[]> {
  requireBoardForHost(ctx.actor, patch)
  const companyId = companyOf(ctx)
  const goalIds = goalIdsOf(patch)
  const before = await projectRowById(tx, companyId, id)
  const input = restoreSecrets(patch, before, projectSettings)
  const changes = projectChanges(before, input, goalIds)
  if (changes.length === 0) return []
  await requireProjectReferences(tx, companyId, [input])
  const { goalIds: newGoals, ...columns } = Object.fromEntries(changes) as PatchProject
  if (columns.env) await requireSecretReferences(tx, companyId, { env: columns.env }, { env: before.env })
  await tx
    .update(projects)
    .set({
      ...columns,
      ...(columns.name === undefined ? {} : { urlKey: (await shortnames(tx, companyId, id))(columns.name, id) }),
      ...(newGoals === undefined ? {} : { goalId: newGoals[0] ?? null }),
      updatedAt: nextUpdatedAt,
    })
    .where(eq(projects.id, id))
  if (newGoals !== undefined) await tx.run(replaceGoals, { projectId: id, goalIds: newGoals })
  const previousValues = { ...before, goalIds: before.goals.map((goal) => goal.id) }
  return [projectUpdated(id, changeDetails(previousValues, changes, auditValue))]
}

/** Changes a project. Without a difference it records nothing. @throws Refusal as `insertProjects` */
export async function updateProject(ctx: Ctx, id: string, input: PatchProject, ifMatch: string | null): Promise<ProjectView> {
  requireBoardForHost(ctx.actor, input)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyOf(ctx))
    await requireActingRun(tx, ctx)
    requireTag(ifMatch, await projectById(tx, ctx, id), 'project')
    const events = await applyProjectPatch(tx, ctx, id, input)
    return changedIfAny(await projectById(tx, ctx, id), events)
  })
}

const lockForDelete = statement<{ id: string; companyId: string }, { id: string }>('project_lock').read(
  sql`select id from ${projects} where id = ${param('id')} and company_id = ${param('companyId')} for update`,
)

/**
 * (tx) Locks a project, so that no other transaction starts to reference it. Expects the company's row lock. Call it
 * before the issues of the project are read: a write that moves an issue here has then either committed or waits.
 * @throws Refusal `not_found`
 */
export async function lockProjectForDelete(tx: Tx, ctx: Ctx, id: string): Promise<ProjectView> {
  await tx.run(lockForDelete, { id, companyId: companyOf(ctx) })
  return await projectById(tx, ctx, id)
}

/** (tx) Deletes a project and its workspaces. */
export const deleteProjectRow = async (tx: Tx, id: string): Promise<void> => void (await tx.delete(projects).where(eq(projects.id, id)))

// The legacy field has the first goal. When that goal is removed, the next one takes its place.
const replacePrimaryGoal = statement<{ goalId: string }, { id: string }>('project_next_goal').write(sql`
  update ${projects} set updated_at = ${nextUpdatedAt}, goal_id = (
    select pg.goal_id from ${projectGoals} pg where pg.project_id = ${projects.id} and pg.goal_id <> ${param('goalId', 'uuid')}
    order by pg.created_at, pg.goal_id limit 1)
  where goal_id = ${param('goalId', 'uuid')} returning id`)

const countProjectsOfGoal = statement<{ goalId: string }, { count: number }>('project_count_goal').read(
  sql`select count(*)::int as count from ${projectGoals} where goal_id = ${param('goalId')}`,
)

/** (tx) Removes a goal from every project. Expects the company's row lock. @returns the number of projects that had it */
export async function removeGoalFromProjects(tx: Tx, goalId: string): Promise<number> {
  const { count } = exactlyOne(await tx.run(countProjectsOfGoal, { goalId }))
  await tx.run(replacePrimaryGoal, { goalId })
  return count
}
