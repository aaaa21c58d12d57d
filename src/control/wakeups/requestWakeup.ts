import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { heartbeatEnabled, lockAgent, wakesOnDemand } from '../../org/agents/index.ts'
import { invokableStatuses } from '../../model/agentStatus.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { companyById } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { issues } from '../../model/issues.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockIssue } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { isLive, requireActingRun } from '../../auth/runFacts.ts'
import { recordReadPosition, runRowById } from '../../engine/runs/index.ts'
import type { RunRow } from '../../engine/runs/index.ts'
import {
  closeAsLoop,
  countSkip,
  isLooping,
  coalesceWake,
  MENTION_REASON,
  findOpenTaskRun,
  insertDeferredWake,
  insertQueuedWake,
  promoteForAgent,
  insertTaskWake,
  runInvoked,
  wakeDeferred,
  recentWakeCount,
} from '../../engine/wakes/index.ts'
import type { NewWake } from '../../engine/wakes/index.ts'
import type { skippedView, Wakeup } from './views.ts'

export type WakeupResult = RunRow | z.input<typeof skippedView>

/** What a wish is called that gives no reason. */
const defaultReasons = { timer: 'heartbeat_timer', assignment: 'issue_assigned', on_demand: 'on_demand', automation: 'automation' } as const

const skippedResult = (message: string): z.input<typeof skippedView> => ({ status: 'skipped', reason: 'wakeup_skipped', message })

/** @throws Refusal `agent_not_invokable`, `agent_over_budget`, `company_not_active` */
async function requireInvokable(tx: Tx, ctx: Ctx, agent: AgentRow): Promise<void> {
  if (!invokableStatuses.includes(agent.status)) refuse('agent_not_invokable', { details: { status: agent.status, next: 'ask_board' } })
  if (agent.budgetMonthlyCents > 0 && agent.spentMonthlyCents >= agent.budgetMonthlyCents) {
    countSkip(ctx.store, agent.id, 'over_budget')
    refuse('agent_over_budget', { details: { scopeType: 'agent', scopeId: agent.id, next: 'ask_board' } })
  }
  if ((await companyById(tx, companyOf(ctx))).status !== 'active') refuse('company_not_active', { details: { next: 'ask_board' } })
}

const wakeSettings = statement<{ agentId: string }, { toTimer: boolean; toOthers: boolean }>('wakeup_listening').read(sql`
  select ${heartbeatEnabled} as "toTimer", ${wakesOnDemand} as "toOthers" from ${agents} a where a.id = ${param('agentId')}`)

/** Why the agent's configuration turns the wish down, or null. */
async function disabledReason(tx: Tx, ctx: Ctx, agentId: string, source: Wakeup['source']): Promise<string | null> {
  const { toTimer, toOthers } = exactlyOne(await tx.run(wakeSettings, { agentId }))
  if (source === 'timer' ? toTimer : toOthers) return null
  countSkip(ctx.store, agentId, source === 'timer' ? 'timer_off' : 'wake_on_demand_off')
  return source === 'timer' ? 'Heartbeats of this agent are off' : 'This agent is not woken on demand'
}

/**
 * Asks for a run of an agent. A run that is queued or at work for the same issue, or for the same task where there is no
 * issue, stands for the wish; while another run holds the issue, the wish waits for it.
 *
 * @returns the run, or why there is none
 * @throws Refusal `agent_not_invokable`, `agent_over_budget`, `company_not_active`; `not_found` for the issue
 */
export async function requestWakeup(ctx: Ctx, agentId: string, input: Wakeup): Promise<WakeupResult> {
  const companyId = companyOf(ctx)
  const result = await mutate(ctx, async (tx): Promise<Outcome<WakeupResult>> => {
    const agent = await lockAgent(tx, companyId, agentId)
    await requireInvokable(tx, ctx, agent)
    const issueId = input.payload?.issueId ?? null
    if (issueId !== null) await lockIssue(tx, companyId, issueId)
    await requireActingRun(tx, ctx)
    const skipMessage = await disabledReason(tx, ctx, agentId, input.source)
    if (skipMessage !== null) return unchanged(skippedResult(skipMessage))
    return issueId === null ? await wakeForTask(tx, ctx, agentId, input) : await wakeForIssue(tx, ctx, agentId, issueId, input)
  })
  // A person who has a run started by hand may want to read it goes, and a short run is over before they can ask.
  if (ctx.actor.kind === 'board' && 'id' in result) recordReadPosition(ctx.store, result.id, 0, true)
  return result
}

function toWakeRequest(agentId: string, input: Wakeup): Omit<NewWake, 'issueId'> {
  const { source, triggerDetail, payload, forceFreshSession } = input
  const carried = { ...payload, ...(forceFreshSession ? { forceFreshSession } : {}) }
  return { agentId, source, triggerDetail, reason: input.reason ?? defaultReasons[source], payload: carried }
}

/** The answer where a run stands for the wish. */
async function invokedRun(
  tx: Tx,
  ctx: Ctx,
  request: Omit<NewWake, 'issueId'>,
  runId: string,
  coalesced: boolean,
  ...otherEvents: readonly DomainEvent[]
): Promise<Outcome<WakeupResult>> {
  const run = await runRowById(tx, ctx, runId)
  const { agentId, source, triggerDetail, reason } = request
  const details = { agentId, issueId: run.issueId, source, triggerDetail, reason, coalesced }
  return changed(run, runInvoked(runId, details, { agentId, runId }), ...otherEvents)
}

const LOOP_MESSAGE = 'Agents have had this agent woken for this too often within an hour; a person can wake it'

