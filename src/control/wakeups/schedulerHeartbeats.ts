import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { heartbeatEnabled, timerSeconds } from '../../org/agents/index.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { isInvokableSql } from '../../model/agentStatus.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { schedulerHeartbeatView } from './views.ts'

type Row = z.input<typeof schedulerHeartbeatView>

const listStatement = dynamicRead<KeysetParams, Row>('scheduler_heartbeats')
const byName = keyset('asc', [
  { field: 'companyName', column: 'c.name', type: 'text' },
  { field: 'agentName', column: 'a.name', type: 'text' },
  { field: 'id', column: 'a.id', type: 'uuid' },
])

/** Lists the timers of all agents that are not terminated, by company and name. Timers that are off are listed, so that the board sees why. */
export async function listSchedulerHeartbeats(ctx: Ctx, request: PageRequest): Promise<Page<Row>> {
  const page = byName.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`
      select a.id, a.company_id as "companyId", c.name as "companyName", c.issue_prefix as "companyIssuePrefix", a.name as "agentName",
        a.url_key as "agentUrlKey", a.role, a.title, a.status, a.adapter_type as "adapterType", ${timerSeconds} as "intervalSec",
        ${heartbeatEnabled} as "heartbeatEnabled", a.last_heartbeat_at as "lastHeartbeatAt",
        ${isInvokableSql('a')} and c.status = 'active' and ${heartbeatEnabled} and ${timerSeconds} > 0 as "schedulerActive"
      from ${agents} a join ${companies} c on c.id = a.company_id
      where a.status <> 'terminated' ${page.andAfterCursor} order by ${byName.orderBy} limit ${param('limit', 'int')}`,
    ),
    page.params,
  )
}
