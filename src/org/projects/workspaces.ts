import { randomUUID } from 'node:crypto'
import { and, eq, sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { projectWorkspaces } from '../../model/projects.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import { changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { requireNoRedacted, restoreSecrets } from '../../platform/kernel/placeholders.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { workspaceNameOf } from './codebase.ts'
import { workspaceCreated, workspaceDeleted, workspaceUpdated } from './events.ts'
import { requireBoardForHost, requireBoardForRepo } from './hostFields.ts'
import { presentWorkspace, projectRowById } from './queries.ts'
import type { WorkspaceView } from './queries.ts'
import { workspaceSettings } from './views.ts'
import type { CreateWorkspace, PatchWorkspace } from './views.ts'

/** The most workspaces of one project. Every answer about the project contains all of them. */
const MAX_WORKSPACES = 50

interface ProjectRef {
  readonly companyId: string
  readonly projectId: string
}

const selectWorkspaces = statement<ProjectRef, WorkspaceView>('workspaces_of_project').read(sql`
  select ${columnsOf(projectWorkspaces)}, '[]'::json as "runtimeServices" from ${projectWorkspaces}
  where project_id = ${param('projectId')} and company_id = ${param('companyId')}
  order by is_primary desc, created_at, id`)

/** Bytes of all workspaces of a project as JSON. They are part of the project, of lists of projects, and of each of its issues. */
const MAX_WORKSPACE_BYTES = 1_000_000

/** Refuses workspaces that would make their project too large to read. @throws Refusal `unprocessable` */
function requireReadable(rows: readonly WorkspaceView[]): readonly WorkspaceView[] {
  if (Buffer.byteLength(JSON.stringify(rows)) > MAX_WORKSPACE_BYTES)
    refuse('unprocessable', { message: `The workspaces of a project have at most ${MAX_WORKSPACE_BYTES} bytes together` })
  return rows
}

const workspacesOf = (db: Pick<ReadDb, 'run'>, project: ProjectRef): Promise<WorkspaceView[]> => db.run(selectWorkspaces, project)

/** The workspaces of a project, the primary one first. @throws Refusal `not_found` for the project */
export async function listWorkspaces(ctx: Ctx, projectId: string): Promise<readonly WorkspaceView[]> {
  const { workspaces } = await projectRowById(ctx.store.read, companyOf(ctx), projectId)
  return workspaces.map((row) => presentWorkspace(row, ctx.actor))
}

function requireWorkspace(rows: readonly WorkspaceView[], id: string): WorkspaceView {
  const row = rows.find((workspace) => workspace.id === id)
  if (row === undefined) refuse('not_found', { message: 'Project workspace not found' })
  return row
}

const serviceActions: ReadonlySet<string> = new Set(['start', 'stop', 'restart'])

/**
 * compatibility: Paperclip's API starts services in a workspace. This server runs agents only, so it refuses every action.
 * @throws Refusal `not_found` for the project, the workspace or the action, otherwise `unprocessable`
 */
export async function refuseRuntimeService(ctx: Ctx, projectId: string, id: string, action: string): Promise<never> {
  requireWorkspace(await listWorkspaces(ctx, projectId), id)
  if (!serviceActions.has(action)) refuse('not_found', { message: 'Runtime service action not found' })
  return refuse('unprocessable', { message: 'This server runs no services in workspaces' })
}

const setPrimary = statement<ProjectRef & { id: string }, { id: string }>('workspace_set_primary').write(sql`
  update ${projectWorkspaces} set is_primary = (id = ${param('id', 'uuid')}), updated_at = now()
  where project_id = ${param('projectId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
    and is_primary <> (id = ${param('id', 'uuid')}) returning id`)

const insertWorkspaceRows = insertRows('workspace_insert', projectWorkspaces, [
  'id',
  'companyId',
  'projectId',
  'name',
  'sourceType',
  'cwd',
  'repoUrl',
  'repoRef',
  'defaultRef',
  'visibility',
  'setupCommand',
  'cleanupCommand',
  'remoteProvider',
  'remoteWorkspaceRef',
  'sharedWorkspaceKey',
  'metadata',
  'runtimeConfig',
  'isPrimary',
])

/** @throws Refusal `payload_invalid` for a placeholder of a secret */
function newRow(project: ProjectRef, id: string, input: CreateWorkspace) {
  requireNoRedacted(input, workspaceSettings)
  return {
    ...input,
    ...project,
    id,
    name: input.name ?? workspaceNameOf(input),
    sourceType: input.sourceType ?? (input.repoUrl ? ('git_repo' as const) : ('local_path' as const)),
    visibility: input.visibility ?? ('default' as const),
    isPrimary: false,
  }
}

const tooManyWorkspaces = (): never => refuse('unprocessable', { message: `A project has at most ${MAX_WORKSPACES} workspaces` })

/** Half of the limit: with it, no text around the given values makes fifty workspaces too large to read. */
const SURELY_READABLE_BYTES = MAX_WORKSPACE_BYTES / 2

/**
 * (tx) Inserts the workspaces of new projects in one statement. The last one that is to be primary is; without one, the first.
 * @returns the id of the first workspace of each project, or null
 * @throws Refusal `unprocessable` beyond the limits, `payload_invalid` for a placeholder of a secret
 */
export async function insertWorkspaces(
  tx: Tx,
  companyId: string,
  newProjects: readonly { readonly id: string; readonly workspaces: readonly CreateWorkspace[] }[],
): Promise<(string | null)[]> {
  const groups = newProjects.map(({ id: projectId, workspaces }) => {
    if (workspaces.length > MAX_WORKSPACES) tooManyWorkspaces()
    const rows = workspaces.map((input) => newRow({ companyId, projectId }, randomUUID(), input))
    const primary = Math.max(
      0,
      workspaces.findLastIndex((input) => input.isPrimary === true),
    )
    return rows.map((row, index) => ({ ...row, isPrimary: index === primary }))
  })
  await insertWorkspaceRows(tx, groups.flat())
  for (const rows of groups) {
    const [first] = rows
    if (first !== undefined && Buffer.byteLength(JSON.stringify(rows)) > SURELY_READABLE_BYTES)
      requireReadable(await workspacesOf(tx, { companyId, projectId: first.projectId }))
  }
  return groups.map(([first]) => first?.id ?? null)
}

/**
 * (tx) Adds a workspace. The first workspace of a project is primary. A later one that is added as primary replaces the
 * previous primary one. Expects the company's row lock, so that exactly one stays primary.
 * @throws Refusal `unprocessable` beyond the limit, `payload_invalid` for a placeholder of a secret
 */
async function insertWorkspace(tx: Tx, project: ProjectRef, input: CreateWorkspace): Promise<WorkspaceView> {
  const others = await workspacesOf(tx, project)
  if (others.length >= MAX_WORKSPACES) tooManyWorkspaces()
  const id = randomUUID()
  await insertWorkspaceRows(tx, [newRow(project, id, input)])
  if (others.length === 0 || input.isPrimary === true) await tx.run(setPrimary, { ...project, id })
  return requireWorkspace(requireReadable(await workspacesOf(tx, project)), id)
}

async function lockProject(tx: Tx, ctx: Ctx, projectId: string): Promise<ProjectRef> {
  const companyId = companyOf(ctx)
  await lockCompany(tx, companyId)
  await requireActingRun(tx, ctx)
  await projectRowById(tx, companyId, projectId)
  return { companyId, projectId }
}

/** Adds a workspace to a project. @throws Refusal `not_found`, `approval_required` */
export async function createWorkspace(ctx: Ctx, projectId: string, input: CreateWorkspace): Promise<WorkspaceView> {
  requireBoardForHost(ctx.actor, input)
  return await mutate(ctx, async (tx) => {
    const project = await lockProject(tx, ctx, projectId)
    const workspace = await insertWorkspace(tx, project, input)
    const { id: workspaceId, name, isPrimary, sourceType } = workspace
    return changed(presentWorkspace(workspace, ctx.actor), workspaceCreated(projectId, { workspaceId, name, isPrimary, sourceType }))
  })
}

/** The id of the primary workspace after a patch: the patched one, the oldest other one, or the present one. */
function nextPrimary(rows: readonly WorkspaceView[], before: WorkspaceView, isPrimary: boolean | undefined): string {
  if (isPrimary === true) return before.id
  const current = rows.find((row) => row.isPrimary)?.id ?? before.id
  if (isPrimary === undefined || current !== before.id) return current
  return rows.find((row) => row.id !== before.id)?.id ?? before.id
}

/** Changes a workspace. @throws Refusal `not_found`, `approval_required`, `payload_invalid`, `unprocessable` without a folder and a repository */
export async function updateWorkspace(ctx: Ctx, projectId: string, id: string, input: PatchWorkspace): Promise<WorkspaceView> {
  requireBoardForHost(ctx.actor, input)
  return await mutate(ctx, async (tx) => {
    const project = await lockProject(tx, ctx, projectId)
    const rows = await workspacesOf(tx, project)
    const before = requireWorkspace(rows, id)
    const { isPrimary, name, ...fields } = restoreSecrets(input, before, workspaceSettings)
    const nameChange = name === undefined ? {} : { name: name ?? workspaceNameOf({ ...before, ...fields }) }
    const changes = changesOf(before, { ...fields, ...nameChange })
    const primaryId = nextPrimary(rows, before, isPrimary)
    const isPrimaryMoved = rows.find((row) => row.isPrimary)?.id !== primaryId
    if (changes.length === 0 && !isPrimaryMoved) return unchanged(presentWorkspace(before, ctx.actor))
    requireBoardForRepo(
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
        .where(and(eq(projectWorkspaces.id, id), eq(projectWorkspaces.companyId, project.companyId)))
    }
    if (isPrimaryMoved) await tx.run(setPrimary, { ...project, id: primaryId })
    const workspace = requireWorkspace(requireReadable(await workspacesOf(tx, project)), id)
    const changedKeys = [...changes.map(([key]) => key), ...(isPrimaryMoved ? ['isPrimary'] : [])]
    return changed(
      presentWorkspace(workspace, ctx.actor),
      workspaceUpdated(projectId, { workspaceId: id, name: workspace.name, isPrimary: workspace.isPrimary, changedKeys }),
    )
  })
}

/** Removes a workspace. If it was primary, the oldest remaining one becomes primary. @returns the row before its removal */
export async function deleteWorkspace(ctx: Ctx, projectId: string, id: string): Promise<WorkspaceView> {
  return await mutate(ctx, async (tx) => {
    const project = await lockProject(tx, ctx, projectId)
    const rows = await workspacesOf(tx, project)
    const before = requireWorkspace(rows, id)
    await tx.delete(projectWorkspaces).where(and(eq(projectWorkspaces.id, id), eq(projectWorkspaces.companyId, project.companyId)))
    const nextPrimaryWorkspace = before.isPrimary ? rows.find((row) => row.id !== id) : undefined
    if (nextPrimaryWorkspace !== undefined) await tx.run(setPrimary, { ...project, id: nextPrimaryWorkspace.id })
    return changed(
      presentWorkspace(before, ctx.actor),
      workspaceDeleted(projectId, {
        workspaceId: id,
        name: before.name,
        isPrimary: before.isPrimary,
        newPrimaryId: nextPrimaryWorkspace?.id ?? null,
      }),
    )
  })
}
