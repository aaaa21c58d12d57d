import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { decidesForHost } from '../../auth/roles.ts'
import { companyOf } from '../../platform/db/context.ts'
import { goals, projectGoals, projects, projectWorkspaces } from '../../model/projects.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, jsonPairsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { redact } from '../../platform/kernel/redact.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { codebaseOf } from './codebase.ts'
import type { projectView, workspaceView } from './views.ts'

export type ProjectView = z.output<typeof projectView>
export type WorkspaceView = z.output<typeof workspaceView>

/** A project as one statement reads it. `presentProject` adds the derived fields. */
export type ProjectRow = Omit<ProjectView, 'codebase' | 'goalIds' | 'primaryWorkspace'>

// The goal of the legacy field `goalId` comes first, so that `goalIds[0]` and `goalId` always agree.
const goalsJson = sql`(select coalesce(json_agg(json_build_object('id', g.id, 'title', g.title)
    order by (g.id = "projects"."goal_id") desc nulls last, pg.created_at, g.id), '[]'::json)
  from ${projectGoals} pg join ${goals} g on g.id = pg.goal_id where pg.project_id = "projects"."id")`

const workspacesJson = sql`(select coalesce(json_agg(json_build_object(${jsonPairsOf(projectWorkspaces)}, 'runtimeServices', '[]'::json)
    order by ${projectWorkspaces.isPrimary} desc, ${projectWorkspaces.createdAt}, ${projectWorkspaces.id}), '[]'::json)
  from ${projectWorkspaces} where ${projectWorkspaces.projectId} = "projects"."id")`

const projectColumns = sql`${columnsOf(projects)}, ${goalsJson} as goals, ${workspacesJson} as workspaces`

/** The JSON of a ProjectRow from the row `projects`, for statements of other rooms. */
export const projectRowJson = sql`json_build_object(${jsonPairsOf(projects)}, 'goals', ${goalsJson}, 'workspaces', ${workspacesJson})`

/** A project as an actor may see it. Only those who decide what this host runs see `env`: its bindings may be secrets. */
export function presentProject(row: ProjectRow, actor: Actor): ProjectView {
  const visibleRow = decidesForHost(actor) ? row : { ...redact(row), env: null }
  const primaryWorkspace = visibleRow.workspaces.find((workspace) => workspace.isPrimary) ?? null
  return {
    ...visibleRow,
    goalIds: row.goals.map((goal) => goal.id),
    codebase: codebaseOf(row, primaryWorkspace),
    primaryWorkspace,
  }
}

/** A workspace as an actor may see it. Secrets in commands and configuration are for those who decide what this host runs. */
export const presentWorkspace = (row: WorkspaceView, actor: Actor): WorkspaceView => (decidesForHost(actor) ? row : redact(row))

const selectProject = statement<{ id: string; companyId: string }, ProjectRow>('project_by_id').read(
  sql`select ${projectColumns} from ${projects} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** One project of a company as stored. @throws Refusal `not_found` */
export async function projectRowById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<ProjectRow> {
  const [row] = await db.run(selectProject, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Project not found' })
  return row
}

/** One project of the acting company, as the actor may see it. @throws Refusal `not_found` */
export const projectById = async (db: Pick<ReadDb, 'run'>, ctx: Ctx, id: string): Promise<ProjectView> =>
  presentProject(await projectRowById(db, companyOf(ctx), id), ctx.actor)

const listOrder = byCreation('asc')

interface ProjectListRequest extends PageRequest {
  readonly status?: readonly ProjectView['status'][] | undefined
}

const listStatement = dynamicRead<KeysetParams & { companyId: string; status: ProjectListRequest['status'] | null }, ProjectRow>(
  'project_list',
)

/** The projects of a company, or those in the given statuses, oldest first. */
export async function listProjects(ctx: Ctx, { status, ...request }: ProjectListRequest): Promise<Page<ProjectView>> {
  const page = listOrder.page(request)
  const andInStatus = status === undefined ? sql`` : sql`and status = any(${param('status', 'text[]')})`
  const shown = await page.read(
    ctx.store.read,
    listStatement(
      `${status !== undefined}:${page.hasCursor}`,
      () => sql`select ${projectColumns} from ${projects} where company_id = ${param('companyId', 'uuid')} ${andInStatus} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), status: status ?? null, ...page.params },
  )
  return await mapPage(shown, (row) => presentProject(row, ctx.actor))
}
