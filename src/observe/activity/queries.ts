import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import { activityLog } from '../../platform/db/tables.ts'
import { issues } from '../../model/issues.ts'
import { columnsOf, param, dynamicRead } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { interventions } from './interventions.ts'
import type { activityView } from './views.ts'

type Activity = z.input<typeof activityView>

export interface ActivityFilter {
  readonly agentId?: string | undefined
  readonly runId?: string | undefined
  readonly entityType?: string | undefined
  readonly entityId?: string | undefined
  /** Any of these. */
  readonly action?: readonly string[] | undefined
  /** Only what the board forced or overrode. */
  readonly interventions?: boolean | undefined
  /** From this instant on. */
  readonly since?: Instant | undefined
  /** Before this instant. */
  readonly until?: Instant | undefined
}

interface Params extends Omit<ActivityFilter, 'action' | 'interventions'> {
  companyId: string
  limit: number
  before: number | null
  actions: readonly string[]
  whens: readonly string[]
}

type EqualityFilter = 'agentId' | 'runId' | 'entityType' | 'entityId' | 'since' | 'until'

const conditions: Readonly<Record<EqualityFilter, () => SQL>> = {
  agentId: () => sql`agent_id = ${param('agentId', 'uuid')}`,
  runId: () => sql`run_id = ${param('runId', 'uuid')}`,
  entityType: () => sql`entity_type = ${param('entityType', 'text')}`,
  entityId: () => sql`entity_id = ${param('entityId', 'text')}`,
  since: () => sql`created_at >= ${param('since', 'timestamptz')}`,
  until: () => sql`created_at < ${param('until', 'timestamptz')}`,
}
const equalityFilters = Object.keys(conditions) as EqualityFilter[]

const isVisible = sql`not exists (select 1 from ${issues} hidden
  where hidden.id = case when activity_log.entity_type = 'issue' then activity_log.entity_id::uuid end and hidden.hidden_at is not null)`

const newest = sql`order by activity_log.seq desc limit ${param('limit', 'int')}`
const columns = columnsOf(activityLog, ['txid', 'requestId'])

/** Rows that one index finds: of an agent, a run, an entity, or simply the newest of the company. */
const selectDirectly = (where: SQL, hasActions: boolean): SQL =>
  hasActions
    ? sql`select ${columns} from ${activityLog} where ${where} and action = any(${param('actions', 'text[]')}) ${newest}`
    : sql`select ${columns} from ${activityLog} where ${where} ${newest}`

/**
 * Rows of some kinds, which may be rare in a big company. The kinds that a company has are few; they are found by hopping
 * along the index, and of each that is asked for only as many rows are read as the page may need.
 */
const selectByKind = (where: SQL, hasActions: boolean, hasEntityType: boolean): SQL => sql`
  with recursive kind as (
    (select entity_type, action from ${activityLog} where company_id = ${param('companyId', 'uuid')} order by entity_type, action limit 1)
    union all
    select next.entity_type, next.action from kind cross join lateral (
      select entity_type, action from ${activityLog} where company_id = ${param('companyId', 'uuid')}
        and (entity_type, action) > (kind.entity_type, kind.action) order by entity_type, action limit 1) next)
  select ${columns} from kind cross join lateral (
    select * from ${activityLog} where ${where} and entity_type = kind.entity_type and action = kind.action
      ${newest}) activity_log
  where ${hasActions ? sql`kind.action = any(${param('actions', 'text[]')})` : sql`true`}
    and ${hasEntityType ? sql`kind.entity_type = ${param('entityType', 'text')}` : sql`true`} ${newest}`

// The actions of the preset, and under what condition a row with one of them counts.
const presetActions = sql`unnest(${param('actions', 'text[]')}, ${param('whens', 'text[]')}) as wanted (action, condition)`
const meetsCondition = sql`case wanted.condition
  when 'always' then true
  when 'evicting' then details -> 'evicted' = 'true'
  when 'of a hold' then coalesce(details ->> 'previousCheckoutRunId', details ->> 'previousExecutionRunId',
    details ->> 'checkoutRunId', details ->> 'executionRunId') is not null
  end`

/** The board's interventions: few among the rows of people, which have an index of their own. */
const selectInterventions = (where: SQL): SQL => sql`
  select ${columns} from ${presetActions} cross join lateral (
    select * from ${activityLog} where ${where} and actor_type = 'user' and action = wanted.action and ${meetsCondition} ${newest}) activity_log
  ${newest}`

const listQuery = dynamicRead<Params, Activity>('activity_list')

/** Audit rows of a company, newest first; those of hidden issues are left out. */
export async function listActivity(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  filter: ActivityFilter,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Activity>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.int()]))
  const { action, interventions: isPreset = false, ...rest } = filter
  const presetKinds = interventions.filter((kind) => action === undefined || action.includes(kind.action))
  const kinds = isPreset ? presetKinds : [...new Set(action)].map((name) => ({ action: name, condition: 'always' }))
  const hasActions = action !== undefined
  const keys = equalityFilters.filter((key) => rest[key] !== undefined)
  const isSelective = keys.some((key) => key === 'agentId' || key === 'runId' || key === 'entityId')
  const template = (): SQL => {
    const conjuncts = [sql`company_id = ${param('companyId', 'uuid')}`, ...keys.map((key) => conditions[key]()), isVisible]
    if (cursor !== null) conjuncts.push(sql`activity_log.seq < ${param('before', 'bigint')}`)
    const where = sql.join(conjuncts, sql` and `)
    if (isPreset) return selectInterventions(where)
    return isSelective || (!hasActions && filter.entityType === undefined)
      ? selectDirectly(where, hasActions)
      : selectByKind(where, hasActions, filter.entityType !== undefined)
  }
  const rows = await db.run(listQuery(JSON.stringify([keys, isPreset, hasActions, cursor !== null]), template), {
    ...rest,
    companyId,
    limit: limit + 1,
    before: cursor?.[0] ?? null,
    actions: kinds.map((kind) => kind.action),
    whens: kinds.map((kind) => kind.condition),
  })
  return toPage(rows, limit, (row) => [row.seq])
}
