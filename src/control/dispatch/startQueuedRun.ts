import { sql } from 'drizzle-orm'
import type { Ctx, Store, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, pipelined, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { taskSessions } from '../../model/runRecords.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, lockAndLoadHoldFacts } from '../../engine/holds/index.ts'
import type { HoldFacts } from '../../engine/holds/index.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { lockRunFacts } from '../../auth/runFacts.ts'
import { runStarted, startRun, SUPERVISED_LEASE_S } from '../../engine/runs/index.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import type { RunResult } from '../../engine/runs/index.ts'
import { claimWake, deferWake, promoteWakeIfFree, skipWake } from '../../engine/wakes/index.ts'
import type { CloseReason } from '../../engine/wakes/index.ts'
import { acquireHoldWithEvent } from '../checkout/index.ts'
import { decideStart } from './startRules.ts'
import { isStartable, maxConcurrentRuns, runningCount } from './startable.ts'
import type { Candidate } from './startable.ts'

/** A run that was claimed, with all that its supervisor needs to start it. */
export interface StartOrder {
  readonly runId: string
  readonly agentId: string
  readonly agentName: string
  readonly companyId: string
  /** What the run is about, whether it holds it or not. */
  readonly issueId: string | null
  readonly adapterType: string
  readonly adapterConfig: unknown
  readonly wakeReason: string | null
  readonly wakePayload: Readonly<Record<string, unknown>> | null
  /** The work that shares one session: an issue, a named task, or whatever the agent does beside them. */
  readonly taskKey: string
  readonly sessionIdBefore: string | null
}

export type StartResult =
  | { readonly kind: 'claimed'; readonly order: StartOrder }
  /** A queued run of the agent will not start: the next one may. */
  | { readonly kind: 'set_aside' }
  /** There is nothing to claim for the agent now. */
  | { readonly kind: 'none' }

const NONE: StartResult = { kind: 'none' }
const SET_ASIDE: StartResult = { kind: 'set_aside' }

interface StartableAgent {
  id: string
  name: string
  adapterType: string
  adapterConfig: unknown
  most: number
}

// Whoever has the agent is starting or ending its runs: there is other work than to wait for that.
const lockStartableAgent = lockingRead(
  'agent',
  statement<{ agentId: string; companyId: string; types: readonly string[] }, StartableAgent>('claim_agent').read(sql`
    select a.id, a.name, a.adapter_type as "adapterType", a.adapter_config as "adapterConfig", ${maxConcurrentRuns} as most
    from ${agents} a where a.id = ${param('agentId')} and a.company_id = ${param('companyId')} and ${isStartable}
    for no key update skip locked`),
)

interface QueuedRun {
  id: string
  issueId: string | null
  running: number
  companyActive: boolean
  reason: string | null
  payload: Record<string, unknown> | null
  taskKey: string
  sessionId: string | null
}

/** The session that another run of the agent left, where the wake asks to go on with that one. */
const resumedSessionId = sql`(case when w.payload ->> 'resumeFromRunId' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (
  select p.session_id_after from ${runs} p where p.id = (w.payload ->> 'resumeFromRunId')::uuid and p.agent_id = r.agent_id) end)`

// Sent behind the agent's lock, so its snapshot sees every start that was made under it.
const nextQueuedRun = statement<{ agentId: string; companyId: string }, QueuedRun>('claim_next').read(sql`
  select r.id, r.issue_id as "issueId", ${runningCount} as running, c.status = 'active' as "companyActive", w.reason, w.payload,
    k.task_key as "taskKey",
    case when coalesce(r.context_snapshot ->> 'forceFreshSession', w.payload ->> 'forceFreshSession') = 'true' then null
      else coalesce(${resumedSessionId}, s.session_id) end as "sessionId"
  from ${runs} r join ${agents} a on a.id = r.agent_id join ${companies} c on c.id = r.company_id
  left join ${wakes} w on w.id = r.wakeup_request_id
  cross join lateral (select coalesce(r.context_snapshot ->> 'taskKey', w.payload ->> 'taskKey', r.issue_id::text, 'agent') as task_key) k
  left join ${taskSessions} s on s.agent_id = r.agent_id and s.task_key = k.task_key and s.adapter_type = a.adapter_type
  where r.status = 'queued' and ${isUnended('r')} and r.agent_id = ${param('agentId')} and r.company_id = ${param('companyId')}
    and r.lease_expires_at > clock_timestamp()
  order by r.created_at, r.id limit 1`)

const touchAgent = statement<{ agentId: string }, { id: string }>('claim_seen').write(
  sql`update ${agents} set last_heartbeat_at = clock_timestamp() where id = ${param('agentId')} returning id`,
)

/** The queued run as the one that acts, for the rules of holds; the audit names the scheduler, agent and run. */
const actAsRun = (ctx: Ctx, agentId: string, runId: string): Ctx => ({
  ...ctx,
  actor: { kind: 'agent', agentId, companyId: companyOf(ctx), role: 'general', canCreateAgents: false, via: 'key', keyId: null, runId },
})

/**
 * Claims the oldest queued run of one agent: in one transaction it becomes `running` under this server's supervision,
 * its wake is claimed, and its issue is taken by the rules of checkout. Where the issue is held, the wake waits again
 * and the run is closed; where there is nothing to do any more, both are closed with the reason. The agent's row lock,
 * which other servers skip, makes that each run is started once and no more of them than the agent may have.
 *
 * @param supervisorId this server
 * @param types the adapter types that it may run
 */
export async function startQueuedRun(
  store: Store,
  supervisorId: string,
  types: readonly string[],
  candidate: Candidate,
): Promise<StartResult> {
  const { agentId, companyId } = candidate
  const ctx: Ctx = { actor: { kind: 'system', task: 'scheduler' }, companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx): Promise<Outcome<StartResult>> => {
    const [[agent], [next]] = await Promise.all([
      lockStartableAgent(tx, { agentId, companyId, types }),
      tx.run(nextQueuedRun, { agentId, companyId }),
    ])
    if (agent === undefined || next === undefined) return unchanged(NONE)
    if (!next.companyActive || next.running >= agent.most) return unchanged(NONE)
    const plan = await planStart(tx, ctx, agent, next)
    switch (plan.kind) {
      case 'leave':
        return unchanged(NONE)
      case 'gone':
        return unchanged(SET_ASIDE)
      case 'wait':
        return await deferRun(tx, plan.run, next, plan.holderRunId)
      case 'close':
        return await skipRun(tx, plan.run, next, plan.why)
      case 'start':
        return await applyStart(tx, ctx, supervisorId, agent, next, plan.facts)
    }
  })
}

