import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { agents } from '../../model/agents.ts'
import { isHeldBy, issues } from '../../model/issues.ts'
import { isLive, runs } from '../../model/runs.ts'
import { param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { requireIssue } from '../../work/issues/index.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { holderOf, presentRun, runRowById, withResultSummary } from '../../engine/runs/index.ts'
import type { RunRow } from '../../engine/runs/index.ts'
import type { companyLiveRunView, issueRunView, liveRunsQuery, liveRunView, runIssueView } from './runReadViews.ts'

type IssueRun = z.input<typeof issueRunView>
type LiveRun = z.input<typeof liveRunView>

/** The most rows of a list without pages; no client shows more. */

const MAX_ROWS = sql.raw('200')

const newestFirst = keyset('desc', [
  { field: 'createdAt', column: 'r.created_at', type: 'timestamptz' },
  { field: 'runId', column: 'r.id', type: 'uuid' },
])

const issueRunList = dynamicRead<KeysetParams & { companyId: string; issueId: string }, IssueRun>('issue_runs')

/**
 * Runs of an issue, newest first: those opened for it, holding it, or named by its audit rows.
 * @throws Refusal `not_found` for the issue; `malformed_cursor`
 */
export async function issueRuns(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<IssueRun>> {
  const companyId = companyOf(ctx)
  await requireIssue(ctx.store.read, companyId, issueId)
  const page = newestFirst.page(request)
  const shown = await page.read(
    ctx.store.read,
    issueRunList(
      String(page.hasCursor),
      () => sql`
      with seen as (
        select run_id as id from ${activityLog} where entity_type = 'issue' and entity_id = ${param('issueId', 'text')} and run_id is not null
        union select checkout_run_id from ${issues} where id = ${param('issueId', 'uuid')} and checkout_run_id is not null
        union select execution_run_id from ${issues} where id = ${param('issueId', 'uuid')} and execution_run_id is not null
        union select id from ${runs} where company_id = ${param('companyId', 'uuid')} and issue_id = ${param('issueId', 'uuid')})
      select r.id as "runId", r.status, r.agent_id as "agentId", r.started_at as "startedAt", r.finished_at as "finishedAt",
        r.created_at as "createdAt", r.invocation_source as "invocationSource", r.usage_json as "usageJson", r.result_json as "resultJson"
      from seen join ${runs} r on r.id = seen.id and r.company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId, issueId, ...page.params },
  )
  return await mapPage(shown, (row) => withResultSummary(row as IssueRun & Pick<RunRow, 'resultJson'>))
}

const liveColumns = sql`r.id, r.status, r.invocation_source as "invocationSource", r.trigger_detail as "triggerDetail",
  r.started_at as "startedAt", r.finished_at as "finishedAt", r.created_at as "createdAt", r.agent_id as "agentId",
  a.name as "agentName", a.adapter_type as "adapterType"`

const holdsIssue = sql`(r.issue_id = ${param('issueId', 'uuid')} or exists (select 1 from ${issues} i
  where i.id = ${param('issueId', 'uuid')} and ${holderOf('i')}))`

const selectLiveOfIssue = statement<{ companyId: string; issueId: string }, LiveRun>('issue_live_runs').read(sql`
  select ${liveColumns} from ${runs} r join ${agents} a on a.id = r.agent_id
  where r.company_id = ${param('companyId', 'uuid')} and ${isLive('r')} and ${holdsIssue}
  order by r.created_at desc, r.id desc limit ${MAX_ROWS}`)

/** Live runs that were opened for an issue or hold it, newest first. @throws Refusal `not_found` */
export async function liveRunsOfIssue(ctx: Ctx, issueId: string): Promise<LiveRun[]> {
  const companyId = companyOf(ctx)
  await requireIssue(ctx.store.read, companyId, issueId)
  return await ctx.store.read.run(selectLiveOfIssue, { companyId, issueId })
}

const selectActiveOfIssue = statement<{ companyId: string; issueId: string }, { id: string; agentName: string; adapterType: string }>(
  'issue_active_run',
).read(sql`
  select r.id, a.name as "agentName", a.adapter_type as "adapterType" from ${runs} r join ${agents} a on a.id = r.agent_id
  join ${issues} h on h.id = ${param('issueId', 'uuid')} and h.company_id = r.company_id
  where r.company_id = ${param('companyId', 'uuid')} and ${isLive('r')} and ${holdsIssue}
  order by (r.id is not distinct from h.execution_run_id) desc, (r.id is not distinct from h.checkout_run_id) desc,
    (r.status = 'running') desc, r.created_at desc, r.id limit 1`)

/** The live run that holds an issue, else a live run that was opened for it, else null. @throws Refusal `not_found` */
export async function activeRunOfIssue(ctx: Ctx, issueId: string): Promise<(RunRow & { agentName: string; adapterType: string }) | null> {
  const companyId = companyOf(ctx)
  await requireIssue(ctx.store.read, companyId, issueId)
  const [active] = await ctx.store.read.run(selectActiveOfIssue, { companyId, issueId })
  if (active === undefined) return null
  const { id, ...agentFields } = active
  return { ...presentRun(ctx.actor, await runRowById(ctx.store.read, ctx, id)), ...agentFields }
}

const issueIdOf = sql`coalesce((select i.id from ${issues} i where i.company_id = r.company_id and ${isHeldBy('i', sql`= r.id`)} and i.execution_run_id = r.id order by i.id limit 1),
  r.issue_id) as "issueId"`

const selectLiveOfCompany = statement<{ companyId: string; minCount: number; limit: number | null }, z.input<typeof companyLiveRunView>>(
  'company_live_runs',
).read(sql`
  with live as (
    select r.id from ${runs} r where r.company_id = ${param('companyId', 'uuid')} and ${isLive('r')}
    order by r.created_at desc, r.id desc limit ${MAX_ROWS}),
  recent as (
    select r.id from ${runs} r where r.company_id = ${param('companyId', 'uuid')} and r.status not in ('queued', 'running')
    order by r.created_at desc, r.id desc
    limit greatest(0, ${param('minCount', 'int')} - (select count(*)::int from live)))
  select ${liveColumns}, ${issueIdOf} from (select id, 0 as place from live union all select id, 1 from recent) shown
  join ${runs} r on r.id = shown.id join ${agents} a on a.id = r.agent_id
  order by shown.place, r.created_at desc, r.id desc limit ${param('limit', 'int')}`)

/**
 * Live runs of a company, newest first.
 * @param counts `minCount`, the least number of runs to return: recent ended runs fill up the list; `limit`, the most
 */
export const liveRunsOfCompany = (
  ctx: Ctx,
  { minCount, limit }: z.output<typeof liveRunsQuery>,
): Promise<z.input<typeof companyLiveRunView>[]> =>
  ctx.store.read.run(selectLiveOfCompany, { companyId: companyOf(ctx), minCount, limit: limit ?? null })

const issuesTouchedBy = statement<{ companyId: string; runId: string }, z.input<typeof runIssueView>>('run_issues').read(sql`
  with touched as (
    select distinct case when entity_type = 'issue' then entity_id::uuid end as id from ${activityLog}
    where company_id = ${param('companyId', 'uuid')} and run_id = ${param('runId', 'uuid')} and entity_type = 'issue'
    union select issue_id from ${runs} where id = ${param('runId', 'uuid')} and issue_id is not null
    union select i.id from ${issues} i where i.company_id = ${param('companyId', 'uuid')} and ${isHeldBy('i', sql`= ${param('runId', 'uuid')}`)})
  select i.id as "issueId", i.identifier, i.title, i.status, i.priority
  from touched join ${issues} i on i.id = touched.id and i.company_id = ${param('companyId', 'uuid')}
  where i.hidden_at is null order by i.updated_at desc, i.id limit ${MAX_ROWS}`)

/** Issues that a run was opened for, holds, or is named with in the audit. @throws Refusal `not_found` for the run */
export async function issuesOfRun(ctx: Ctx, runId: string): Promise<z.input<typeof runIssueView>[]> {
  await runRowById(ctx.store.read, ctx, runId)
  return await ctx.store.read.run(issuesTouchedBy, { companyId: companyOf(ctx), runId })
}
