// Counts what a run used, in the transaction that ends it, or behind its end when its usage arrives later.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { costEvents, runCosts } from '../../model/costs.ts'
import { isHeldBy, issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { pipelined } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { pricesInForce } from './prices.ts'
import { recordCosts } from './record.ts'
import { runUsageIn } from './usage.ts'
import { lateUsageName, usageEvents } from './usageEvents.ts'
import type { UsageRun } from './usageEvents.ts'

interface UsageFacts extends UsageRun {
  readonly companyId: string
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly subscriptionMicrocents: number
  readonly otherMicrocents: number
  readonly before: unknown
  /** Usage that arrived behind the end was counted before. */
  readonly isCountedLate: boolean
}

/** The runs of an agent among which the one before is looked for: with more in between, the session is taken for a new one. */
const LOOKBACK = sql.raw('500')

const counted = (column: string, filter: SQL = sql``): SQL =>
  sql`coalesce((select sum(rc.${sql.raw(column)}) from ${runCosts} rc where rc.run_id = r.id ${filter}), 0)::bigint`

/** The issue that the run `r` holds, or else the one that it was opened for, in SQL: its project is charged. Two look-ups by index. */
export const issueOfRun = sql`(select * from (
    select 0 as place, h.id, h.project_id, h.goal_id, h.billing_code from ${issues} h where h.company_id = r.company_id and ${isHeldBy('h', sql`= r.id`)}
    union all
    select 1, h.id, h.project_id, h.goal_id, h.billing_code from ${issues} h where h.company_id = r.company_id and h.id = r.issue_id) found
  order by place, id limit 1)`

const selectFacts = statement<{ runId: string; ofSession: string | null; lateName: string }, UsageFacts>('usage_facts').read(sql`
  select r.id as "runId", r.company_id as "companyId", r.agent_id as "agentId", coalesce(a.adapter_type, 'unknown') as "adapterType",
    i.id as "issueId", i.project_id as "projectId", i.goal_id as "goalId", i.billing_code as "billingCode",
    coalesce(r.finished_at, now()) as "endedAt", ${counted('input_tokens')} as "inputTokens",
    ${counted('cached_input_tokens')} as "cachedInputTokens", ${counted('output_tokens')} as "outputTokens",
    ${counted('microcents', sql`and rc.is_subscription`)} as "subscriptionMicrocents",
    ${counted('microcents', sql`and not rc.is_subscription`)} as "otherMicrocents",
    case when ${param('ofSession', 'text')} is not null then (
      select b.usage_json from (select p.id, p.usage_json from ${runs} p where p.agent_id = r.agent_id and p.created_at <= r.created_at
        order by p.created_at desc, p.id desc limit ${LOOKBACK}) b
      where b.id <> r.id and b.usage_json ->> 'ofSession' = ${param('ofSession', 'text')} limit 1) end as before,
    exists (select 1 from ${costEvents} e where e.company_id = r.company_id and e.agent_id = r.agent_id and e.external_id = ${param('lateName', 'text')})
      as "isCountedLate"
  from ${runs} r left join ${agents} a on a.id = r.agent_id left join lateral ${issueOfRun} i on true
  where r.id = ${param('runId', 'uuid')}`)

async function record(tx: Tx, reading: Promise<UsageFacts[]>, usageJson: unknown, isLate: boolean): Promise<readonly DomainEvent[]> {
  const [facts] = await reading
  if (facts === undefined || (isLate && facts.isCountedLate)) return []
  const { inputTokens, cachedInputTokens, outputTokens, subscriptionMicrocents, otherMicrocents, before, companyId, ...run } = facts
  const microcents = { subscription: subscriptionMicrocents, other: otherMicrocents }
  const inputs = usageEvents(
    run,
    { usageJson, before, isLate },
    { inputTokens, cachedInputTokens, outputTokens, microcents },
    pricesInForce(),
  )
  return (await recordCosts(tx, companyId, inputs)).events
}

const readFacts = (tx: Tx, runId: string, ofSession: string | null): Promise<UsageFacts[]> =>
  pipelined(tx.run(selectFacts, { runId, ofSession, lateName: lateUsageName(runId) }))

/**
 * (tx) Counts the usage of a run that ends, when the body of the transaction is done, because the writer of cost events takes the last locks.
 * Call it before the holds of the run are cleared: the project of the issue that it holds is charged. Expects the row lock of the run, behind
 * which its agent reports nothing more, and comes before what gives its reservation back.
 */
export function recordUsageAtEnd(tx: Tx, runId: string, usageJson: unknown): void {
  const usage = runUsageIn(usageJson)
  if (usage === null) return
  const reading = readFacts(tx, runId, usage.ofSession)
  tx.finalChecks.set(`usage of ${runId}`, () => record(tx, reading, usageJson, false))
}

/**
 * (tx) Counts the usage of a run that another party has ended, beside what was counted at its end. It belongs to the time of the end. A
 * second call counts nothing. Expects the row lock of the run.
 */
export async function recordLateUsage(tx: Tx, runId: string, usageJson: unknown): Promise<readonly DomainEvent[]> {
  const usage = runUsageIn(usageJson)
  return usage === null ? [] : await record(tx, readFacts(tx, runId, usage.ofSession), usageJson, true)
}
