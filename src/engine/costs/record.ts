// The only writer of cost events: an event, its sums, the windows of the budgets above it, and the audit of it commit together.

import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { costEvents, costRollups, runCosts } from '../../model/costs.ts'
import { bucketSql, grainRows, isSubscriptionSql } from '../../model/money.ts'
import { pipelined } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { charge, hasLimits, joinCostWriters, readForCharge } from '../budgets/index.ts'
import type { CostInput } from './costInput.ts'
import { costReported } from './events.ts'
import { added, addedSums, counters, rollupKey, sumColumns } from './rollup.ts'

/** A cost event as it is stored. */
export interface CostRow extends Omit<CostInput, 'runId'> {
  readonly id: string
  readonly companyId: string
  readonly heartbeatRunId: string | null
  readonly createdAt: Instant
}

const sums = sql`sum(microcents), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), count(*), count(*) filter (where not is_priced)`
const reportedCounters = ['microcents', 'input_tokens', 'cached_input_tokens', 'output_tokens'].map((name) => `reported_${name}`)

/**
 * The row of sums, of four that the events of one agent are divided into. None is shard 0: so `addUpCosts` writes each row of a unit that is over anew,
 * beside its neighbors in the order of the key, and a reader of the unit finds its rows on a few pages.
 */
const SHARD = sql.raw('pg_backend_pid() % 4 + 1')

// Sums are written in the order of their key, so two transactions that write several cannot wait for each other.
const insertEvents = statement<{ companyId: string; rows: string }, CostRow>('cost_record').write(sql`
  with ev as (
    insert into ${costEvents} (id, company_id, agent_id, issue_id, project_id, goal_id, heartbeat_run_id, billing_code, provider, biller, billing_type, model,
      input_tokens, cached_input_tokens, output_tokens, microcents, is_priced, source, external_id, corrects_id, occurred_at)
    select id, ${param('companyId', 'uuid')}, "agentId", "issueId", "projectId", "goalId", "runId", "billingCode", provider, biller, "billingType", model,
      "inputTokens", "cachedInputTokens", "outputTokens", microcents, "isPriced", source, "externalId", "correctsId", "occurredAt"
    from jsonb_to_recordset(${param('rows', 'jsonb')}) as r (id uuid, "agentId" uuid, "issueId" uuid, "projectId" uuid, "goalId" uuid,
      "runId" uuid, "billingCode" text, provider text, biller text, "billingType" text, model text, "inputTokens" bigint, "cachedInputTokens" bigint,
      "outputTokens" bigint, microcents bigint, "isPriced" boolean, source text, "externalId" text, "correctsId" uuid, "occurredAt" timestamptz)
    returning *),
  of_runs as (
    insert into ${runCosts} as rc (company_id, run_id, is_subscription, agent_id, ${sumColumns},
      reported_microcents, reported_input_tokens, reported_cached_input_tokens, reported_output_tokens, first_event_id, first_occurred_at)
    select company_id, heartbeat_run_id, ${isSubscriptionSql(sql`billing_type`)}, agent_id, ${sums},
      coalesce(sum(microcents) filter (where source = 'reported'), 0), coalesce(sum(input_tokens) filter (where source = 'reported'), 0),
      coalesce(sum(cached_input_tokens) filter (where source = 'reported'), 0), coalesce(sum(output_tokens) filter (where source = 'reported'), 0),
      (array_agg(id order by id))[1], (array_agg(occurred_at order by id))[1]
    from ev where heartbeat_run_id is not null group by 1, 2, 3, 4 order by 2, 3
    on conflict (run_id, is_subscription) do update set ${added('rc', [...counters, ...reportedCounters])}
    returning first_event_id),
  rolled as (
    insert into ${costRollups} as cr (${rollupKey}, ${sumColumns}, run_count)
    select company_id, g.grain, (${bucketSql(sql`g.grain`, sql`(occurred_at at time zone 'UTC')`)}) at time zone 'UTC', agent_id, project_id, provider, biller, billing_type, model,
      ${SHARD}, ${sums}, count(first_event_id)
    from ev left join of_runs on first_event_id = ev.id cross join ${grainRows}
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 order by 1, 2, 3, 4, 5, 6, 7, 8, 9
    on conflict on constraint cost_rollups_key do update set ${addedSums})
  select ${columnsOf(costEvents)} from ev as "cost_events"`)

const selectKnown = statement<{ companyId: string; rows: string }, CostRow>('cost_known').read(sql`
  select ${columnsOf(costEvents)} from ${costEvents} join jsonb_to_recordset(${param('rows', 'jsonb')}) as r ("agentId" uuid, "externalId" text)
    on agent_id = r."agentId" and external_id = r."externalId"
  where company_id = ${param('companyId', 'uuid')}`)

const NAMES_CLASS = sql.raw('7072')

// The same event that is sent twice at once is recorded by one, and found by the other, which then writes nothing.
const lockNames = statement<{ companyId: string; rows: string }, object>('cost_lock_names').read(sql`
  select pg_advisory_xact_lock(${NAMES_CLASS}, n.hash) from (
    select distinct hashtext(concat(${param('companyId', 'text')}, ' ', r."agentId", ' ', r."externalId")) as hash
    from jsonb_to_recordset(${param('rows', 'jsonb')}) as r ("agentId" uuid, "externalId" text)
    where r."externalId" is not null order by hash) n`)