const recentTaskRequests = statement<{ agentId: string }, { count: number }>('wakeup_task_wishes').read(sql`
  select count(*)::int as count from ${runs} r join ${wakes} w on w.id = r.wakeup_request_id and w.requested_by_actor_type = 'agent'
  where r.agent_id = ${param('agentId')} and r.created_at > now() - interval '1 hour' and r.issue_id is null`)

async function wakeForTask(tx: Tx, ctx: Ctx, agentId: string, input: Wakeup): Promise<Outcome<WakeupResult>> {
  const request = { ...toWakeRequest(agentId, input), taskKey: input.payload?.taskKey ?? null, isFresh: input.forceFreshSession }
  const open = await findOpenTaskRun(tx, request)
  if (open !== null) {
    if (open.wakeId !== null) await coalesceWake(tx, open.wakeId)
    return await invokedRun(tx, ctx, request, open.id, true)
  }
  // An agent may wake itself, but not for ever.
  if (ctx.actor.kind === 'agent' && isLooping(exactlyOne(await tx.run(recentTaskRequests, { agentId })).count)) {
    countSkip(ctx.store, agentId, 'loop_bound')
    return unchanged(skippedResult(LOOP_MESSAGE))
  }
  return await invokedRun(tx, ctx, request, await insertTaskWake(tx, ctx, request), false)
}

interface OwnRun {
  id: string
  status: 'queued' | 'running'
  wakeId: string | null
}

interface Holder {
  id: string
  agentId: string
  agentName: string
}

const keyParams = { agentId: param('agentId', 'uuid'), issueId: param('issueId', 'uuid') }

// A run that waits comes first: it has yet to read what the wish is about.
const ownRun = statement<{ agentId: string; issueId: string }, OwnRun>('wakeup_own_run').read(sql`
  select r.id, r.status, r.wakeup_request_id as "wakeId" from ${runs} r
  where r.agent_id = ${keyParams.agentId} and ${isUnended('r')} and ${isLive}
    and (r.issue_id = ${keyParams.issueId} or exists (
      select 1 from ${issues} i where i.id = ${keyParams.issueId} and r.id in (i.checkout_run_id, i.execution_run_id)))
  order by r.status, r.created_at, r.id limit 1`)

const holderOf = statement<{ issueId: string }, Holder>('wakeup_holder').read(sql`
  select r.id, r.agent_id as "agentId", a.name as "agentName"
  from ${issues} i join ${runs} r on r.id in (i.checkout_run_id, i.execution_run_id) and r.company_id = i.company_id
  join ${agents} a on a.id = r.agent_id where i.id = ${keyParams.issueId} and ${isLive} limit 1`)

const recentWakes = statement<{ agentId: string; issueId: string }, { count: number }>('wakeup_lately').read(
  sql`select ${recentWakeCount} as count`,
)

async function wakeForIssue(tx: Tx, ctx: Ctx, agentId: string, issueId: string, input: Wakeup): Promise<Outcome<WakeupResult>> {
  const request = toWakeRequest(agentId, input)
  const wake = { ...request, issueId }
  const [own] = await tx.run(ownRun, { agentId, issueId })
  const [holder] = await tx.run(holderOf, { issueId })
  // A run at work may have read the thread already, so a comment that came since is for one that follows it.
  const isNewComment = (input.payload?.commentId ?? null) !== null
  if (own?.status === 'queued' || (own !== undefined && !isNewComment)) {
    if (own.wakeId !== null) await coalesceWake(tx, own.wakeId)
    return await invokedRun(tx, ctx, request, own.id, true)
  }
  if (request.reason !== MENTION_REASON) {
    if (holder !== undefined) return await deferToHolder(tx, ctx, wake, holder)
    const promoted = await promoteForAgent(tx, agentId, issueId)
    if (promoted !== null) return await invokedRun(tx, ctx, request, promoted.runId, true, promoted.event)
  }
  if (ctx.actor.kind === 'agent' && isLooping(exactlyOne(await tx.run(recentWakes, { agentId, issueId })).count))
    return changedIfAny(skippedResult(LOOP_MESSAGE), await closeAsLoop(tx, ctx, wake))
  return await invokedRun(tx, ctx, request, await insertQueuedWake(tx, ctx, wake), false)
}

const coalesceDeferred = statement<{ agentId: string; issueId: string }, { id: string }>('wakeup_join_waiting').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now() where id = (
    select w.id from ${wakes} w where w.agent_id = ${keyParams.agentId} and w.issue_id = ${keyParams.issueId}
      and ${isOpen('w')} and w.status = 'deferred_issue_execution' order by w.created_at, w.id limit 1)
  returning id`)

async function deferToHolder(
  tx: Tx,
  ctx: Ctx,
  wake: NewWake & { readonly issueId: string },
  holder: Holder,
): Promise<Outcome<WakeupResult>> {
  const { agentId, issueId } = wake
  const [coalesced] = await tx.run(coalesceDeferred, { agentId, issueId })
  const wakeId = coalesced?.id ?? (await insertDeferredWake(tx, ctx, wake))
  const answer: WakeupResult = {
    status: 'skipped',
    reason: 'issue_execution_deferred',
    message: 'Another run holds the issue; the wake waits until it lets go',
    issueId,
    executionRunId: holder.id,
    executionAgentId: holder.agentId,
    executionAgentName: holder.agentName,
  }
  return changed(answer, wakeDeferred(wakeId, { agentId, issueId, runId: null, holderRunId: holder.id }, { agentId }))
}
