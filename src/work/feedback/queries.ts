import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { companies } from '../../model/companies.ts'
import { traces, votes } from '../../model/feedback.ts'
import { issues } from '../../model/issues.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { invariant, notFound } from '../../platform/kernel/errors.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { bundleView, TracesQuery, traceView, voteView } from './views.ts'

export type VoteRow = z.output<typeof voteView>
type TraceRow = z.output<typeof traceView>

export const voteColumns = columnsOf(votes)

/** Whose votes they are: the asking person's, never those of one named in a body (I8). */
export function voterOf(ctx: Ctx): string {
  invariant(ctx.actor.kind === 'board', 'only people vote')
  return ctx.actor.userId
}

const votesStatement = dynamicRead<
  { companyId: string; issueId: string; userId: string; limit: number; atTime: string | null; atId: string | null },
  VoteRow
>('feedback_votes')

/** The asking person's votes on an issue, oldest first. */
export async function listVotes(
  ctx: Ctx,
  issueId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<VoteRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const cursorCondition =
    cursor === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    votesStatement(
      String(cursor !== null),
      () => sql`
      select ${voteColumns} from ${votes}
      where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and author_user_id = ${param('userId')} ${cursorCondition}
      order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), issueId, userId: voterOf(ctx), limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  return toPage(rows, limit, (row) => [row.createdAt, row.id])
}

// A trace carries what was voted on as it was; whose vote it is and where the issue stands are as they are now.
const traceColumns = (withPayload: boolean): SQL => sql`
  t.id, t.company_id as "companyId", t.feedback_vote_id as "feedbackVoteId", t.issue_id as "issueId",
  i.identifier as "issueIdentifier", i.title as "issueTitle", i.project_id as "projectId", v.author_user_id as "authorUserId",
  v.target_type as "targetType", v.target_id as "targetId", v.vote, t.status, v.consent_version as "consentVersion",
  t.target_summary as "targetSummary", ${withPayload ? sql`t.payload_snapshot` : sql`null`} as "payloadSnapshot",
  null as "exportedAt", null as "failureReason", t.created_at as "createdAt", t.updated_at as "updatedAt"`

const traceTables = sql`${traces} t join ${votes} v on v.id = t.feedback_vote_id join ${issues} i on i.id = t.issue_id`

interface TraceListParams {
  companyId: string
  issueId: string | null
  projectId: string | null
  targetType: string | null
  vote: string | null
  status: string | null
  from: string | null
  to: string | null
  limit: number
  atTime: string | null
  atId: string | null
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

/** The last moment of a day, and any other instant as it is. */
const endOfDay = (to: string): string => (to.length === 'YYYY-MM-DD'.length ? `${to}T23:59:59.999Z` : to)

/** Rows of a page with payloads, each of which may be tens of kilobytes; the rest is on the next page. */
const MAX_ROWS_WITH_PAYLOAD = 200

const tracesStatement = dynamicRead<TraceListParams, TraceRow>('feedback_traces')

/** Traces of everybody's votes in a company, newest first. */
export async function listTraces(ctx: Ctx, query: TracesQuery): Promise<Page<TraceRow>> {
  const withPayload = query.includePayload === true
  const requestedLimit = query.limit ?? DEFAULT_LIMIT
  const limit = withPayload ? Math.min(requestedLimit, MAX_ROWS_WITH_PAYLOAD) : requestedLimit
  const cursor = query.after === undefined ? null : decodeCursor(query.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const filterNames = (Object.keys(conditions) as TraceFilter[]).filter((name) => query[name] !== undefined)
  const where = [
    sql`t.company_id = ${param('companyId', 'uuid')}`,
    ...filterNames.map((name) => conditions[name]),
    ...(query.sharedOnly === true ? [sql`v.is_shared`] : []),
    ...(cursor === null ? [] : [sql`(t.created_at, t.id) < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`]),
  ]
  const shape = [...filterNames, query.sharedOnly === true, withPayload, cursor !== null].join()
  const rows = await ctx.store.read.run(
    tracesStatement(
      shape,
      () => sql`select ${traceColumns(withPayload)} from ${traceTables} where ${sql.join(where, sql` and `)}
        order by t.created_at desc, t.id desc limit ${param('limit', 'int')}`,
    ),
    {
      companyId: companyOf(ctx),
      issueId: query.issueId ?? null,
      projectId: query.projectId ?? null,
      targetType: query.targetType ?? null,
      vote: query.vote ?? null,
      status: query.status ?? null,
      from: query.from ?? null,
      to: query.to === undefined ? null : endOfDay(query.to),
      limit: limit + 1,
      atTime: cursor?.[0] ?? null,
      atId: cursor?.[1] ?? null,
    },
  )
  return toPage(rows, limit, (row) => [row.createdAt, row.id])
}

const selectTrace = statement<{ id: string; companyId: string }, TraceRow & { companyName: string }>('feedback_trace_by_id').read(sql`
  select ${traceColumns(true)}, c.name as "companyName" from ${traceTables} join ${companies} c on c.id = t.company_id
  where t.id = ${param('id')} and t.company_id = ${param('companyId')}`)

async function requireTrace(ctx: Ctx, id: string): Promise<TraceRow & { companyName: string }> {
  const [row] = await ctx.store.read.run(selectTrace, { id, companyId: companyOf(ctx) })
  if (row === undefined) throw notFound('Feedback trace')
  return row
}

/** One trace; its payload only where asked for. @throws Refusal `not_found` */
export async function getTrace(ctx: Ctx, id: string, withPayload: boolean): Promise<TraceRow> {
  const { companyName: _, ...trace } = await requireTrace(ctx, id)
  return withPayload ? trace : { ...trace, payloadSnapshot: null }
}

/** One trace with what it is about, to be kept outside. @throws Refusal `not_found` */
export async function getTraceBundle(ctx: Ctx, id: string): Promise<z.output<typeof bundleView>> {
  const { companyName, ...trace } = await requireTrace(ctx, id)
  const { issueId, issueIdentifier, issueTitle, companyId, payloadSnapshot } = trace
  const target = payloadSnapshot?.['target'] as Record<string, unknown>
  return { traceId: id, companyId, companyName, issueId, issueIdentifier, issueTitle, trace, target, files: [] }
}
