// Reads votes, and their traces: the copies of what was voted on.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { companies } from '../../model/companies.ts'
import { traces, votes } from '../../model/feedback.ts'
import { issues } from '../../model/issues.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { bundleView, TracesQuery, traceView, voteView } from './views.ts'

export type VoteRow = z.output<typeof voteView>
type TraceRow = z.output<typeof traceView>

export const voteColumns = columnsOf(votes)

/** The person whose votes a request reads or writes. It comes from the credential, never from the body (I8). */
export function voterOf(ctx: Ctx): string {
  invariant(ctx.actor.kind === 'board', 'only people vote')
  return ctx.actor.userId
}

const oldestFirst = byCreation('asc')

const selectVotes = dynamicRead<{ companyId: string; issueId: string; userId: string; limit: number }, VoteRow>('feedback_votes')

/** The caller's votes on an issue, oldest first. */
export async function listVotes(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<VoteRow>> {
  const page = oldestFirst.page(request)
  const query = selectVotes(
    String(page.hasCursor),
    () => sql`
      select ${voteColumns} from ${votes}
      where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and author_user_id = ${param('userId')}
        ${page.andAfterCursor}
      order by ${oldestFirst.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, query, { companyId: companyOf(ctx), issueId, userId: voterOf(ctx), ...page.params })
}

// The summary and the payload of a trace are copies from the time of the vote. The vote and the issue are read as they are now.
const traceColumns = (withPayload: boolean): SQL => sql`
  t.id, t.company_id as "companyId", t.feedback_vote_id as "feedbackVoteId", t.issue_id as "issueId",
  i.identifier as "issueIdentifier", i.title as "issueTitle", i.project_id as "projectId", v.author_user_id as "authorUserId",
  v.target_type as "targetType", v.target_id as "targetId", v.vote, t.status, v.consent_version as "consentVersion",
  t.target_summary as "targetSummary", ${withPayload ? sql`t.payload_snapshot` : sql`null`} as "payloadSnapshot",
  null as "exportedAt", null as "failureReason", t.created_at as "createdAt", t.updated_at as "updatedAt"`

const traceTables = sql`${traces} t join ${votes} v on v.id = t.feedback_vote_id join ${issues} i on i.id = t.issue_id`

interface TraceListParams {
  readonly companyId: string
  readonly issueId: string | null
  readonly projectId: string | null
  readonly targetType: string | null
  readonly vote: string | null
  readonly status: string | null
  readonly from: string | null
  readonly to: string | null
  readonly limit: number
}

type TraceFilter = 'issueId' | 'projectId' | 'targetType' | 'vote' | 'status' | 'from' | 'to'

const conditions: Readonly<Record<TraceFilter, SQL>> = {
  issueId: sql`t.issue_id = ${param('issueId', 'uuid')}`,
  projectId: sql`i.project_id = ${param('projectId', 'uuid')}`,
  targetType: sql`v.target_type = ${param('targetType', 'text')}`,
  vote: sql`v.vote = ${param('vote', 'text')}`,
  status: sql`t.status = ${param('status', 'text')}`,
  from: sql`t.created_at >= ${param('from', 'timestamptz')}`,
  to: sql`t.created_at <= ${param('to', 'timestamptz')}`,
}

/** The last instant of a day; another instant is returned unchanged. */
const endOfDay = (to: string): string => (to.length === 'YYYY-MM-DD'.length ? `${to}T23:59:59.999Z` : to)

/** Rows of a page with payloads. Each payload may have tens of kilobytes, so further rows are on the next page. */
const MAX_ROWS_WITH_PAYLOAD = 200

const newestFirst = byCreation('desc', 't')

const selectTraces = dynamicRead<TraceListParams, TraceRow>('feedback_traces')

/** Traces of the votes of all people in a company, newest first. */
export async function listTraces(ctx: Ctx, query: TracesQuery): Promise<Page<TraceRow>> {
  const withPayload = query.includePayload === true
  const requestedLimit = query.limit ?? DEFAULT_LIMIT
  const limit = withPayload ? Math.min(requestedLimit, MAX_ROWS_WITH_PAYLOAD) : requestedLimit
  const page = newestFirst.page({ limit, after: query.after })
  const filterNames = (Object.keys(conditions) as TraceFilter[]).filter((name) => query[name] !== undefined)
  const where = [
    sql`t.company_id = ${param('companyId', 'uuid')}`,
    ...filterNames.map((name) => conditions[name]),
    ...(query.sharedOnly === true ? [sql`v.is_shared`] : []),
    ...(page.condition === null ? [] : [page.condition]),
  ]
  const shape = [...filterNames, query.sharedOnly === true, withPayload, page.hasCursor].join()
  const select = selectTraces(
    shape,
    () => sql`select ${traceColumns(withPayload)} from ${traceTables} where ${sql.join(where, sql` and `)}
      order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, select, {
    companyId: companyOf(ctx),
    issueId: query.issueId ?? null,
    projectId: query.projectId ?? null,
    targetType: query.targetType ?? null,
    vote: query.vote ?? null,
    status: query.status ?? null,
    from: query.from ?? null,
    to: query.to === undefined ? null : endOfDay(query.to),
    ...page.params,
  })
}

const selectTrace = statement<{ id: string; companyId: string }, TraceRow & { companyName: string }>('feedback_trace_by_id').read(sql`
  select ${traceColumns(true)}, c.name as "companyName" from ${traceTables} join ${companies} c on c.id = t.company_id
  where t.id = ${param('id')} and t.company_id = ${param('companyId')}`)

async function requireTrace(ctx: Ctx, id: string): Promise<TraceRow & { companyName: string }> {
  const [row] = await ctx.store.read.run(selectTrace, { id, companyId: companyOf(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Feedback trace not found' })
  return row
}

/** One trace, with its payload if requested. @throws Refusal `not_found` */
export async function getTrace(ctx: Ctx, id: string, withPayload: boolean): Promise<TraceRow> {
  const { companyName: _, ...trace } = await requireTrace(ctx, id)
  return withPayload ? trace : { ...trace, payloadSnapshot: null }
}

/** One trace with its target, company and issue, complete enough to be stored outside this server. @throws Refusal `not_found` */
export async function getTraceBundle(ctx: Ctx, id: string): Promise<z.output<typeof bundleView>> {
  const { companyName, ...trace } = await requireTrace(ctx, id)
  const { issueId, issueIdentifier, issueTitle, companyId, payloadSnapshot } = trace
  const target = payloadSnapshot?.['target'] as Record<string, unknown>
  return { traceId: id, companyId, companyName, issueId, issueIdentifier, issueTitle, trace, target, files: [] }
}
