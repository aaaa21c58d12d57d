import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { heartbeatEnabled, invokable, lockAgent, wakesOnDemand } from '../agents/index.ts'
import type { AgentRow } from '../agents/index.ts'
import { companyById } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate, settled, unchanged } from '../db/mutate.ts'
import type { Outcome, Tx } from '../db/mutate.ts'
import { agents } from '../db/schema/agents.ts'
import { issues } from '../db/schema/issues.ts'
import { isUnended, runs } from '../db/schema/runs.ts'
import { isOpen, wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import { lockIssue } from '../holds/index.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { only } from '../kernel/only.ts'
import { isLive, judgeActingRun, noteReader, runRowById } from '../runs/index.ts'
import type { RunRow } from '../runs/index.ts'
import {
  closeLoop,
  countSkip,
  isLooping,
  joinWake,
  MENTIONED,
  openTaskRun,
  placeWaiting,
  placeWake,
  promoteOwn,
  queueTask,
  runInvoked,
  wakeDeferred,
  wokenLately,
} from '../wakes/index.ts'
import type { NewWake } from '../wakes/index.ts'
import type { skippedView, Wakeup } from './wakeViews.ts'

export type Woken = RunRow | z.input<typeof skippedView>

/** What a wish is called that gives no reason. */
const reasons = { timer: 'heartbeat_timer', assignment: 'issue_assigned', on_demand: 'on_demand', automation: 'automation' } as const

const skipped = (message: string): z.input<typeof skippedView> => ({ status: 'skipped', reason: 'wakeup_skipped', message })

/** @throws Refusal `agent_not_invokable`, `agent_over_budget`, `company_not_active` */
async function demandInvokable(tx: Tx, ctx: Ctx, agent: AgentRow): Promise<void> {
  if (!invokable.includes(agent.status)) refuse('agent_not_invokable', { details: { status: agent.status, next: 'ask_board' } })
  if (agent.budgetMonthlyCents > 0 && agent.spentMonthlyCents >= agent.budgetMonthlyCents) {
    countSkip(ctx.store, agent.id, 'over_budget')
    refuse('agent_over_budget', { details: { scopeType: 'agent', scopeId: agent.id, next: 'ask_board' } })
  }
  if ((await companyById(tx, companyOf(ctx))).status !== 'active') refuse('company_not_active', { details: { next: 'ask_board' } })
}

const listening = statement<{ agentId: string }, { toTimer: boolean; toOthers: boolean }>('wakeup_listening').read(sql`
  select ${heartbeatEnabled} as "toTimer", ${wakesOnDemand} as "toOthers" from ${agents} a where a.id = ${param('agentId')}`)

/** Why the agent's configuration turns the wish down, or null. */
async function turnedDown(tx: Tx, ctx: Ctx, agentId: string, source: Wakeup['source']): Promise<string | null> {
  const { toTimer, toOthers } = only(await tx.run(listening, { agentId }))
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
export async function wakeup(ctx: Ctx, agentId: string, wanted: Wakeup): Promise<Woken> {
  const companyId = companyOf(ctx)
  const woken = await mutate(ctx, async (tx): Promise<Outcome<Woken>> => {
    const agent = await lockAgent(tx, companyId, agentId)
    await demandInvokable(tx, ctx, agent)
    const issueId = wanted.payload?.issueId ?? null
    if (issueId !== null) await lockIssue(tx, companyId, issueId)
    await judgeActingRun(tx, ctx)
    const refusal = await turnedDown(tx, ctx, agentId, wanted.source)
    if (refusal !== null) return unchanged(skipped(refusal))
    return issueId === null ? await wakeForTask(tx, ctx, agentId, wanted) : await wakeForIssue(tx, ctx, agentId, issueId, wanted)
  })
  // A person who has a run started by hand may want to read it as it goes, and a short run is over before they can ask.
  if (ctx.actor.kind === 'board' && 'id' in woken) noteReader(ctx.store, woken.id, 0, true)
  return woken
}

function wishOf(agentId: string, wanted: Wakeup): Omit<NewWake, 'issueId'> {
  const { source, triggerDetail, payload, forceFreshSession } = wanted
  const carried = { ...payload, ...(forceFreshSession ? { forceFreshSession } : {}) }
  return { agentId, source, triggerDetail, reason: wanted.reason ?? reasons[source], payload: carried }
}

/** The answer where a run stands for the wish. */
async function given(
  tx: Tx,
  ctx: Ctx,
  wish: Omit<NewWake, 'issueId'>,
  runId: string,
  coalesced: boolean,
  ...besides: readonly DomainEvent[]
): Promise<Outcome<Woken>> {
  const run = await runRowById(tx, ctx, runId)
  const { agentId, source, triggerDetail, reason } = wish
  const said = { agentId, issueId: run.issueId, source, triggerDetail, reason, coalesced }
  return changed(run, runInvoked(runId, said, { agentId, runId }), ...besides)
}

const LOOPING = 'Agents have had this agent woken for this too often within an hour; a person can wake it'

const taskWishes = statement<{ agentId: string }, { count: number }>('wakeup_task_wishes').read(sql`
  select count(*)::int as count from ${runs} r join ${wakes} w on w.id = r.wakeup_request_id and w.requested_by_actor_type = 'agent'
  where r.agent_id = ${param('agentId')} and r.created_at > now() - interval '1 hour' and r.issue_id is null`)

async function wakeForTask(tx: Tx, ctx: Ctx, agentId: string, wanted: Wakeup): Promise<Outcome<Woken>> {
  const wish = { ...wishOf(agentId, wanted), taskKey: wanted.payload?.taskKey ?? null, isFresh: wanted.forceFreshSession }
  const open = await openTaskRun(tx, wish)
  if (open !== null) {
    if (open.wakeId !== null) await joinWake(tx, open.wakeId)
    return await given(tx, ctx, wish, open.id, true)
  }
  // An agent may wake itself, but not for ever.
  if (ctx.actor.kind === 'agent' && isLooping(only(await tx.run(taskWishes, { agentId })).count)) {
    countSkip(ctx.store, agentId, 'loop_bound')
    return unchanged(skipped(LOOPING))
  }
  return await given(tx, ctx, wish, await queueTask(tx, ctx, wish), false)
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

const place = { agentId: param('agentId', 'uuid'), issueId: param('issueId', 'uuid') }

// A run that waits comes first: it has yet to read what the wish is about.
const ownRun = statement<{ agentId: string; issueId: string }, OwnRun>('wakeup_own_run').read(sql`
  select r.id, r.status, r.wakeup_request_id as "wakeId" from ${runs} r
  where r.agent_id = ${place.agentId} and ${isUnended('r')} and ${isLive}
    and (r.issue_id = ${place.issueId} or exists (
      select 1 from ${issues} i where i.id = ${place.issueId} and r.id in (i.checkout_run_id, i.execution_run_id)))
  order by r.status, r.created_at, r.id limit 1`)

const holderOf = statement<{ issueId: string }, Holder>('wakeup_holder').read(sql`
  select r.id, r.agent_id as "agentId", a.name as "agentName"
  from ${issues} i join ${runs} r on r.id in (i.checkout_run_id, i.execution_run_id) and r.company_id = i.company_id
  join ${agents} a on a.id = r.agent_id where i.id = ${place.issueId} and ${isLive} limit 1`)

const lately = statement<{ agentId: string; issueId: string }, { count: number }>('wakeup_lately').read(sql`select ${wokenLately} as count`)

async function wakeForIssue(tx: Tx, ctx: Ctx, agentId: string, issueId: string, wanted: Wakeup): Promise<Outcome<Woken>> {
  const wish = wishOf(agentId, wanted)
  const wake = { ...wish, issueId }
  const [own] = await tx.run(ownRun, { agentId, issueId })
  const [holder] = await tx.run(holderOf, { issueId })
  // A run at work may have read the thread already, so a comment that came since is for one that follows it.
  const isNews = (wanted.payload?.commentId ?? null) !== null
  if (own?.status === 'queued' || (own !== undefined && !isNews)) {
    if (own.wakeId !== null) await joinWake(tx, own.wakeId)
    return await given(tx, ctx, wish, own.id, true)
  }
  if (wish.reason !== MENTIONED) {
    if (holder !== undefined) return await wait(tx, ctx, wake, holder)
    const promoted = await promoteOwn(tx, agentId, issueId)
    if (promoted !== null) return await given(tx, ctx, wish, promoted.runId, true, promoted.event)
  }
  if (ctx.actor.kind === 'agent' && isLooping(only(await tx.run(lately, { agentId, issueId })).count))
    return settled(skipped(LOOPING), await closeLoop(tx, ctx, wake))
  return await given(tx, ctx, wish, await placeWake(tx, ctx, wake), false)
}

const joinWaiting = statement<{ agentId: string; issueId: string }, { id: string }>('wakeup_join_waiting').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now() where id = (
    select w.id from ${wakes} w where w.agent_id = ${place.agentId} and w.issue_id = ${place.issueId}
      and ${isOpen('w')} and w.status = 'deferred_issue_execution' order by w.created_at, w.id limit 1)
  returning id`)

async function wait(tx: Tx, ctx: Ctx, wake: NewWake & { readonly issueId: string }, holder: Holder): Promise<Outcome<Woken>> {
  const { agentId, issueId } = wake
  const [joined] = await tx.run(joinWaiting, { agentId, issueId })
  const wakeId = joined?.id ?? (await placeWaiting(tx, ctx, wake))
  const answer: Woken = {
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
