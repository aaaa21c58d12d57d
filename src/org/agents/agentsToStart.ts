import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import type { AgentRow } from './lock.ts'

/** The facts of an agent that say whether its runs could start on a server. */
export type AgentToStart = Pick<AgentRow, 'id' | 'companyId' | 'name' | 'adapterType' | 'adapterConfig'> & {
  readonly isolation: 'pending' | 'required'
}

const selectPage = statement<{ after: string; limit: number }, AgentToStart>('agent_to_start').read(sql`
  select a.id, a.company_id as "companyId", a.name, a.adapter_type as "adapterType", a.adapter_config as "adapterConfig", a.isolation
  from ${agents} a join ${companies} c on c.id = a.company_id
  where a.status not in ('terminated', 'pending_approval') and c.status <> 'archived' and a.id > ${param('after', 'uuid')}
  order by a.id limit ${param('limit', 'int')}`)

const PAGE = 200
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/** Every agent of every company that a run could be started for, in pages. */
export async function* agentsToStart(db: ReadDb): AsyncGenerator<AgentToStart> {
  for (let after = BEFORE_ALL; ;) {
    const rows = await db.run(selectPage, { after, limit: PAGE })
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.id
  }
}
