import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { runs } from '../../model/runs.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'

interface Params {
  companyId: string
  agentId: string | null
  limit: number
  atTime: string | null
  atId: string | null
}

const shaped = dynamicRead<Params, RunRow>('run_list')

/** Keys of a result that lists show; the whole of it is in the single run. */
const summaryKeys = ['summary', 'result', 'message', 'error', 'total_cost_usd', 'cost_usd', 'costUsd']

/** A run as lists show it: of its result only the summary. */
export const withResultSummary = <R extends Pick<RunRow, 'resultJson'>>(run: R): R =>
  run.resultJson === null
    ? run
    : { ...run, resultJson: Object.fromEntries(Object.entries(run.resultJson).filter(([key]) => summaryKeys.includes(key))) }

/** Runs of a company, newest first, each result reduced to its summary. */
export async function listRuns(
  ctx: Ctx,
  query: { agentId?: string | undefined; limit?: number | undefined; after?: string | undefined },
): Promise<Page<RunRow>> {
  const limit = query.limit ?? DEFAULT_LIMIT
  const cursor = query.after === undefined ? null : decodeCursor(query.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const agentFilter = query.agentId === undefined ? sql`` : sql`and agent_id = ${param('agentId', 'uuid')}`
  const afterCursor = cursor === null ? sql`` : sql`and (created_at, id) < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      `${query.agentId !== undefined}:${cursor !== null}`,
      () => sql`
      select ${runColumns} from ${runs} where company_id = ${param('companyId', 'uuid')} ${agentFilter} ${afterCursor}
      order by created_at desc, id desc limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), agentId: query.agentId ?? null, limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  const { items, next } = toPage(rows, limit, (row) => [row.createdAt, row.id])
  return { items: items.map(withResultSummary), next }
}
