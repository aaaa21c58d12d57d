import type { TestServer } from './world.ts'

/** A whole cent in the unit in which the database keeps amounts. */
export const CENT = 1_000_000

/** A cost event as a test plants it. */
export interface PlantedEvent {
  readonly agentId: string
  readonly occurredAt: string
  readonly microcents?: number
  readonly projectId?: string | null
  readonly runId?: string | null
  readonly provider?: string
  readonly biller?: string
  readonly billingType?: string
  readonly model?: string
  readonly inputTokens?: number
  readonly cachedInputTokens?: number
  readonly outputTokens?: number
  readonly isPriced?: boolean
  /** The id of the event that it corrects; its amount may then be negative. */
  readonly correctsId?: string | null
}

const defaults = {
  microcents: 0,
  projectId: null,
  runId: null,
  provider: 'anthropic',
  billingType: 'metered_api',
  model: 'claude',
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  isPriced: true,
  correctsId: null,
}

const bucketOf = `case grain when '3h' then date_bin('3 hours', occurred_at at time zone 'UTC', '0001-01-01')
  when '20m' then date_bin('20 minutes', occurred_at at time zone 'UTC', '0001-01-01') else date_trunc(grain, occurred_at at time zone 'UTC') end`

// Four shards, as servers that write at once would make. The first event of a run in a class of billing counts the run.
const plant = `
  with given as (
    select * from jsonb_to_recordset($2::jsonb) x ("agentId" uuid, "projectId" uuid, "runId" uuid, "correctsId" uuid, provider text, biller text,
      "billingType" text, model text, "inputTokens" bigint, "cachedInputTokens" bigint, "outputTokens" bigint, microcents bigint,
      "isPriced" boolean, "occurredAt" timestamptz)),
  e as (
    insert into cost_events (company_id, agent_id, project_id, heartbeat_run_id, corrects_id, provider, biller, billing_type, model, input_tokens,
      cached_input_tokens, output_tokens, microcents, is_priced, occurred_at)
    select $1, "agentId", "projectId", "runId", "correctsId", provider, biller, "billingType", model, "inputTokens", "cachedInputTokens",
      "outputTokens", microcents, "isPriced", "occurredAt" from given
    returning *, billing_type = 'subscription_included' as is_subscription),
  run as (
    insert into run_costs (company_id, run_id, is_subscription, agent_id, first_event_id, first_occurred_at, created_at)
    select distinct on (heartbeat_run_id, is_subscription) company_id, heartbeat_run_id, is_subscription, agent_id, id, occurred_at, created_at
    from e where heartbeat_run_id is not null order by heartbeat_run_id, is_subscription, id
    on conflict do nothing returning first_event_id),
  sums as (
    insert into cost_rollups as r (company_id, grain, bucket, agent_id, project_id, provider, biller, billing_type, model, shard, microcents,
      input_tokens, cached_input_tokens, output_tokens, event_count, unpriced_count, run_count)
    select company_id, grain, (${bucketOf}) at time zone 'UTC', agent_id, project_id, provider, biller, billing_type, model,
      (hashtext(id::text) & 3) + 1, sum(microcents), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), count(*),
      count(*) filter (where not is_priced), count(*) filter (where id in (select first_event_id from run))
    from e, unnest(array['month', 'day', '3h', '20m']) grain group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    on conflict on constraint cost_rollups_key do update set microcents = r.microcents + excluded.microcents,
      input_tokens = r.input_tokens + excluded.input_tokens, cached_input_tokens = r.cached_input_tokens + excluded.cached_input_tokens,
      output_tokens = r.output_tokens + excluded.output_tokens, event_count = r.event_count + excluded.event_count,
      unpriced_count = r.unpriced_count + excluded.unpriced_count, run_count = r.run_count + excluded.run_count)
  select id from e`

/** Adds cost events to a company by SQL, with their sums by units of time. @returns their ids, in no order */
export async function addCostEvents(server: TestServer, companyId: string, events: readonly PlantedEvent[]): Promise<string[]> {
  const rows = events.map((event) => ({ biller: event.provider ?? defaults.provider, ...defaults, ...event }))
  const result = await server.database.sql.query<{ id: string }>(plant, [companyId, JSON.stringify(rows)])
  return result.rows.map(({ id }) => id)
}

/** Lets an agent have spent an amount a moment ago. */
export const spendNow = async (
  server: TestServer,
  { companyId, agentId }: { companyId: string; agentId: string },
  cents: number,
): Promise<void> =>
  void (await addCostEvents(server, companyId, [{ agentId, occurredAt: new Date().toISOString(), microcents: cents * CENT }]))
