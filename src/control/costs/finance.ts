// Money that no run spent: invoices, credits, fees, refunds.

import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { requireActingRun } from '../../auth/runFacts.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { costEvents, financeEvents } from '../../model/costs.ts'
import { issues } from '../../model/issues.ts'
import { goals, projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { safeIntegerSql } from '../../platform/db/safeInteger.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { financeEventReported } from './events.ts'
import { eventsPage } from './queries.ts'
import type { EventsParams } from './queries.ts'
import { rangeParams } from './ranges.ts'
import type { RangeParams, TimeRange } from './ranges.ts'
import type { CreateFinanceEvent, financeByBillerView, financeByKindView, financeEventView, financeSummaryView } from './views.ts'

type FinanceEvent = z.input<typeof financeEventView>
type FinanceSummary = z.input<typeof financeSummaryView>

const companyId = param('companyId', 'uuid')

/** The rows that a finance event may be about, with the table in which the company must have it. */
const references = {
  agentId: agents,
  issueId: issues,
  projectId: projects,
  goalId: goals,
  heartbeatRunId: runs,
  costEventId: costEvents,
} as const
type Reference = keyof typeof references
const referenceNames = Object.keys(references) as Reference[]

type ReferenceParams = Readonly<Record<Reference, string | null>> & { readonly companyId: string }

const missingReferences = statement<ReferenceParams, { name: Reference }>('finance_references').read(
  sql.join(
    referenceNames.map((name) => {
      const wanted = param(name, 'uuid')
      return sql`select ${sql.raw(`'${name}'`)} as name where ${wanted} is not null
        and not exists (select 1 from ${references[name]} x where x.id = ${wanted} and x.company_id = ${companyId})`
    }),
    sql` union all `,
  ),
)

/** (tx) @throws Refusal `unknown_reference` for a row that the company does not have */
async function requireReferences(tx: Tx, ofCompany: string, input: CreateFinanceEvent): Promise<void> {
  const wanted = Object.fromEntries(referenceNames.map((name) => [name, input[name] ?? null])) as Record<Reference, string | null>
  const missing = await tx.run(missingReferences, { ...wanted, companyId: ofCompany })
  if (missing.length > 0)
    refuse('unknown_reference', { message: `Not found in this company: ${missing.map(({ name }) => name).join(', ')}` })
}

const columns = columnsOf(financeEvents)

const byId = statement<{ id: string; companyId: string }, FinanceEvent>('finance_event_by_id').read(
  sql`select ${columns} from ${financeEvents} where id = ${param('id', 'uuid')} and company_id = ${companyId}`,
)

/**
 * Records money that came or went without a run. A mistake is corrected by an event in the other direction.
 * @throws Refusal `unknown_reference`, `company_not_active`
 */
export async function reportFinanceEvent(ctx: Ctx, input: CreateFinanceEvent): Promise<FinanceEvent> {
  const ofCompany = companyOf(ctx)
  const id = randomUUID()
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, ofCompany)
    await requireActingRun(tx, ctx)
    await requireReferences(tx, ofCompany, input)
    await tx.insert(financeEvents).values({ ...input, id, companyId: ofCompany })
    const recorded = exactlyOne(await tx.run(byId, { id, companyId: ofCompany }))
    return changed(recorded, financeEventReported(id, recorded, { agentId: recorded.agentId, runId: recorded.heartbeatRunId }))
  })
}

interface FinanceParams extends RangeParams {
  readonly currency: string
}

interface FinanceRange extends TimeRange {
  readonly currency: string
}

const financeParams = (ctx: Ctx, { currency, ...range }: FinanceRange): FinanceParams => ({
  ...rangeParams(companyOf(ctx), range),
  currency,
})

const inRange = sql`company_id = ${companyId} and occurred_at >= coalesce(${param('from', 'timestamptz')}, '-infinity')
  and occurred_at < coalesce(${param('to', 'timestamptz')}, 'infinity')`
const hasCurrency = sql`currency = ${param('currency', 'text')}`

const amountOf = (condition: ReturnType<typeof sql>) => sql`coalesce(sum(amount_cents) filter (where ${hasCurrency} and ${condition}), 0)`
const debit = amountOf(sql`direction = 'debit'`)
const credit = amountOf(sql`direction = 'credit'`)
const net = sql`${debit} - ${credit}`
const financeSums = sql`${safeIntegerSql(debit)} as "debitCents", ${safeIntegerSql(credit)} as "creditCents", ${safeIntegerSql(net)} as "netCents",
  ${safeIntegerSql(amountOf(sql`direction = 'debit' and estimated`))} as "estimatedDebitCents",
  (count(*) filter (where ${hasCurrency}))::int as "eventCount"`

const financeSummary = statement<FinanceParams, FinanceSummary>('finance_summary').read(sql`
  select c.id as "companyId", ${param('currency', 'text')} as currency, s.* from ${companies} c cross join (
    select ${financeSums}, (count(*) filter (where not ${hasCurrency}))::int as "otherCurrencyEventCount"
    from ${financeEvents} where ${inRange}) s
  where c.id = ${companyId}`)

/** The sums of the finance events of a company in one currency, and how many are in others. @throws Refusal `not_found` */
export async function readFinanceSummary(ctx: Ctx, range: FinanceRange): Promise<FinanceSummary> {
  const [row] = await ctx.store.read.run(financeSummary, financeParams(ctx, range))
  if (row === undefined) refuse('not_found', { message: 'Company not found' })
  return row
}

/** Declares a list of sums of finance events in one currency: the largest first, and at most 1,000. */
const listOfSums =
  <R>(read: Statement<FinanceParams, R, 'read'>) =>
  async (ctx: Ctx, range: FinanceRange): Promise<R[]> =>
    await ctx.store.read.run(read, financeParams(ctx, range))

export const listFinanceByBiller = listOfSums(
  statement<FinanceParams, z.input<typeof financeByBillerView>>('finance_by_biller').read(sql`
    select biller, ${financeSums}, count(distinct event_kind)::int as "kindCount" from ${financeEvents} where ${inRange} and ${hasCurrency}
    group by biller order by ${net} desc, biller limit 1000`),
)

export const listFinanceByKind = listOfSums(
  statement<FinanceParams, z.input<typeof financeByKindView>>('finance_by_kind').read(sql`
    select event_kind as "eventKind", ${financeSums}, count(distinct biller)::int as "billerCount" from ${financeEvents}
    where ${inRange} and ${hasCurrency} group by event_kind order by ${net} desc, event_kind limit 1000`),
)

const eventList = dynamicRead<EventsParams, FinanceEvent>('finance_event_list')

/** The finance events of a company by the time at which they occurred, newest first. */
export async function listFinanceEvents(ctx: Ctx, range: TimeRange, request: PageRequest): Promise<Page<FinanceEvent>> {
  const { page, shape, conditions, end } = eventsPage(request, range)
  return await page.read(
    ctx.store.read,
    eventList(shape, () => sql`select ${columns} from ${financeEvents} where ${conditions} ${end}`),
    { ...rangeParams(companyOf(ctx), range), ...page.params },
  )
}
