import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import type { Worktree } from '../../adapters/index.ts'
import { hideFolders } from '../../auth/visibility.ts'
import { issues } from '../../model/issues.ts'
import { isLive, runs } from '../../model/runs.ts'
import { executionWorkspaces, workspaceOperations } from '../../model/workspaces.ts'
import { runRowById } from '../../engine/runs/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { CloseReadiness, ExecutionWorkspaceQuery, executionWorkspaceView, operationLogView, workspaceOperationView } from './views.ts'

export type ExecutionWorkspace = z.output<typeof executionWorkspaceView>
export type WorkspaceOperation = z.output<typeof workspaceOperationView>

type Db = Pick<ReadDb | Tx, 'run'>

/** A workspace as its row has it, with the live run that has it. */
export type WorkspaceRow = typeof executionWorkspaces.$inferSelect & { readonly activeRunId: string | null }

export const worktreeOf = ({ id, worktreeName, companyId, agentId, repository }: WorkspaceRow): Worktree => ({
  id,
  name: worktreeName,
  companyId,
  agentId,
  repository,
})

const leaseRun = (alias: string): SQL =>
  sql`(select r.id from ${runs} r where r.id = ${sql.raw(alias)}.lease_run_id and r.company_id = ${sql.raw(alias)}.company_id and ${isLive('r')})`

/** Whether a live run has the workspace. @param alias of the table `execution_workspaces` */
export const isLeased = (alias: string): SQL => sql`${leaseRun(alias)} is not null`

const columns = sql`${columnsOf(executionWorkspaces)}, ${leaseRun('execution_workspaces')} as "activeRunId"`