type StartPlan =
  | { readonly kind: 'leave' }
  /** Somebody ended the run between the look and its lock. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'wait'; readonly run: RunFact; readonly holderRunId: string }
  | { readonly kind: 'close'; readonly run: RunFact; readonly why: CloseReason }
  /** With the facts of the issue where it is to be taken. */
  | { readonly kind: 'start'; readonly facts: HoldFacts | null }

/** Locks what the run is about and the run itself, and decides. */
async function planStart(tx: Tx, ctx: Ctx, { id: agentId }: StartableAgent, next: QueuedRun): Promise<StartPlan> {
  if (next.issueId === null) {
    const run = await lockQueuedRun(tx, ctx, next.id)
    return run === null ? { kind: 'gone' } : { kind: 'start', facts: null }
  }
  const facts = await tryLoadHoldFacts(tx, actAsRun(ctx, agentId, next.id), next.issueId, agentId)
  if (facts === 'run_gone') return { kind: 'gone' }
  if (facts === 'issue_gone') {
    const run = await lockQueuedRun(tx, ctx, next.id)
    return run === null ? { kind: 'gone' } : { kind: 'close', run, why: 'issue_missing' }
  }
  const run = facts.acting
  if (run?.status !== 'queued') return { kind: 'gone' }
  const decision = decideStart(facts, agentId, next.reason)
  switch (decision.kind) {
    case 'take':
      return { kind: 'start', facts }
    case 'beside':
      return { kind: 'start', facts: null }
    case 'leave':
      return decision
    case 'wait':
    case 'close':
      return { ...decision, run }
  }
}

async function lockQueuedRun(tx: Tx, ctx: Ctx, id: string): Promise<RunFact | null> {
  const [run] = await lockRunFacts(tx, companyOf(ctx), [id])
  return run?.status === 'queued' && run.live ? run : null
}

async function tryLoadHoldFacts(tx: Tx, ctx: Ctx, issueId: string, agentId: string): Promise<HoldFacts | 'issue_gone' | 'run_gone'> {
  try {
    return await lockAndLoadHoldFacts(tx, ctx, issueId, agentId)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.code === 'not_found' ? 'issue_gone' : 'run_gone'
  }
}

