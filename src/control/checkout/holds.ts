import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { agents } from '../../model/agents.ts'
import { issues } from '../../model/issues.ts'
import { isLive, runs } from '../../model/runs.ts'
import { isDeferred, wakes } from '../../model/wakes.ts'
import { isoJson, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { holdView } from './views.ts'

type Hold = z.input<typeof holdView>
export type HoldState = 'live' | 'dead' | 'all'

/** The most wakes that are shown with their agents; the others are in the number. */
const WAITING_SHOWN = sql.raw('3')

// The holder is the live run of the two columns, else any run that they name. A missing run is a dead holder too.
const holder = sql`left join lateral (
    select r.id, r.agent_id, r.status, r.lease_expires_at, r.last_seen_at, ${isLive('r')} as live,
      (select a.name from ${agents} a where a.id = r.agent_id) as agent_name
    from ${runs} r where r.id in ("issues"."execution_run_id", "issues"."checkout_run_id") and r.company_id = "issues"."company_id"
    order by ${isLive('r')} desc, (r.id = "issues"."execution_run_id") desc limit 1) h on true`

// The last act of a run that has made many is found by the index of runs only, whose order this is. For an order by `seq` alone Postgres may go back
// through the acts of all others until it meets one of the run, because it expects those of a busy run everywhere.
const holdColumns = sql`"issues"."id" as "issueId", "issues"."identifier", "issues"."title", "issues"."status" as "issueStatus",
  "issues"."project_id" as "projectId",
  "issues"."assignee_agent_id" as "assigneeAgentId", "issues"."assignee_user_id" as "assigneeUserId",
  "issues"."checkout_run_id" as "checkoutRunId", "issues"."execution_run_id" as "executionRunId",
  "issues"."execution_locked_at" as "heldSince", "issues"."lock_epoch" as "lockEpoch",
  case when h.id is null then null else json_build_object('runId', h.id, 'agentId', h.agent_id, 'agentName', h.agent_name,
    'status', h.status, 'live', h.live, 'leaseExpiresAt', ${isoJson(sql`h.lease_expires_at`)}, 'lastSeenAt', ${isoJson(sql`h.last_seen_at`)}) end as holder,
  coalesce(h.live, false) as live,
  (select json_build_object('action', l.action, 'at', ${isoJson(sql`l.created_at`)}) from ${activityLog} l where l.run_id between h.id and h.id
    order by l.run_id, l.seq desc nulls first limit 1) as "lastAct",
  (select count(*)::int from ${wakes} w where w.issue_id = "issues"."id" and ${isDeferred('w')}) as "waitingWakes",
  (select coalesce(json_agg(json_build_object('agentId', w.agent_id, 'agentName', w.name, 'since', ${isoJson(sql`w.created_at`)})
      order by w.created_at, w.id), '[]'::json)
    from (select w.id, w.agent_id, w.created_at, a.name from ${wakes} w join ${agents} a on a.id = w.agent_id
      where w.issue_id = "issues"."id" and ${isDeferred('w')} order by w.created_at, w.id limit ${WAITING_SHOWN}) w) as "waiting"`

// The held issues are few, so they are all found by their index and then sorted. `offset 0` keeps the planner from reading the issues of every
// company in the order of their ids until a page is full: at 30,000 issues that took 25 ms.
const heldIssues = sql`(select * from ${issues} where company_id = ${param('companyId', 'uuid')}
    and (checkout_run_id is not null or execution_run_id is not null) order by id offset 0) "issues"`

const byIssue = keyset('asc', [{ field: 'issueId', column: '"issues"."id"', type: 'uuid' }])

const holdList = dynamicRead<KeysetParams & { companyId: string }, Hold>('lock_list')
const stateConditions: Record<HoldState, ReturnType<typeof sql>> = {
  live: sql`and h.live`,
  dead: sql`and h.live is not true`,
  all: sql``,
}

/** Every hold of a company: its holder, its start, the end of the lease, and whether the holder is live. */
export async function listHolds(ctx: Ctx, query: PageRequest & { state: HoldState }): Promise<Page<Hold>> {
  const page = byIssue.page(query)
  return await page.read(
    ctx.store.read,
    holdList(
      `${query.state}:${page.hasCursor}`,
      () => sql`
      select ${holdColumns} from ${heldIssues} ${holder} where true ${stateConditions[query.state]} ${page.andAfterCursor}
      order by ${byIssue.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
}

const holdOfIssue = statement<{ id: string; companyId: string }, Hold>('lock_one').read(sql`
  select ${holdColumns} from ${issues} ${holder}
  where "issues"."id" = ${param('id')} and "issues"."company_id" = ${param('companyId')}`)

/** The most changes of a hold in the history of one issue. */
const HISTORY_LENGTH = sql.raw('100')

interface HistoryRow {
  action: string
  at: string
  actorType: 'agent' | 'user' | 'system'
  actorId: string
  agentId: string | null
  runId: string | null
  details: Record<string, unknown>
}

const history = statement<{ id: string; companyId: string }, HistoryRow>('lock_history').read(sql`
  select action, created_at as at, actor_type as "actorType", actor_id as "actorId", agent_id as "agentId", run_id as "runId", details
  from ${activityLog} where entity_id = ${param('id')} and entity_type = 'issue' and company_id = ${param('companyId')}
    and action in ('issue.checked_out', 'issue.checkout_lock_adopted', 'issue.lock_cleared', 'issue.released', 'issue.admin_force_release')
  order by seq desc limit ${HISTORY_LENGTH}`)

/** The hold of one issue with its history from the audit log, newest first: each change with its actor and reason. @throws Refusal `not_found` */
export async function readHold(ctx: Ctx, id: string): Promise<Hold & { history: HistoryRow[] }> {
  const where = { id, companyId: companyOf(ctx) }
  const [[hold], events] = await Promise.all([ctx.store.read.run(holdOfIssue, where), ctx.store.read.run(history, where)])
  if (hold === undefined) refuse('not_found', { message: 'Issue not found' })
  return { ...hold, history: events }
}
