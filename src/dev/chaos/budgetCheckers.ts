import { setTimeout as sleep } from 'node:timers/promises'
import type { CompletedOperation, ChaosClient } from './client.ts'
import { isAccepted } from './client.ts'
import type { Postgres } from './postgres.ts'
import type { Findings } from './properties.ts'
import { raiseLimit } from './spending.ts'

interface Difference {
  readonly detail: string
}

const monthOf = (column: string): string => `(date_trunc('month', ${column} at time zone 'UTC') at time zone 'UTC')`
const isOf = (
  alias: string,
): string => `${alias}.company_id = bp.company_id and (bp.window_kind = 'lifetime' or ${monthOf(`${alias}.occurred_at`)} = w.window_start)
  and (bp.scope_type <> 'agent' or ${alias}.agent_id = bp.scope_id) and (bp.scope_type <> 'project' or ${alias}.project_id = bp.scope_id)`
const hardWindows = `budget_policies bp join budget_windows w on w.policy_id = bp.id
  and w.window_start = case bp.window_kind when 'lifetime' then timestamptz '1970-01-01T00:00:00Z' else ${monthOf('now()')} end
  where bp.is_active and bp.hard_stop_enabled`

// One statement has one snapshot, so each row is an untruth that was committed. Nothing has to be allowed for what is in progress.
const UNTRUE_RESERVATIONS = `
  select format('the window of a limit of the %s says %s reserved, and its runs have %s', f.scope_type, f.reserved, f.kept) as detail from (
    select bp.scope_type, w.reserved, (select coalesce(sum(b.remaining), 0) from budget_reservations b
      where b.policy_id = bp.id and b.window_start = w.window_start) as kept from ${hardWindows}) f where f.reserved <> f.kept
  union all
  select format('run %s is %s and has reserved %s', b.run_id, coalesce(r.status, 'missing'), b.remaining)
    from budget_reservations b left join heartbeat_runs r on r.id = b.run_id where r.status is null or r.status not in ('queued', 'running')`

/** @returns a function that looks once at what is reserved, and reports each untruth once */
export function createReservationChecker(postgres: Postgres, findings: Findings): () => Promise<void> {
  const reported = new Set<string>()
  let looks = 0
  return async () => {
    looks += 1
    for (const { detail } of await postgres.queryWithRetry<Difference>(UNTRUE_RESERVATIONS)) {
      if (!reported.has(detail)) findings.reportViolation('granted', detail)
      reported.add(detail)
    }
    const [counts] = await postgres.queryWithRetry<{ grants: number }>('select count(*)::int as grants from chaos.grants')
    findings.reportCoverage('granted', `${counts?.grants} reservations, ${looks} looks`)
  }
}

const SUMS = ['microcents', 'input_tokens', 'output_tokens']
const ROLLUP_KEY = 'company_id, agent_id, project_id, provider, biller, billing_type, model'

const binOf: Readonly<Record<string, string>> = { '3h': '3 hours', '20m': '20 minutes' }
const bucketOf = (grain: string): string =>
  binOf[grain] === undefined
    ? `date_trunc('${grain}', occurred_at at time zone 'UTC')`
    : `date_bin('${binOf[grain]}', occurred_at at time zone 'UTC', '0001-01-01')`

/** The sums of each grain beside those of the events. @param grain of the rollups */
const wrongRollups = (grain: string): string => `
  select '${grain}: ' || s.what || ' differs: ' || coalesce(s.events, 'nothing') || ' in the events, ' || coalesce(s.sums, 'nothing') || ' in the sums' as detail from (
    select concat_ws(' ', coalesce(e.bucket, r.bucket), coalesce(e.agent_id, r.agent_id), coalesce(e.model, r.model)) as what, e.sums as events, r.sums
    from (select ${ROLLUP_KEY}, (${bucketOf(grain)}) at time zone 'UTC' as bucket,
        concat_ws('/', ${SUMS.map((sum) => `sum(${sum})`).join(', ')}, count(*)) as sums from cost_events group by ${ROLLUP_KEY}, bucket) e
    full join (select ${ROLLUP_KEY}, bucket, concat_ws('/', ${SUMS.map((sum) => `sum(${sum})`).join(', ')}, sum(event_count)) as sums
        from cost_rollups where grain = '${grain}' group by ${ROLLUP_KEY}, bucket) r
      on (${ROLLUP_KEY.split(', ')
        .map((column) => `coalesce(e.${column}::text, '')`)
        .join(', ')}, e.bucket) = (${ROLLUP_KEY.split(', ')
        .map((column) => `coalesce(r.${column}::text, '')`)
        .join(', ')}, r.bucket)) s
  where s.events is distinct from s.sums`

