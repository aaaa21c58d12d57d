import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunStatus } from '../../model/runStatus.ts'
import { isEnded, isUnended, runs } from '../../model/runs.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams } from '../../platform/db/keyset.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { presentRun } from './present.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'
import type { RunListQuery } from './views.ts'

interface Params {
  companyId: string
  agentId: string | null
  status: RunListQuery['status'] | null
  offset: number
}

const listStatement = dynamicRead<Params & KeysetParams, RunRow>('run_list')
const newestFirst = byCreation('desc')

/** Keys of a result that lists show. The read of a single run has the whole result. */
const summaryKeys = ['summary', 'result', 'message', 'error', 'total_cost_usd', 'cost_usd', 'costUsd']

/** Reduces the result of a run to the summary that lists show. */
export const withResultSummary = <R extends Pick<RunRow, 'resultJson'>>(run: R): R =>
  run.resultJson === null
    ? run
    : { ...run, resultJson: Object.fromEntries(Object.entries(run.resultJson).filter(([key]) => summaryKeys.includes(key))) }

const isTerminal = (status: RunStatus): boolean => runStatus.terminal.includes(status)

/**
 * The runs that a list reads. Ended runs of several statuses are read status by status: each has its place in an index, and at most a page
 * of it is read. Runs that have not ended are few.
 */
function runsOf({ status, offset }: RunListQuery, where: SQL): SQL {
  if (status === undefined) return sql`${runs} where ${where}`
  if (status.every(isTerminal)) {
    const most = offset === undefined ? sql`` : sql` + ${param('offset', 'int')}`
    return sql`unnest(${param('status', 'text[]')}) as asked (status) cross join lateral (select * from ${runs}
      where ${where} and status = asked.status and ${isEnded} order by ${newestFirst.orderBy} limit ${param('limit', 'int')}${most}) heartbeat_runs`
  }
  const unended = status.some(isTerminal) ? sql`` : sql`and ${isUnended()}`
  return sql`${runs} where ${where} and status = any(${param('status', 'text[]')}) ${unended}`
}

/** Runs of a company, newest first, each result reduced to its summary. */
export async function listRuns(ctx: Ctx, query: RunListQuery): Promise<Page<RunRow>> {
  const page = newestFirst.page(query)
  const agentFilter = query.agentId === undefined ? sql`` : sql`and agent_id = ${param('agentId', 'uuid')}`
  const isEndedOnly = query.status?.every(isTerminal)
  const isUnendedOnly = query.status?.every((status) => !isTerminal(status))
  const offset = query.offset === undefined ? sql`` : sql`offset ${param('offset', 'int')}`
  const shown = await page.read(
    ctx.store.read,
    listStatement(
      `${query.agentId !== undefined}:${isEndedOnly}:${isUnendedOnly}:${query.offset !== undefined}:${page.hasCursor}`,
      () => sql`
      select ${runColumns} from ${runsOf(query, sql`company_id = ${param('companyId', 'uuid')} ${agentFilter} ${page.andAfterCursor}`)}
      order by ${newestFirst.orderBy} limit ${param('limit', 'int')} ${offset}`,
    ),
    { companyId: companyOf(ctx), agentId: query.agentId ?? null, status: query.status ?? null, offset: query.offset ?? 0, ...page.params },
  )
  return await mapPage(shown, (run) => presentRun(ctx.actor, withResultSummary(run)))
}
