import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { heartbeatEnabled, timerSeconds } from '../../org/agents/index.ts'
import { isInvokableSql } from '../../model/agentStatus.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { schedulerHeartbeatView } from './views.ts'

type Row = z.input<typeof schedulerHeartbeatView>

const shaped = dynamicRead<{ limit: number; atCompany: string | null; atName: string | null; atId: string | null }, Row>(
  'scheduler_heartbeats',
)

/** The timers of all agents that are not terminated, by company and name; also those that are off, so that the board sees why. */
export async function listSchedulerHeartbeats(
  ctx: Ctx,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Row>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.string(), z.string(), z.uuid()]))
  const afterCursor =
    cursor === null
      ? sql``
      : sql`and (c.name, a.name, a.id) > (${param('atCompany', 'text')}, ${param('atName', 'text')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(cursor !== null),
      () => sql`
      select a.id, a.company_id as "companyId", c.name as "companyName", c.issue_prefix as "companyIssuePrefix", a.name as "agentName",
        a.url_key as "agentUrlKey", a.role, a.title, a.status, a.adapter_type as "adapterType", ${timerSeconds} as "intervalSec",
        ${heartbeatEnabled} as "heartbeatEnabled", a.last_heartbeat_at as "lastHeartbeatAt",
        ${isInvokableSql('a')} and c.status = 'active' and ${heartbeatEnabled} and ${timerSeconds} > 0 as "schedulerActive"
      from ${agents} a join ${companies} c on c.id = a.company_id
      where a.status <> 'terminated' ${afterCursor} order by c.name, a.name, a.id limit ${param('limit', 'int')}`,
    ),
    { limit: limit + 1, atCompany: cursor?.[0] ?? null, atName: cursor?.[1] ?? null, atId: cursor?.[2] ?? null },
  )
  return toPage(rows, limit, (row) => [row.companyName, row.agentName, row.id])
}
