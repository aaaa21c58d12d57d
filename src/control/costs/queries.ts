import { getTableColumns, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { costEvents, costRollups } from '../../model/costs.ts'
import { centsSql, utilizationOf } from '../../model/money.ts'
import { projects } from '../../model/projects.ts'
import { companyOf } from '../../platform/db/context.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { givenRange, rangeParams } from './ranges.ts'
import type { RangeParams, TimeRange } from './ranges.ts'
import {
  costliestFirst,
  hasEvents,
  spendingAndRunsBy,
  spendingBy,
  spendingRows,
  spentCents,
  summedCounters,
  sumColumns,
  sumColumnsByBilling,
  unpricedEvents,
} from './sums.ts'
import type {
  costByAgentModelView,
  costByAgentView,
  costByBillerView,
  costByProjectView,
  costByProviderView,
  costEventView,
  costSummaryView,
  quotaWindowsView,
  windowSpendView,
} from './views.ts'

type Row<V extends z.ZodType> = z.input<V>
type Summary = Row<typeof costSummaryView>
type CostEvent = Row<typeof costEventView>

const companyId = param('companyId', 'uuid')
const spendingAndRuns = (keys: string): SQL => sql`(${spendingAndRunsBy(givenRange, sql.raw(keys))}) spending`

// A deleted agent or project has no name any more, and what it spent stays.
const agentField = (column: SQL): SQL => sql`(select ${column} from ${agents} a where a.id = agent_id and a.company_id = ${companyId})`
const agentName = agentField(sql`a.name`)
const projectName = sql`(select p.name from ${projects} p where p.id = project_id and p.company_id = ${companyId})`
const billing = sql`provider, biller, billing_type as "billingType", model`

const summary = statement<RangeParams, Omit<Summary, 'utilizationPercent'>>('cost_summary').read(sql`
  select c.id as "companyId", c.budget_monthly_cents as "budgetCents", s.*
  from ${companies} c cross join (select ${spentCents} as "spendCents", ${unpricedEvents} as "unpricedEventCount" from (${spendingBy(givenRange)}) spending) s
  where c.id = ${companyId}`)

/** The spending of a company, next to its monthly budget. @throws Refusal `not_found` */
export async function readCostSummary(ctx: Ctx, range: TimeRange): Promise<Summary> {
  const [row] = await ctx.store.read.run(summary, rangeParams(companyOf(ctx), range))
  if (row === undefined) refuse('not_found', { message: 'Company not found' })
  const { companyId: id, spendCents, budgetCents, unpricedEventCount } = row
  return { companyId: id, spendCents, budgetCents, utilizationPercent: utilizationOf(spendCents, budgetCents), unpricedEventCount }
}

/** Declares a list of sums: the costliest first, and at most 1,000. */
const listOfSums =
  <R>(read: Statement<RangeParams, R, 'read'>) =>
  async (ctx: Ctx, range: TimeRange): Promise<R[]> =>
    await ctx.store.read.run(read, rangeParams(companyOf(ctx), range))

export const listCostsByAgent = listOfSums(
  statement<RangeParams, Row<typeof costByAgentView>>('cost_by_agent').read(sql`
    select agent_id as "agentId", ${agentName} as "agentName", ${agentField(sql`a.status`)} as "agentStatus", ${sumColumnsByBilling}
    from ${spendingAndRuns('agent_id, billing_type')} group by agent_id ${costliestFirst(sql`agent_id`)}`),
)

export const listCostsByAgentModel = listOfSums(
  statement<RangeParams, Row<typeof costByAgentModelView>>('cost_by_agent_model').read(sql`
    select agent_id as "agentId", ${agentName} as "agentName", ${billing}, ${sumColumns}
    from (${spendingRows(givenRange, sql`agent_id, provider, biller, billing_type, model`)}) spending
    group by agent_id, provider, biller, billing_type, model
    ${costliestFirst(sql`agent_id, provider, biller, billing_type, model`)}`),
)

export const listCostsByProvider = listOfSums(
  statement<RangeParams, Row<typeof costByProviderView>>('cost_by_provider').read(sql`
    select ${billing}, ${sumColumnsByBilling} from ${spendingAndRuns('provider, biller, billing_type, model')} group by provider, biller, billing_type, model
    ${costliestFirst(sql`provider, biller, billing_type, model`)}`),
)

export const listCostsByBiller = listOfSums(
  statement<RangeParams, Row<typeof costByBillerView>>('cost_by_biller').read(sql`
    select biller, ${sumColumnsByBilling}, count(distinct provider)::int as "providerCount",
      count(distinct (provider, model))::int as "modelCount"
    from (select biller, billing_type, provider, model, ${summedCounters}
      from ${spendingAndRuns('biller, billing_type, provider, model')} group by biller, billing_type, provider, model ${hasEvents}) spending
    group by biller ${costliestFirst(sql`biller`)}`),
)

export const listCostsByProject = listOfSums(
  statement<RangeParams, Row<typeof costByProjectView>>('cost_by_project').read(sql`
    select project_id as "projectId", ${projectName} as "projectName", ${sumColumns}
    from (${spendingBy(givenRange, sql`project_id`)}) spending group by project_id ${costliestFirst(sql`project_id`)}`),
)

const lastHours = sql`select name, hours, (now() - make_interval(hours => hours)) at time zone 'UTC' as starts, now() at time zone 'UTC' as ends
  from (values ('5h', 5), ('24h', 24), ('7d', 168)) w (name, hours)`

const windowSpend = statement<{ companyId: string }, Row<typeof windowSpendView>>('cost_window_spend').read(sql`
  select provider, biller, name as "window", hours as "windowHours", ${sumColumns}
  from (${spendingBy(lastHours, sql`provider, biller`)}) spending group by provider, biller, name, hours ${costliestFirst(sql`hours, provider, biller`)}`)

/** The spending with each provider in the last 5 hours, 24 hours and 7 days. */
export const listWindowSpend = async (ctx: Ctx): Promise<Row<typeof windowSpendView>[]> =>
  await ctx.store.read.run(windowSpend, { companyId: companyOf(ctx) })

// Days behind today come with events that are dated a little ahead.
const recentProviders = statement<{ companyId: string }, { provider: string }>('cost_recent_providers').read(sql`
  select distinct provider from ${costRollups} where company_id = ${companyId} and grain = 'day' and bucket >= now() - interval '30 days'
  order by provider limit 1000`)

/** The quotas of the providers of the last 30 days. This server asks no provider, and says so for each. */
export async function listQuotaWindows(ctx: Ctx): Promise<Row<typeof quotaWindowsView>[]> {
  const rows = await ctx.store.read.run(recentProviders, { companyId: companyOf(ctx) })
  return rows.map(({ provider }) => ({ provider, ok: false, error: 'This server does not ask providers for their quotas', windows: [] }))
}

const newestFirst = keyset('desc', [
  { field: 'occurredAt', column: 'occurred_at', type: 'timestamptz' },
  { field: 'id', column: 'id', type: 'uuid' },
])

/** The order of lists of events by their own time, and their conditions of time. */
export const eventsPage = (request: PageRequest, { from, to }: TimeRange) => {
  const page = newestFirst.page(request)
  const since = from === undefined ? sql`` : sql`and occurred_at >= ${param('from', 'timestamptz')}`
  const until = to === undefined ? sql`` : sql`and occurred_at < ${param('to', 'timestamptz')}`
  return {
    page,
    shape: JSON.stringify([page.hasCursor, from !== undefined, to !== undefined]),
    conditions: sql`company_id = ${companyId} ${since} ${until} ${page.andAfterCursor}`,
    end: sql`order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`,
  }
}

export type EventsParams = RangeParams & KeysetParams

const amounts = sql`${centsSql(sql`microcents`)} as "costCents", microcents as "costMicrocents"`
const behindAmounts = ['isPriced', 'source', 'externalId', 'correctsId', 'occurredAt', 'createdAt'] as const
const beforeAmounts = Object.keys(getTableColumns(costEvents)).filter(
  (name) => name !== 'microcents' && !behindAmounts.some((late) => late === name),
)

/** The columns of a cost event under the names of the wire, in the order of its view; the amount also in whole cents. */
const costEventColumns = sql`${columnsOf(costEvents, ['microcents', ...behindAmounts])}, ${amounts}, ${columnsOf(costEvents, ['microcents', ...beforeAmounts])}`

const eventList = dynamicRead<EventsParams, CostEvent>('cost_event_list')

/** The cost events of a company by the time at which they occurred, newest first. */
export async function listCostEvents(ctx: Ctx, range: TimeRange, request: PageRequest): Promise<Page<CostEvent>> {
  const { page, shape, conditions, end } = eventsPage(request, range)
  return await page.read(
    ctx.store.read,
    eventList(shape, () => sql`select ${costEventColumns} from ${costEvents} where ${conditions} ${end}`),
    { ...rangeParams(companyOf(ctx), range), ...page.params },
  )
}