/** The workspace as people and agents see it. */
export function presentWorkspace(row: WorkspaceRow, actor: Actor): ExecutionWorkspace {
  const isOwn = actor.kind === 'agent' && actor.agentId === row.agentId
  return {
    id: row.id,
    companyId: row.companyId,
    projectId: row.projectId,
    projectWorkspaceId: row.projectWorkspaceId,
    sourceIssueId: row.sourceIssueId,
    agentId: row.agentId,
    mode: 'isolated_workspace',
    strategyType: 'git_worktree',
    providerType: 'git_worktree',
    name: row.name,
    status: row.status === 'open' ? (row.activeRunId === null ? 'idle' : 'active') : row.status,
    cwd: actor.kind === 'agent' && !isOwn ? null : row.cwd,
    branchName: row.branchName,
    baseRef: row.baseRef,
    baseCommit: row.baseCommit,
    reusePolicy: row.reusePolicy,
    closePolicy: row.closePolicy,
    activeRunId: row.activeRunId,
    lastRunId: row.leaseRunId,
    metadata: row.metadata,
    runtimeServices: [],
    lastUsedAt: row.lastUsedAt,
    openedAt: row.createdAt,
    closedAt: row.closedAt,
    closedReason: row.closedReason,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

const selectOne = statement<{ id: string; companyId: string }, WorkspaceRow>('execution_workspace_by_id').read(
  sql`select ${columns} from ${executionWorkspaces} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** One workspace of a company. @throws Refusal `not_found` */
export async function workspaceRowById(db: Db, companyId: string, id: string): Promise<WorkspaceRow> {
  const [row] = await db.run(selectOne, { id, companyId })
  return row ?? refuse('not_found', { message: 'Execution workspace not found' })
}

const listOrder = byCreation('desc')

interface ListParams extends KeysetParams {
  companyId: string
  projectId: string | null
  projectWorkspaceId: string | null
  issueId: string | null
  status: string | null
  isReusable: boolean
  isClosed: boolean | null
}

const listStatement = dynamicRead<ListParams, WorkspaceRow>('execution_workspace_list')
const at = sql.raw('execution_workspaces')

/** The workspaces of a company, newest first. */
export async function listExecutionWorkspaces(ctx: Ctx, query: ExecutionWorkspaceQuery): Promise<Page<ExecutionWorkspace>> {
  const { projectId = null, projectWorkspaceId = null, issueId = null, status = null, reuseEligible = false, closed = null } = query
  const page = listOrder.page(query)
  const list = listStatement(
    String(page.hasCursor),
    () => sql`select ${columns} from ${executionWorkspaces} where company_id = ${param('companyId', 'uuid')}
      and (${param('projectId', 'uuid')} is null or project_id = ${param('projectId', 'uuid')})
      and (${param('projectWorkspaceId', 'uuid')} is null or project_workspace_id = ${param('projectWorkspaceId', 'uuid')})
      and (${param('issueId', 'uuid')} is null or source_issue_id = ${param('issueId', 'uuid')})
      and (${param('status', 'text')} is null or ${param('status', 'text')} = case when ${at}.status <> 'open' then ${at}.status
        when ${isLeased('execution_workspaces')} then 'active' else 'idle' end)
      and (not ${param('isReusable', 'boolean')} or (${at}.status = 'open' and reuse_policy = 'issue' and not ${isLeased('execution_workspaces')}))
      and (${param('isClosed', 'boolean')} is null or (${at}.status = 'archived') = ${param('isClosed', 'boolean')})
      ${page.andAfterCursor} order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
  )
  const filter = { projectId, projectWorkspaceId, issueId, status, isReusable: reuseEligible, isClosed: closed }
  const params = { companyId: companyOf(ctx), ...filter, ...page.params }
  return await mapPage(await page.read(ctx.store.read, list, params), (row) => presentWorkspace(row, ctx.actor))
}

/** One workspace. @throws Refusal `not_found` */
export const readExecutionWorkspace = async (ctx: Ctx, id: string): Promise<ExecutionWorkspace> =>
  presentWorkspace(await workspaceRowById(ctx.store.read, companyOf(ctx), id), ctx.actor)

const selectLinked = statement<{ id: string; issueId: string; companyId: string }, CloseReadiness['linkedIssues'][number]>(
  'execution_workspace_issues',
).read(sql`
  select i.id, i.identifier, i.title, i.status, i.status in ('done', 'cancelled') as "isClosed" from ${issues} i
  where i.company_id = ${param('companyId', 'uuid')} and (i.id = ${param('issueId', 'uuid')} or i.execution_workspace_id = ${param('id', 'uuid')})
  order by i.created_at limit 50`)

/** The issues that a workspace is for. */
export const linkedIssuesOf = (db: Db, { id, sourceIssueId, companyId }: WorkspaceRow) =>
  db.run(selectLinked, { id, issueId: sourceIssueId, companyId })

const selectLiveRun = statement<{ id: string; companyId: string }, NonNullable<CloseReadiness['liveRun']>>('execution_workspace_run')
  .read(sql`
  select r.id, r.agent_id as "agentId", r.status from ${runs} r where r.id = ${param('id', 'uuid')} and r.company_id = ${param('companyId', 'uuid')}
    and ${isLive('r')}`)

/** The live run that has a workspace; null for none. */
export async function liveRunOf(db: Db, { leaseRunId, companyId }: WorkspaceRow): Promise<CloseReadiness['liveRun']> {
  if (leaseRunId === null) return null
  const [run] = await db.run(selectLiveRun, { id: leaseRunId, companyId })
  return run ?? null
}

/** Operations of one answer. More of one workspace are not kept. */
export const MAX_OPERATIONS = 50

const operationColumns = columnsOf(workspaceOperations, ['log', 'number', 'runId'])
const operationList = sql`${operationColumns}, run_id as "heartbeatRunId" from ${workspaceOperations}`

const selectOperations = statement<{ id: string; companyId: string }, WorkspaceOperation>('workspace_operations_of').read(sql`
  select ${operationList} where workspace_id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}
  order by number desc limit ${sql.raw(String(MAX_OPERATIONS))}`)
const selectOperationsOfRun = statement<{ id: string; companyId: string }, WorkspaceOperation>('workspace_operations_of_run').read(sql`
  select ${operationList} where run_id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}
  order by number desc limit ${sql.raw(String(MAX_OPERATIONS))}`)

/** The reason of a failure has paths of this host, which agents do not learn. */
const presentOperation = (actor: Actor, operation: WorkspaceOperation): WorkspaceOperation =>
  actor.kind === 'agent' && operation.error !== null ? { ...operation, error: hideFolders(operation.error) } : operation

/** The operations on a workspace, newest first. @throws Refusal `not_found` */
export async function listOperations(ctx: Ctx, id: string): Promise<WorkspaceOperation[]> {
  const companyId = companyOf(ctx)
  await workspaceRowById(ctx.store.read, companyId, id)
  return (await ctx.store.read.run(selectOperations, { id, companyId })).map((operation) => presentOperation(ctx.actor, operation))
}

/** The operations that a run caused, newest first. @throws Refusal `not_found` */
export async function listOperationsOfRun(ctx: Ctx, runId: string): Promise<WorkspaceOperation[]> {
  await runRowById(ctx.store.read, ctx, runId)
  const found = await ctx.store.read.run(selectOperationsOfRun, { id: runId, companyId: companyOf(ctx) })
  return found.map((operation) => presentOperation(ctx.actor, operation))
}

const selectLog = statement<{ id: string; companyId: string }, { log: string }>('workspace_operation_log').read(
  sql`select log from ${workspaceOperations} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

/** A piece of the log of an operation, from a byte offset, in whole characters. @throws Refusal `not_found` */
export async function readOperationLog(
  ctx: Ctx,
  id: string,
  { offset, limitBytes }: { readonly offset: number; readonly limitBytes: number },
): Promise<z.output<typeof operationLogView>> {
  const [row] = await ctx.store.read.run(selectLog, { id, companyId: companyOf(ctx) })
  if (row === undefined) return refuse('not_found', { message: 'Workspace operation not found' })
  const bytes = Buffer.from(ctx.actor.kind === 'agent' ? hideFolders(row.log) : row.log)
  const isInside = (position: number): boolean => ((bytes[position] ?? 0) & 0xc0) === 0x80
  let from = Math.min(offset, bytes.length)
  while (isInside(from)) from += 1
  let to = Math.min(from + limitBytes, bytes.length)
  while (isInside(to)) to += 1
  const content = bytes.subarray(from, to).toString('utf8')
  return { operationId: id, store: 'postgres', logRef: id, content, ...(to < bytes.length ? { nextOffset: to } : {}) }
}
