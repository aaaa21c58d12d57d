import { randomUUID } from 'node:crypto'
import { and, eq, sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { projectWorkspaces } from '../db/schema/projects.ts'
import { columnsOf, param, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import { judgeActingRun } from '../runs/index.ts'
import { workspaceNameOf } from './codebase.ts'
import { workspaceCreated, workspaceDeleted, workspaceUpdated } from './events.ts'
import { demandBoardForRepo, demandBoardForWorkspace } from './hostFields.ts'
import { presentWorkspace, projectRowById } from './queries.ts'
import type { WorkspaceView } from './queries.ts'
import type { CreateWorkspace, PatchWorkspace } from './views.ts'

/** Workspaces of one project; all of them are part of every answer about it. */
const MOST_WORKSPACES = 50

interface Place {
  readonly companyId: string
  readonly projectId: string
}

const ofProject = statement<Place, WorkspaceView>('workspaces_of_project').read(sql`
  select ${columnsOf(projectWorkspaces)}, '[]'::json as "runtimeServices" from ${projectWorkspaces}
  where project_id = ${param('projectId')} and company_id = ${param('companyId')}
  order by is_primary desc, created_at, id`)

const rowsOf = (db: Pick<ReadDb, 'run'>, place: Place): Promise<WorkspaceView[]> => db.run(ofProject, place)

/** The workspaces of a project, the primary one first. @throws Refusal `not_found` for the project */
export async function listWorkspaces(ctx: Ctx, projectId: string): Promise<readonly WorkspaceView[]> {
  const { workspaces } = await projectRowById(ctx.store.read, companyOf(ctx), projectId)
  return workspaces.map((row) => presentWorkspace(row, ctx.actor))
}

function pick(rows: readonly WorkspaceView[], id: string): WorkspaceView {
  const row = rows.find((workspace) => workspace.id === id)
  if (row === undefined) throw notFound('Project workspace')
  return row
}

const serviceActions: ReadonlySet<string> = new Set(['start', 'stop', 'restart'])

/**
 * Says no to services of a workspace: this server runs agents and nothing beside them.
 * @throws Refusal `not_found` for the project, the workspace or the action, otherwise `unprocessable`
 */
export async function refuseRuntimeService(ctx: Ctx, projectId: string, id: string, action: string): Promise<never> {
  pick(await listWorkspaces(ctx, projectId), id)
  if (!serviceActions.has(action)) throw notFound('Runtime service action')
  return refuse('unprocessable', { message: 'This server runs no services in workspaces' })
}

const setPrimary = statement<Place & { id: string }, { id: string }>('workspace_set_primary').write(sql`
  update ${projectWorkspaces} set is_primary = (id = ${param('id', 'uuid')}), updated_at = now()
  where project_id = ${param('projectId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
    and is_primary <> (id = ${param('id', 'uuid')}) returning id`)

/**
 * (tx) Adds a workspace: the first of a project is its primary one, and whoever is made primary takes the place of the
 * last. Expects the company's row lock, under which exactly one stays primary.
 */
export async function insertWorkspace(tx: Tx, place: Place, wanted: CreateWorkspace): Promise<WorkspaceView> {
  const others = await rowsOf(tx, place)
  if (others.length >= MOST_WORKSPACES) refuse('unprocessable', { message: `A project has at most ${MOST_WORKSPACES} workspaces` })
  const id = randomUUID()
  const { isPrimary: _, ...fields } = wanted
  await tx.insert(projectWorkspaces).values({
    ...fields,
    ...place,
    id,
    name: wanted.name ?? workspaceNameOf(wanted),
    sourceType: wanted.sourceType ?? (wanted.repoUrl ? 'git_repo' : 'local_path'),
    isPrimary: false,
  })
  if (others.length === 0 || wanted.isPrimary === true) await tx.run(setPrimary, { ...place, id })
  return pick(await rowsOf(tx, place), id)
}

async function lockProject(tx: Tx, ctx: Ctx, projectId: string): Promise<Place> {
  const companyId = companyOf(ctx)
  await lockCompany(tx, companyId)
  await judgeActingRun(tx, ctx)
  await projectRowById(tx, companyId, projectId)
  return { companyId, projectId }
}

/** Adds a workspace to a project. @throws Refusal `not_found`, `approval_required` */
export async function createWorkspace(ctx: Ctx, projectId: string, wanted: CreateWorkspace): Promise<WorkspaceView> {
  demandBoardForWorkspace(ctx.actor, wanted)
  return await mutate(ctx, async (tx) => {
    const place = await lockProject(tx, ctx, projectId)
    const workspace = await insertWorkspace(tx, place, wanted)
    const { id: workspaceId, name, isPrimary, sourceType } = workspace
    return changed(presentWorkspace(workspace, ctx.actor), workspaceCreated(projectId, { workspaceId, name, isPrimary, sourceType }))
  })
}

/** The workspace that is to be primary after a patch: itself, the oldest other, or whoever is. */
function nextPrimary(rows: readonly WorkspaceView[], before: WorkspaceView, isPrimary: boolean | undefined): string {
  if (isPrimary === true) return before.id
  const current = rows.find((row) => row.isPrimary)?.id ?? before.id
  if (isPrimary === undefined || current !== before.id) return current
  return rows.find((row) => row.id !== before.id)?.id ?? before.id
}

/** Changes a workspace. @throws Refusal `not_found`, `approval_required`, `unprocessable` for one without a place */
export async function updateWorkspace(ctx: Ctx, projectId: string, id: string, wanted: PatchWorkspace): Promise<WorkspaceView> {
  demandBoardForWorkspace(ctx.actor, wanted)
  return await mutate(ctx, async (tx) => {
    const place = await lockProject(tx, ctx, projectId)
    const rows = await rowsOf(tx, place)
    const before = pick(rows, id)
    const { isPrimary, name, ...fields } = wanted
    const named = name === undefined ? {} : { name: name ?? workspaceNameOf({ ...before, ...fields }) }
    const changes = Object.entries({ ...fields, ...named }).filter(
      ([key, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(before[key as keyof WorkspaceView]),
    )
    const primaryId = nextPrimary(rows, before, isPrimary)
    const moves = rows.find((row) => row.isPrimary)?.id !== primaryId
    if (changes.length === 0 && !moves) return unchanged(presentWorkspace(before, ctx.actor))
    demandBoardForRepo(
      ctx.actor,
      before,
      changes.map(([key]) => key),
    )
    const after = { ...before, ...Object.fromEntries(changes) } as WorkspaceView
    if (after.cwd === null && after.repoUrl === null)
      refuse('unprocessable', { message: 'Workspace requires at least one of cwd or repoUrl' })
    if (changes.length > 0) {
      await tx
        .update(projectWorkspaces)
        .set({ ...Object.fromEntries(changes), updatedAt: sql`now()` })
        .where(and(eq(projectWorkspaces.id, id), eq(projectWorkspaces.companyId, place.companyId)))
    }
    if (moves) await tx.run(setPrimary, { ...place, id: primaryId })
    const workspace = pick(await rowsOf(tx, place), id)
    const changedKeys = [...changes.map(([key]) => key), ...(moves ? ['isPrimary'] : [])]
    return changed(
      presentWorkspace(workspace, ctx.actor),
      workspaceUpdated(projectId, { workspaceId: id, name: workspace.name, isPrimary: workspace.isPrimary, changedKeys }),
    )
  })
}

/** Removes a workspace; when it was the primary one, the oldest that is left becomes it. @returns the row as it was */
export async function deleteWorkspace(ctx: Ctx, projectId: string, id: string): Promise<WorkspaceView> {
  return await mutate(ctx, async (tx) => {
    const place = await lockProject(tx, ctx, projectId)
    const rows = await rowsOf(tx, place)
    const was = pick(rows, id)
    await tx.delete(projectWorkspaces).where(and(eq(projectWorkspaces.id, id), eq(projectWorkspaces.companyId, place.companyId)))
    const heir = was.isPrimary ? rows.find((row) => row.id !== id) : undefined
    if (heir !== undefined) await tx.run(setPrimary, { ...place, id: heir.id })
    return changed(
      presentWorkspace(was, ctx.actor),
      workspaceDeleted(projectId, { workspaceId: id, name: was.name, isPrimary: was.isPrimary, newPrimaryId: heir?.id ?? null }),
    )
  })
}
