import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { seesDetailsOf } from '../../auth/visibility.ts'
import { activityLog, mayBeIntervention } from '../../platform/db/tables.ts'
import { issues } from '../../model/issues.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { jsonColumnsOf, jsonMembers } from '../../platform/db/rawRows.ts'
import type { RawRow } from '../../platform/db/rawRows.ts'
import { columnsOf, param, dynamicRead } from '../../platform/db/statement.ts'
import type { PageDb } from '../../platform/db/types.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { JsonText } from '../../platform/kernel/jsonText.ts'
import { encodeCursor, mapPage, toPage, usualLimits } from '../../platform/kernel/page.ts'
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

// One look-up for each row of the page. An anti-join would be planned as a read of all issues while hardly any is hidden, and a comparison
// with null as one that few rows pass, so that the page is sorted from all rows.
const isVisible = sql`coalesce((select false from ${issues} hidden
  where hidden.id = case when activity_log.entity_type = 'issue' then activity_log.entity_id::uuid end and hidden.hidden_at is not null), true)`

const newestFirst = keyset('desc', [{ field: 'seq', column: 'activity_log.seq', type: 'bigint' }])
const newest = sql`order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`
const hiddenColumns = ['txid', 'requestId']
const columns = columnsOf(activityLog, hiddenColumns)
const jsonColumns = jsonColumnsOf(activityLog, hiddenColumns)

/** Rows that one index finds: of an agent, a run, an entity, or the newest of the company. */
const selectDirectly = (where: SQL, hasActions: boolean): SQL =>
  hasActions
    ? sql`select ${columns} from ${activityLog} where ${where} and action = any(${param('actions', 'text[]')}) ${newest}`
    : sql`select ${columns} from ${activityLog} where ${where} ${newest}`

/** The greatest number of an audit row. */
const MOST_SEQ = sql.raw('9223372036854775807')

interface Once {
  readonly where: SQL
  readonly order: SQL
}

/**
 * Filters of which a first page may have one and be planned once. An agent is written as a range of rows that the order begins with, so that no other
 * index has the order, and of a range the planner expects a part of the table. Of an equal value it expects the rows of a usual agent, and sorts those of
 * a busy one. Runs and entities have few rows.
 */
const onceBy: Readonly<Partial<Record<EqualityFilter, Once>>> = {
  agentId: {
    where: sql`agent_id is not null and (agent_id, seq) >= (${param('agentId', 'uuid')}, 0) and (agent_id, seq) <= (${param('agentId', 'uuid')}, ${MOST_SEQ})`,
    order: sql`agent_id, ${newestFirst.orderBy}`,
  },
  runId: { where: conditions.runId(), order: newestFirst.orderBy },
  entityId: { where: conditions.entityId(), order: newestFirst.orderBy },
}

/** How a first page with these filters is planned once; undefined: it depends on their values. */
function onceFor(keys: readonly EqualityFilter[]): Once | undefined {
  const [key, ...others] = keys.filter((each) => each !== 'entityType')
  return key === undefined || others.length > 0 ? undefined : onceBy[key]
}

// The planner expects that nearly all rows meet this, and finds none by it: where it expects the few of a usual company, it reads all of a large one.
const isInCompany = sql`case when company_id = ${param('companyId', 'uuid')} then 1 else 0 end <> 0`

/**
 * Rows of some kinds (entity type and action), which may be rare in a company with many rows. A company has few kinds. A
 * recursive query finds them by skipping along the index, and reads of each requested kind at most the rows of one page.
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

// The actions of the preset, each with the condition under which a row counts.
const presetActions = sql`unnest(${param('actions', 'text[]')}, ${param('whens', 'text[]')}) as wanted (action, condition)`
const meetsCondition = sql`case wanted.condition
  when 'always' then true
  when 'evicting' then details -> 'evicted' = 'true'
  when 'of a hold' then coalesce(details ->> 'previousCheckoutRunId', details ->> 'previousExecutionRunId',
    details ->> 'checkoutRunId', details ->> 'executionRunId') is not null
  end`

/** The board's interventions. They are few among the rows of people, which have an index of their own. */
const selectInterventions = (where: SQL): SQL => sql`
  select ${columns} from ${presetActions} cross join lateral (
    select * from ${activityLog} where ${where} and actor_type = 'user' and ${mayBeIntervention} and action = wanted.action and ${meetsCondition} ${newest}) activity_log
  ${newest}`

const selectActivity = dynamicRead<Params, RawRow>('activity_list', true)

const indexOf = (key: keyof Activity): number => jsonColumns.findIndex((column) => column.key === key)
const [SEQ, ENTITY_TYPE, DETAILS] = [indexOf('seq'), indexOf('entityType'), indexOf('details')]
const membersOf = jsonMembers(jsonColumns, 0)

const cursorOf = (row: RawRow): string => encodeCursor([Number(row[SEQ])])

/** A page of audit rows as an actor may see them. */
export const presentActivity = (actor: Actor, page: Page<RawRow>): Promise<Page<JsonText<Activity>>> =>
  mapPage(page, (row) => {
    const isShown = seesDetailsOf(actor, row[ENTITY_TYPE] as string)
    return new JsonText(() => `{${membersOf(isShown ? row : row.with(DETAILS, null))}}`)
  })

/** Audit rows of a company, newest first, without the rows of hidden issues: as Postgres sends them, for `presentActivity`. */
export async function listActivity(db: PageDb, companyId: string, filter: ActivityFilter, request: PageRequest): Promise<Page<RawRow>> {
  const page = newestFirst.page(request)
  const { action, interventions: isPreset = false, ...rest } = filter
  const presetKinds = interventions.filter((kind) => action === undefined || action.includes(kind.action))
  const kinds = isPreset ? presetKinds : [...new Set(action)].map((name) => ({ action: name, condition: 'always' }))
  const hasActions = action !== undefined
  const keys = equalityFilters.filter((key) => rest[key] !== undefined)
  const isSelective = keys.some((key) => key === 'agentId' || key === 'runId' || key === 'entityId')
  const once = isPreset || hasActions || page.hasCursor || !usualLimits.has(page.limit) ? undefined : onceFor(keys)
  const template = (): SQL => {
    if (once !== undefined) {
      const ofType = keys.includes('entityType') ? sql`and ${conditions.entityType()}` : sql``
      return sql`select ${columns} from ${activityLog} where ${once.where} and ${isInCompany} ${ofType} and ${isVisible}
        order by ${once.order} limit ${sql.raw(String(page.limit + 1))}`
    }
    const conjuncts = [sql`company_id = ${param('companyId', 'uuid')}`, ...keys.map((key) => conditions[key]()), isVisible]
    if (page.condition !== null) conjuncts.push(page.condition)
    const where = sql.join(conjuncts, sql` and `)
    if (isPreset) return selectInterventions(where)
    return isSelective || (!hasActions && filter.entityType === undefined)
      ? selectDirectly(where, hasActions)
      : selectByKind(where, hasActions, filter.entityType !== undefined)
  }
  const shape = JSON.stringify([keys, isPreset, hasActions, page.hasCursor, once === undefined ? null : page.limit])
  const statement = selectActivity(shape, template, once === undefined ? 'for the values' : 'once')
  const params = {
    ...rest,
    companyId,
    ...page.params,
    actions: kinds.map((kind) => kind.action),
    whens: kinds.map((kind) => kind.condition),
  }
  return toPage(await db.runPage(statement, params, page.limit + 1), page.limit, cursorOf)
}