async function applyStart(
  tx: Tx,
  ctx: Ctx,
  supervisorId: string,
  agent: StartableAgent,
  next: QueuedRun,
  facts: HoldFacts | null,
): Promise<Outcome<StartResult>> {
  const companyId = companyOf(ctx)
  const { id: agentId } = agent
  const events: DomainEvent[] = []
  const writes: Promise<unknown>[] = []
  if (facts !== null) {
    const { issue, event } = acquireHoldWithEvent(tx, actAsRun(ctx, agentId, next.id), facts, agentId)
    writes.push(issue)
    events.push(event)
  }
  writes.push(pipelined(startRun(tx, { id: next.id, supervisorId, sessionIdBefore: next.sessionId })))
  writes.push(pipelined(claimWake(tx, next.id)), pipelined(tx.run(touchAgent, { agentId })))
  const order: StartOrder = {
    runId: next.id,
    agentId,
    agentName: agent.name,
    companyId,
    issueId: next.issueId,
    adapterType: agent.adapterType,
    adapterConfig: agent.adapterConfig,
    wakeReason: next.reason,
    wakePayload: next.payload,
    taskKey: next.taskKey,
    sessionIdBefore: next.sessionId,
  }
  const details = { agentId, issueId: next.issueId, externalRunId: null, leaseSeconds: SUPERVISED_LEASE_S }
  const claimed = pipelined(Promise.all(writes).then((): StartResult => ({ kind: 'claimed', order })))
  return changed(claimed, runStarted(next.id, details, { agentId, runId: next.id }), ...events)
}

/**
 * A wake may lose its issue to others this often before it is given up. Each loss stands for work that somebody else
 * did on the issue meanwhile, so a wake that comes here is about a state long gone.
 */
const MAX_ATTEMPTS = 50

const attemptsOf = statement<{ runId: string; agentId: string }, { tries: number }>('claim_tries').read(sql`
  select count(*)::int as tries from ${wakes} w join ${runs} r on r.agent_id = ${param('agentId')} and r.created_at >= w.created_at
    and r.wakeup_request_id = w.id where w.run_id = ${param('runId')}`)

async function deferRun(tx: Tx, run: RunFact, next: QueuedRun, holderRunId: string): Promise<Outcome<StartResult>> {
  const { tries: attempts } = exactlyOne(await tx.run(attemptsOf, { runId: run.id, agentId: run.agentId }))
  if (attempts >= MAX_ATTEMPTS) return await skipRun(tx, run, next, 'issue_busy')
  const deferred = await deferWake(tx, { runId: run.id, agentId: run.agentId, issueId: next.issueId ?? '' }, holderRunId)
  return await cancelQueuedRun(tx, run, deferred, 'issue_held', 'Another run holds the issue: its wake waits for a new run')
}

const skipMessages: Readonly<Record<CloseReason, string>> = {
  company_not_active: 'The company is not active',
  agent_not_invokable: 'The agent cannot be run',
  not_assignee: 'The issue is assigned to somebody else',
  issue_closed: 'The issue is closed',
  issue_missing: 'The issue no longer exists',
  issue_blocked: 'The issue is blocked by others, whose end wakes the agent again',
  issue_busy: 'Other runs have held the issue time and again',
  project_paused: 'The project is paused',
  lock_revoked: 'The run lost the issue by decree',
}

async function skipRun(tx: Tx, run: RunFact, next: QueuedRun, why: CloseReason): Promise<Outcome<StartResult>> {
  const skipped = await skipWake(tx, { runId: run.id, agentId: run.agentId, issueId: next.issueId ?? '' }, why)
  // Whoever waits behind this run for the issue is next; where the issue is held, its holder passes the turn on.
  const promoted = next.issueId === null ? [] : await promoteWakeIfFree(tx, next.issueId)
  return await cancelQueuedRun(tx, run, [...skipped, ...promoted], why, skipMessages[why])
}

// A queued run is in no issue's columns, so its end frees nothing.
async function cancelQueuedRun(
  tx: Tx,
  run: RunFact,
  details: readonly DomainEvent[],
  errorCode: string,
  error: string,
): Promise<Outcome<StartResult>> {
  const result: RunResult = { status: 'cancelled', error, errorCode }
  const { events } = await endRuns(tx, { issues: [], runs: [run] }, [run.id], result)
  const [first, ...rest] = [...details, ...events]
  return first === undefined ? unchanged(SET_ASIDE) : changed(SET_ASIDE, first, ...rest)
}
