import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { heartbeatEnabled, isInvokable, timerSeconds } from '../agents/index.ts'
import type { Ctx } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import { companies } from '../db/schema/companies.ts'
import { param, shapedRead } from '../db/statement.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import type { schedulerHeartbeatView } from './wakeViews.ts'

type Row = z.input<typeof schedulerHeartbeatView>

const shaped = shapedRead<{ limit: number; atCompany: string | null; atName: string | null; atId: string | null }, Row>(
  'scheduler_heartbeats',
)

/** The timers of all agents that are not terminated, by company and name; also those that are off, so that the board sees why. */
export async function listSchedulerHeartbeats(
  ctx: Ctx,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Row>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.string(), z.string(), z.uuid()]))
  const behind =
    at === null
      ? sql``
      : sql`and (c.name, a.name, a.id) > (${param('atCompany', 'text')}, ${param('atName', 'text')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`
      select a.id, a.company_id as "companyId", c.name as "companyName", c.issue_prefix as "companyIssuePrefix", a.name as "agentName",
        a.url_key as "agentUrlKey", a.role, a.title, a.status, a.adapter_type as "adapterType", ${timerSeconds} as "intervalSec",
        ${heartbeatEnabled} as "heartbeatEnabled", a.last_heartbeat_at as "lastHeartbeatAt",
        ${isInvokable} and c.status = 'active' and ${heartbeatEnabled} and ${timerSeconds} > 0 as "schedulerActive"
      from ${agents} a join ${companies} c on c.id = a.company_id
      where a.status <> 'terminated' ${behind} order by c.name, a.name, a.id limit ${param('limit', 'int')}`,
    ),
    { limit: limit + 1, atCompany: at?.[0] ?? null, atName: at?.[1] ?? null, atId: at?.[2] ?? null },
  )
  return cut(rows, limit, (row) => [row.companyName, row.agentName, row.id])
}