/** The name that the reporter gave to an event. Events without one are never the same. */
type NamedCost = Pick<CostInput, 'agentId' | 'externalId'>

const keyOf = ({ agentId, externalId }: NamedCost): string => `${agentId} ${externalId}`

/** (tx) The events that are recorded by these names. Until the commit no other transaction records one of them. */
async function knownOf(tx: Tx, companyId: string, named: readonly NamedCost[]): Promise<CostRow[]> {
  if (named.every(({ externalId }) => externalId === null)) return []
  const rows = JSON.stringify(named.map(({ agentId, externalId }) => ({ agentId, externalId })))
  const [, known] = await Promise.all([tx.run(lockNames, { companyId, rows }), tx.run(selectKnown, { companyId, rows })])
  return known
}

const reported = (id: string, { agentId, runId, microcents, ...input }: CostInput): DomainEvent =>
  costReported(
    id,
    {
      agentId,
      heartbeatRunId: runId,
      provider: input.provider,
      model: input.model,
      billingType: input.billingType,
      costMicrocents: microcents,
      isPriced: input.isPriced,
      source: input.source,
      correctsId: input.correctsId,
      occurredAt: input.occurredAt,
    },
    { agentId, runId },
  )

/** The result of `joinCosts`: the facts that decide how events are written. */
export interface JoinedCosts {
  /** The events that are recorded already. */
  readonly known: readonly CostRow[]
  readonly isLimited: boolean
}

/**
 * (tx) Joins the writers of events, in one round trip: until the commit no hard limit begins in the company, and no other transaction records an event by one of
 * these names. It waits for changes of limits, which wait for nothing that comes before budgets (LOCK_PROTOCOL §8).
 * @param agentId the one agent of the events
 */
export async function joinCosts(tx: Tx, companyId: string, agentId: string, named: readonly NamedCost[]): Promise<JoinedCosts> {
  // Each statement has a snapshot of its own, so a look that is sent behind a lock is behind it.
  const sent = [joinCostWriters(tx, companyId), hasLimits(tx, { companyId, agentId }), knownOf(tx, companyId, named)] as const
  const [, isLimited, known] = await Promise.all(sent)
  return { known, isLimited }
}

/** Events that were written. */
export interface RecordedCosts {
  /** The rows of the new events. Where no limit is above them, they come with the answer to the commit. */
  readonly recorded: Promise<readonly CostRow[]>
  readonly known: readonly CostRow[]
  readonly events: readonly DomainEvent[]
}

/** Each event that is new, once, with its id. */
function newOf(inputs: readonly CostInput[], known: readonly CostRow[]): (CostInput & { readonly id: string })[] {
  const seen = new Set(known.map(keyOf))
  const isNew = (input: CostInput): boolean => input.externalId === null || (!seen.has(keyOf(input)) && seen.add(keyOf(input)).size > 0)
  return inputs.filter(isNew).map((input) => ({ ...input, id: randomUUID() }))
}

/**
 * (tx) Writes events of one agent. An event whose `externalId` the agent has used before is known and not counted again. It takes the last locks of the transaction
 * (LOCK_PROTOCOL §8): call it when everything else is decided and locked.
 * @param inputs of one agent and one project, so that the same limits are above all of them
 * @param joined the result of `joinCosts` for the same events, in this transaction
 */
export async function writeCosts(
  tx: Tx,
  companyId: string,
  inputs: readonly CostInput[],
  { known, isLimited }: JoinedCosts,
): Promise<RecordedCosts> {
  const unknown = newOf(inputs, known)
  if (unknown.length === 0) return { recorded: Promise.resolve([]), known, events: [] }
  const recorded = pipelined(tx.run(insertEvents, { companyId, rows: JSON.stringify(unknown) }))
  const events: DomainEvent[] = unknown.map(({ id, ...input }) => reported(id, input))
  if (!isLimited) return { recorded, known, events }
  // The latest first: it is charged to every limit that an earlier one is charged to, so that all limits are locked at once, in their order.
  const latestFirst = unknown.toSorted((one, other) => other.occurredAt.localeCompare(one.occurredAt))
  const spendings = latestFirst.map(({ agentId, runId, projectId, occurredAt, microcents }) => {
    return { spending: { companyId, agentId, runId, projectId, occurredAt }, microcents }
  })
  for (const { spending, microcents } of spendings)
    events.push(...(await charge(tx, spending, microcents, await readForCharge(tx, spending))))
  return { recorded, known, events }
}

/** (tx) Joins the writers of events and writes events of one agent: `joinCosts` and `writeCosts`. */
export async function recordCosts(tx: Tx, companyId: string, inputs: readonly CostInput[]): Promise<RecordedCosts> {
  const [first] = inputs
  if (first === undefined) return { recorded: Promise.resolve([]), known: [], events: [] }
  return await writeCosts(tx, companyId, inputs, await joinCosts(tx, companyId, first.agentId, inputs))
}
