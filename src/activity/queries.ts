import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import { activityLog } from '../db/schema/activity.ts'
import { issues } from '../db/schema/issues.ts'
import { columnsOf, param, shapedRead } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import type { activityView } from './views.ts'

type Activity = z.input<typeof activityView>

export interface ActivityFilter {
  readonly agentId?: string | undefined
  readonly runId?: string | undefined
  readonly entityType?: string | undefined
  readonly entityId?: string | undefined
  readonly action?: string | undefined
}

interface Params extends ActivityFilter {
  companyId: string
  limit: number
  before: number | null
}

const conditions: Record<keyof ActivityFilter, () => SQL> = {
  agentId: () => sql`agent_id = ${param('agentId', 'uuid')}`,
  runId: () => sql`run_id = ${param('runId', 'uuid')}`,
  entityType: () => sql`entity_type = ${param('entityType', 'text')}`,
  entityId: () => sql`entity_id = ${param('entityId', 'text')}`,
  action: () => sql`action = ${param('action', 'text')}`,
}

const shaped = shapedRead<Params, Activity>('activity_list')

/** Audit rows of a company, newest first; those of hidden issues are left out. */
export async function listActivity(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  filter: ActivityFilter,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Activity>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.int()]))
  const keys = (Object.keys(conditions) as (keyof ActivityFilter)[]).filter((key) => filter[key] !== undefined)
  const where = [sql`company_id = ${param('companyId', 'uuid')}`, ...keys.map((key) => conditions[key]())]
  if (at !== null) where.push(sql`seq < ${param('before', 'bigint')}`)
  const rows = await db.run(
    shaped(
      JSON.stringify([keys, at !== null]),
      () => sql`
      select ${columnsOf(activityLog, ['txid', 'requestId'])} from ${activityLog}
      where ${sql.join(where, sql` and `)} and not exists (select 1 from ${issues} i
        where i.id = case when entity_type = 'issue' then entity_id::uuid end and i.hidden_at is not null)
      order by seq desc limit ${param('limit', 'int')}`,
    ),
    { ...filter, companyId, limit: limit + 1, before: at?.[0] ?? null },
  )
  return cut(rows, limit, (row) => [row.seq])
}
