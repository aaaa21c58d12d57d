import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { locking } from '../db/locks.ts'
import { changed, later, mutate, unchanged } from '../db/mutate.ts'
import type { Outcome, Tx } from '../db/mutate.ts'
import { agents } from '../db/schema/agents.ts'
import { companies } from '../db/schema/companies.ts'
import { taskSessions } from '../db/schema/runRecords.ts'
import { isUnended, runs } from '../db/schema/runs.ts'
import { wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import type { Store } from '../db/store.ts'
import { endRuns, lockAndGather } from '../holds/index.ts'
import type { HoldFacts } from '../holds/index.ts'
import { Refusal } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { only } from '../kernel/only.ts'
import { lockRunFacts, runStarted, startRun, SUPERVISED_LEASE_S } from '../runs/index.ts'
import type { Ending, RunFact } from '../runs/index.ts'
import { claimWake, deferWake, promoteWakeIfFree, skipWake } from '../wakes/index.ts'
import type { WhyClosed } from '../wakes/index.ts'
import { takeHold } from './checkout.ts'
import { decideStart } from './claimRules.ts'
import { isStartable, mostRuns, runningNow } from './startable.ts'
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

export type Claim =
  | { readonly kind: 'claimed'; readonly order: StartOrder }
  /** A queued run of the agent will not start: the next one may. */
  | { readonly kind: 'set_aside' }
  /** There is nothing to claim for the agent now. */
  | { readonly kind: 'none' }

const NONE: Claim = { kind: 'none' }
const SET_ASIDE: Claim = { kind: 'set_aside' }

interface Claimant {
  id: string
  name: string
  adapterType: string
  adapterConfig: unknown
  most: number
}

// Whoever has the agent is starting or ending its runs: there is other work than to wait for that.
const lockClaimant = locking(
  'agent',
  statement<{ agentId: string; companyId: string; types: readonly string[] }, Claimant>('claim_agent').read(sql`
    select a.id, a.name, a.adapter_type as "adapterType", a.adapter_config as "adapterConfig", ${mostRuns} as most
    from ${agents} a where a.id = ${param('agentId')} and a.company_id = ${param('companyId')} and ${isStartable}
    for no key update skip locked`),
)

interface Next {
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
const resumed = sql`(case when w.payload ->> 'resumeFromRunId' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (
  select p.session_id_after from ${runs} p where p.id = (w.payload ->> 'resumeFromRunId')::uuid and p.agent_id = r.agent_id) end)`

// Sent behind the agent's lock, so its snapshot sees every start that was made under it.
const nextOf = statement<{ agentId: string; companyId: string }, Next>('claim_next').read(sql`
  select r.id, r.issue_id as "issueId", ${runningNow} as running, c.status = 'active' as "companyActive", w.reason, w.payload,
    k.task_key as "taskKey",
    case when coalesce(r.context_snapshot ->> 'forceFreshSession', w.payload ->> 'forceFreshSession') = 'true' then null
      else coalesce(${resumed}, s.session_id) end as "sessionId"
  from ${runs} r join ${agents} a on a.id = r.agent_id join ${companies} c on c.id = r.company_id
  left join ${wakes} w on w.id = r.wakeup_request_id
  cross join lateral (select coalesce(r.context_snapshot ->> 'taskKey', w.payload ->> 'taskKey', r.issue_id::text, 'agent') as task_key) k
  left join ${taskSessions} s on s.agent_id = r.agent_id and s.task_key = k.task_key and s.adapter_type = a.adapter_type
  where r.status = 'queued' and ${isUnended('r')} and r.agent_id = ${param('agentId')} and r.company_id = ${param('companyId')}
    and r.lease_expires_at > clock_timestamp()
  order by r.created_at, r.id limit 1`)

const seen = statement<{ agentId: string }, { id: string }>('claim_seen').write(
  sql`update ${agents} set last_heartbeat_at = clock_timestamp() where id = ${param('agentId')} returning id`,
)

/** The queued run as the one that acts, for the rules of holds; the audit names the scheduler, agent and run. */
const asRun = (ctx: Ctx, agentId: string, runId: string): Ctx => ({
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
export async function claimRun(store: Store, supervisorId: string, types: readonly string[], candidate: Candidate): Promise<Claim> {
  const { agentId, companyId } = candidate
  const ctx: Ctx = { actor: { kind: 'system', duty: 'scheduler' }, companyId, requestId: null, store, idempotency: null }
  return await mutate(ctx, async (tx): Promise<Outcome<Claim>> => {
    const [[claimant], [next]] = await Promise.all([
      lockClaimant(tx, { agentId, companyId, types }),
      tx.run(nextOf, { agentId, companyId }),
    ])
    if (claimant === undefined || next === undefined) return unchanged(NONE)
    if (!next.companyActive || next.running >= claimant.most) return unchanged(NONE)
    const situation = await judgeStart(tx, ctx, claimant, next)
    switch (situation.kind) {
      case 'leave':
        return unchanged(NONE)
      case 'gone':
        return unchanged(SET_ASIDE)
      case 'wait':
        return await wait(tx, situation.run, next, situation.holderRunId)
      case 'close':
        return await close(tx, situation.run, next, situation.why)
      case 'start':
        return await begin(tx, ctx, supervisorId, claimant, next, situation.facts)
    }
  })
}

type Situation =
  | { readonly kind: 'leave' }
  /** Somebody ended the run between the look and its lock. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'wait'; readonly run: RunFact; readonly holderRunId: string }
  | { readonly kind: 'close'; readonly run: RunFact; readonly why: WhyClosed }
  /** With the facts of the issue where it is to be taken. */
  | { readonly kind: 'start'; readonly facts: HoldFacts | null }

/** Locks what the run is about and the run itself, and decides. */
async function judgeStart(tx: Tx, ctx: Ctx, { id: agentId }: Claimant, next: Next): Promise<Situation> {
  if (next.issueId === null) {
    const run = await lockQueued(tx, ctx, next.id)
    return run === null ? { kind: 'gone' } : { kind: 'start', facts: null }
  }
  const facts = await factsOf(tx, asRun(ctx, agentId, next.id), next.issueId, agentId)
  if (facts === 'run_gone') return { kind: 'gone' }
  if (facts === 'issue_gone') {
    const run = await lockQueued(tx, ctx, next.id)
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

async function lockQueued(tx: Tx, ctx: Ctx, id: string): Promise<RunFact | null> {
  const [run] = await lockRunFacts(tx, companyOf(ctx), [id])
  return run?.status === 'queued' && run.live ? run : null
}

async function factsOf(tx: Tx, ctx: Ctx, issueId: string, agentId: string): Promise<HoldFacts | 'issue_gone' | 'run_gone'> {
  try {
    return await lockAndGather(tx, ctx, issueId, agentId)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.code === 'not_found' ? 'issue_gone' : 'run_gone'
  }
}

async function begin(
  tx: Tx,
  ctx: Ctx,
  supervisorId: string,
  claimant: Claimant,
  next: Next,
  facts: HoldFacts | null,
): Promise<Outcome<Claim>> {
  const companyId = companyOf(ctx)
  const { id: agentId } = claimant
  const events: DomainEvent[] = []
  const writes: Promise<unknown>[] = []
  if (facts !== null) {
    const { issue, event } = takeHold(tx, asRun(ctx, agentId, next.id), facts, agentId)
    writes.push(issue)
    events.push(event)
  }
  writes.push(later(startRun(tx, { id: next.id, supervisorId, sessionIdBefore: next.sessionId })))
  writes.push(later(claimWake(tx, next.id)), later(tx.run(seen, { agentId })))
  const order: StartOrder = {
    runId: next.id,
    agentId,
    agentName: claimant.name,
    companyId,
    issueId: next.issueId,
    adapterType: claimant.adapterType,
    adapterConfig: claimant.adapterConfig,
    wakeReason: next.reason,
    wakePayload: next.payload,
    taskKey: next.taskKey,
    sessionIdBefore: next.sessionId,
  }
  const said = { agentId, issueId: next.issueId, externalRunId: null, leaseSeconds: SUPERVISED_LEASE_S }
  const claimed = later(Promise.all(writes).then((): Claim => ({ kind: 'claimed', order })))
  return changed(claimed, runStarted(next.id, said, { agentId, runId: next.id }), ...events)
}

/**
 * A wake may lose its issue to others this often before it is given up. Each loss stands for work that somebody else
 * did on the issue meanwhile, so a wake that comes here is about a state long gone.
 */
const MOST_TRIES = 50

const triesOf = statement<{ runId: string; agentId: string }, { tries: number }>('claim_tries').read(sql`
  select count(*)::int as tries from ${wakes} w join ${runs} r on r.agent_id = ${param('agentId')} and r.created_at >= w.created_at
    and r.wakeup_request_id = w.id where w.run_id = ${param('runId')}`)

async function wait(tx: Tx, run: RunFact, next: Next, holderRunId: string): Promise<Outcome<Claim>> {
  const { tries } = only(await tx.run(triesOf, { runId: run.id, agentId: run.agentId }))
  if (tries >= MOST_TRIES) return await close(tx, run, next, 'issue_busy')
  const waiting = await deferWake(tx, { runId: run.id, agentId: run.agentId, issueId: next.issueId ?? '' }, holderRunId)
  return await setAside(tx, run, waiting, 'issue_held', 'Another run holds the issue: its wake waits for a new run')
}

const sentences: Readonly<Record<WhyClosed, string>> = {
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

async function close(tx: Tx, run: RunFact, next: Next, why: WhyClosed): Promise<Outcome<Claim>> {
  const closed = await skipWake(tx, { runId: run.id, agentId: run.agentId, issueId: next.issueId ?? '' }, why)
  // Whoever waits behind this run for the issue is next; where the issue is held, its holder passes the turn on.
  const promoted = next.issueId === null ? [] : await promoteWakeIfFree(tx, next.issueId)
  return await setAside(tx, run, [...closed, ...promoted], why, sentences[why])
}

// A queued run is in no issue's columns, so its end frees nothing.
async function setAside(tx: Tx, run: RunFact, said: readonly DomainEvent[], errorCode: string, error: string): Promise<Outcome<Claim>> {
  const ending: Ending = { status: 'cancelled', error, errorCode }
  const { events } = await endRuns(tx, { issues: [], runs: [run] }, [run.id], ending)
  const [first, ...rest] = [...said, ...events]
  return first === undefined ? unchanged(SET_ASIDE) : changed(SET_ASIDE, first, ...rest)
}