const WRONG_SUMS: readonly string[] = [
  ...['month', 'day', '3h', '20m'].map(wrongRollups),
  `select format('run %s: %s in the events, %s in run_costs', coalesce(e.run_id, r.run_id), e.sums, r.sums) as detail
   from (select heartbeat_run_id as run_id, billing_type = 'subscription_included' as is_subscription, concat_ws('/', sum(microcents), count(*)) as sums
     from cost_events where heartbeat_run_id is not null group by 1, 2) e
   full join (select run_id, is_subscription, concat_ws('/', microcents, event_count) as sums from run_costs) r
     on r.run_id = e.run_id and r.is_subscription = e.is_subscription where e.sums is distinct from r.sums`,
  `select format('the window of a limit of the %s says %s spent, and its events say %s', f.scope_type, f.spent, f.events) as detail from (
     select bp.scope_type, w.spent, (select coalesce(sum(e.microcents), 0) from cost_events e where ${isOf('e')}) as events from ${hardWindows}) f
   where f.spent <> f.events`,
  `select format('runs are counted %s times by %s, and are %s', f.counted, f.grain, f.runs) as detail from (
     select grain, sum(run_count) as counted, (select count(*) from run_costs) as runs from cost_rollups group by grain) f where f.counted <> f.runs`,
]

/** Whether an event was stored as often as its requests allow: once when one was accepted, at most once when one was lost, else never. */
function isCounted(requests: readonly CompletedOperation[], rows: number): boolean {
  if (requests.some(isAccepted)) return rows === 1
  return rows <= (requests.some(({ status, lostAttempts }) => status === null || lostAttempts > 0) ? 1 : 0)
}

/** Checks that each event that was sent is stored as often as it must be, and that every sum is that of the events. */
export async function checkCosts(postgres: Postgres, history: readonly CompletedOperation[], findings: Findings): Promise<void> {
  const sent = new Map<string, CompletedOperation[]>()
  for (const completed of history) {
    if (completed.operation.name !== 'cost') continue
    const { billingCode } = completed.operation.body as { billingCode: string }
    sent.set(billingCode, [...(sent.get(billingCode) ?? []), completed])
  }
  const stored = await postgres.queryWithRetry<{ code: string; rows: number }>(
    `select billing_code as code, count(*)::int as rows from cost_events group by billing_code`,
  )
  const rowsOf = new Map(stored.map(({ code, rows }) => [code, rows]))
  for (const [code, requests] of sent) {
    const rows = rowsOf.get(code) ?? 0
    const ids = new Set(requests.filter(isAccepted).map(({ body }) => String(body.id)))
    if (!isCounted(requests, rows) || ids.size > 1)
      findings.reportViolation(
        'countedOnce',
        `${code} is stored ${rows} times; answered ${requests.map(({ status }) => status).join(', ')}, ${ids.size} ids`,
      )
  }
  for (const { code } of stored) if (!sent.has(code)) findings.reportViolation('countedOnce', `the event ${code} was not sent`)
  for (const text of WRONG_SUMS)
    for (const { detail } of await postgres.queryWithRetry<Difference>(text)) findings.reportViolation('countedOnce', detail)
  const twice = [...sent.values()].filter((requests) => requests.filter(isAccepted).length > 1).length
  findings.reportCoverage('countedOnce', `${stored.length} events, ${twice} of them accepted twice`)
}

/** Any server carries out an order within two seconds. The limit allows for a busy machine. */
const STOP_TIMEOUT_MS = 15_000
// The incident of a limit that was changed is over, and any server closes it.
const OPEN_STOPS = `select bi.id, bi.scope_type, bi.enforced_at, bi.created_at, bi.company_id, bi.scope_id from budget_incidents bi
  join budget_policies bp on bp.id = bi.policy_id and bp.revision = bi.policy_revision and bp.is_active and bp.hard_stop_enabled
  where bi.threshold_type = 'hard' and bi.status <> 'resolved'`
const UNSTOPPED = `select format('the stop of the %s by incident %s is not carried out', s.scope_type, s.id) as detail from (${OPEN_STOPS}) s where s.enforced_at is null
  union all select format('run %s goes on %s after the %s was stopped', r.id, clock_timestamp() - s.enforced_at, s.scope_type) from (${OPEN_STOPS}) s
    join heartbeat_runs r on r.company_id = s.company_id and r.status = 'running' and r.supervisor_id is not null and r.started_at < s.created_at
      and (s.scope_type = 'company' or (s.scope_type = 'agent' and r.agent_id = s.scope_id))`

