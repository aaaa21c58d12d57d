import { sql } from 'drizzle-orm'
import { heartbeatEnabled, wakesOnDemand } from '../../org/agents/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { isInvokableSql } from '../../model/agentStatus.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import { isLive, isUnended, runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { liveHolderOf } from '../runs/index.ts'
import type { WakeFacts, WakeSource } from './decideWake.ts'
import { recentTaskWakeCount, recentWakeCount } from './loopBound.ts'

/** The facts for `decideWake`, read in one statement per kind of request. */

interface AgentParams {
  readonly agentId: string
  readonly companyId: string
  readonly source: WakeSource
}

// One row, also where the agent is missing or its company is not active.
const fromAgent = sql`from (select 1) one left join (
    select ${isInvokableSql('a')} as invokable,
      case when ${param('source', 'text')} = 'timer' then ${heartbeatEnabled} else ${wakesOnDemand} end as listens
    from ${agents} a join ${companies} c on c.id = a.company_id and (c.status = 'active' or (c.status = 'paused' and c.pause_reason is not distinct from 'budget'))
    where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}) a on true`

const agentColumns = sql`coalesce(a.invokable, false) as "isInvokable", coalesce(a.listens, false) as listens`

const openWakes = (status: 'queued' | 'deferred_issue_execution') => sql`from ${wakes} w
    where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id = ${param('issueId', 'uuid')}
      and ${isOpen('w')} and w.status = ${sql.raw(`'${status}'`)} order by w.created_at, w.id limit 1`

const selectIssueFacts = statement<AgentParams & { issueId: string; byAgent: boolean }, WakeFacts>('wake_situation').read(sql`
  select ${agentColumns},
    exists (select 1 from ${issues} i join ${runs} r on ${liveHolderOf('i')} where i.id = ${param('issueId', 'uuid')}) as "isHeld",
    (select json_build_object('runId', w.run_id, 'wakeId', w.id, 'isAtWork', false) ${openWakes('queued')}) as open,
    (select w.id ${openWakes('deferred_issue_execution')}) as "deferredWakeId",
    case when ${param('byAgent', 'boolean')} then ${recentWakeCount} else 0 end as "recentAgentWakes"
  ${fromAgent}`)

/** (tx) The facts of a request about an issue. Expects the issue's row lock, under which its wakes wait and are promoted. */
export async function loadIssueWakeFacts(
  tx: Tx,
  ctx: Ctx,
  request: { readonly agentId: string; readonly issueId: string; readonly source: WakeSource },
): Promise<WakeFacts> {
  const { agentId, issueId, source } = request
  const byAgent = ctx.actor.kind === 'agent'
  return exactlyOne(await tx.run(selectIssueFacts, { agentId, issueId, source, companyId: companyOf(ctx), byAgent }))
}

/** The task that a run is requested for, where it is about no issue. */
export interface WakeTask {
  readonly agentId: string
  readonly source: WakeSource
  /** Null for a run that is about no task in particular. */
  readonly taskKey: string | null
  /** The run must start without the session of the run before. */
  readonly isFresh: boolean
}

type FactsWithoutIssue = Omit<WakeFacts, 'isHeld' | 'deferredWakeId'>
const NO_ISSUE = { isHeld: false, deferredWakeId: null } as const

// A queued run comes first: it has yet to read why it was asked for.
const selectTaskFacts = statement<AgentParams & { taskKey: string | null; isFresh: boolean; byAgent: boolean }, FactsWithoutIssue>(
  'wake_task_situation',
).read(sql`
  select ${agentColumns}, (
    select json_build_object('runId', r.id, 'wakeId', w.id, 'isAtWork', r.status = 'running')
    from ${runs} r left join ${wakes} w on w.id = r.wakeup_request_id
    where r.agent_id = ${param('agentId', 'uuid')} and ${isUnended('r')} and ${isLive('r')} and r.issue_id is null
      and w.payload ->> 'taskKey' is not distinct from ${param('taskKey', 'text')}
      and (not ${param('isFresh', 'boolean')} or r.status = 'queued' and w.payload ->> 'forceFreshSession' = 'true')
    order by r.status, r.created_at, r.id limit 1) as open,
    case when ${param('byAgent', 'boolean')} then ${recentTaskWakeCount} else 0 end as "recentAgentWakes"
  ${fromAgent}`)

/** (tx) The facts of a request about a task. Expects the agent's row lock. */
export async function loadTaskWakeFacts(tx: Tx, ctx: Ctx, { agentId, source, taskKey, isFresh }: WakeTask): Promise<WakeFacts> {
  const params = { agentId, source, taskKey, isFresh, companyId: companyOf(ctx), byAgent: ctx.actor.kind === 'agent' }
  return { ...exactlyOne(await tx.run(selectTaskFacts, params)), ...NO_ISSUE }
}

const selectPayloadFacts = statement<AgentParams & { reason: string; payload: string }, Omit<FactsWithoutIssue, 'recentAgentWakes'>>(
  'wake_agent_situation',
).read(sql`
  select ${agentColumns}, (
    select json_build_object('runId', w.run_id, 'wakeId', null, 'isAtWork', false) from ${wakes} w
    where w.agent_id = ${param('agentId', 'uuid')} and w.issue_id is null and ${isOpen('w')} and w.status = 'queued'
      and w.reason = ${param('reason')} and w.payload = ${param('payload', 'jsonb')} order by w.created_at, w.id limit 1) as open
  ${fromAgent}`)

/**
 * (tx) The facts of a request that only a queued wake with the same reason and payload covers; requests that join it are
 * not counted. Expects the agent's row lock.
 */
export async function loadPayloadWakeFacts(
  tx: Tx,
  ctx: Ctx,
  request: { readonly agentId: string; readonly source: WakeSource; readonly reason: string; readonly payload: object },
): Promise<WakeFacts> {
  const { agentId, source, reason } = request
  const params = { agentId, source, reason, payload: JSON.stringify(request.payload), companyId: companyOf(ctx) }
  return { ...exactlyOne(await tx.run(selectPayloadFacts, params)), ...NO_ISSUE, recentAgentWakes: 0 }
}