/** Checks that the stop of each open incident is carried out, when the faults are over and before the limits are raised. */
export async function checkStops(postgres: Postgres, findings: Findings): Promise<void> {
  const startedAt = performance.now()
  let left = await postgres.queryWithRetry<Difference>(UNSTOPPED)
  while (left.length > 0 && performance.now() - startedAt < STOP_TIMEOUT_MS) {
    await sleep(200)
    left = await postgres.queryWithRetry<Difference>(UNSTOPPED)
  }
  for (const { detail } of left) findings.reportViolation('crossings', detail)
}

/** A limit that no test reaches, in cents. */
const ENOUGH_CENTS = 100_000_000

/** Raises every limit, so that what waits can end, and resumes what the board has kept stopped. */
export async function liftLimits(postgres: Postgres, { send }: ChaosClient, findings: Findings): Promise<void> {
  const incidents = await postgres.queryWithRetry<{ id: string; companyId: string }>(
    `select id, company_id as "companyId" from budget_incidents where status <> 'resolved' and threshold_type = 'hard' order by id`,
  )
  for (const { id, companyId } of incidents) {
    const body = { action: 'raise_budget_and_resume', amount: ENOUGH_CENTS }
    await send({ name: 'resolve', method: 'POST', path: `/api/companies/${companyId}/budget-incidents/${id}/resolve`, body })
  }
  const policies = await postgres.queryWithRetry<{ companyId: string; scopeType: string; scopeId: string; reserveCents: number }>(
    `select company_id as "companyId", scope_type as "scopeType", scope_id as "scopeId", reserve_cents as "reserveCents" from budget_policies order by id`,
  )
  for (const { companyId, ...policy } of policies) {
    const raised = await send(raiseLimit(`/api/companies/${companyId}`, policy, ENOUGH_CENTS))
    if (!isAccepted(raised)) findings.reportViolation('enough', `a limit is not raised: ${raised.status} ${JSON.stringify(raised.body)}`)
  }
}

/** Counts of limits that were crossed and raised, for the report. */
export interface BudgetCounts {
  readonly crossed: number
  readonly raised: number
  readonly refused: number
}

/** Checks the incidents at the end: one for each limit and threshold that was crossed, with its approval, its audit row and its stop. */
export async function checkCrossings(
  postgres: Postgres,
  history: readonly CompletedOperation[],
  findings: Findings,
): Promise<BudgetCounts> {
  const wrong = await postgres.queryWithRetry<Difference>(
    `select format('%s incidents of one policy, window, threshold and revision', count(*)) as detail from budget_incidents
       group by policy_id, window_start, threshold_type, policy_revision having count(*) > 1
     union all select format('incident %s (%s) has %s audit rows of its crossing', bi.id, bi.threshold_type, count(l.seq)) from budget_incidents bi
       left join activity_log l on l.entity_id = bi.id::text and l.action = format('budget.%s_threshold_crossed', bi.threshold_type)
       group by bi.id, bi.threshold_type having count(l.seq) <> 1
     union all select format('incident %s has no approval', id) from budget_incidents where threshold_type = 'hard' and approval_id is null
     union all select format('%s approvals for %s hard incidents', a.n, i.n) from
       (select count(*) as n from approvals where type = 'budget_override_required') a,
       (select count(*) as n from budget_incidents where threshold_type = 'hard') i where a.n <> i.n
     union all select format('incident %s was carried out %s times', entity_id, count(*)) from activity_log where action = 'budget.stop_enforced'
       group by entity_id having count(*) > 1
     union all select 'a limit is crossed and has no incident' from ${hardWindows} and w.spent >= bp.amount::bigint * 1000000 and not exists (
       select 1 from budget_incidents bi where bi.policy_id = bp.id and bi.window_start = w.window_start and bi.threshold_type = 'hard'
         and bi.policy_revision = bp.revision)`,
  )
  for (const { detail } of wrong) findings.reportViolation('crossings', detail)
  const [counts = { crossed: 0, enforced: 0, by: '' }] = await postgres.queryWithRetry<{ crossed: number; enforced: number; by: string }>(
    `select count(*)::int as crossed, count(enforced_at)::int as enforced, (select string_agg(n || ' of ' || scope_type, ', ') from (
       select scope_type, count(*) as n from budget_incidents where threshold_type = 'hard' group by 1) each) as by
     from budget_incidents where threshold_type = 'hard'`,
  )
  findings.reportCoverage('crossings', `${counts.crossed} limits crossed (${counts.by}), ${counts.enforced} stops carried out`)
  findings.reportCoverage('overspent', `${counts.crossed} limits crossed`)
  const raised = history.filter((completed) => completed.operation.name === 'resolve' && isAccepted(completed)).length
  const refused = history.filter(({ body }) => body?.code === 'budget_exhausted').length
  return { crossed: counts.crossed, raised, refused }
}
