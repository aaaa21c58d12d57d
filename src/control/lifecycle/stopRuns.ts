// How runs end with what they belong to: as many as one transaction may end, and the rest in further ones.

import { sql } from 'drizzle-orm'
import { lockAgents } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Store, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { isQuarantined, isQuarantinedSql } from '../../model/agentStatus.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import { BUDGET_PAUSE } from '../../model/budgetStatus.ts'
import { companies } from '../../model/companies.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { isDeferred, isOpen, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { closeWakesOf, issuesAwaitedBy } from '../../engine/wakes/index.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { RunResult } from '../../engine/runs/index.ts'

/**
 * The most runs that one transaction ends: a tenth of its time limit. Runs that are running come first, so that those beyond
 * are queued and cannot start; `endRunsLeftBehind` ends them.
 */
export const MAX_ENDED_AT_ONCE = 2000

/** The most issues whose waiting wakes one transaction closes: each is locked, and has an audit row. They take 0.4 s. */
export const MAX_CLOSED_AT_ONCE = 1000

const limit = sql.raw(String(MAX_ENDED_AT_ONCE))

const unendedRunsOf = statement<{ agentId: string }, { id: string }>('stand_down_runs').read(sql`
  select r.id from ${runs} r where r.agent_id = ${param('agentId')} and r.status in ('queued', 'running') and ${isUnended('r')}
  order by r.status = 'running' desc, r.id limit ${limit}`)

const unendedRunsIn = statement<{ companyId: string }, { id: string }>('close_unended').read(sql`
  select r.id from ${runs} r where r.company_id = ${param('companyId')} and ${isUnended('r')}
  order by r.status = 'running' desc, r.id limit ${limit}`)

/** The runs that a stop ended. */
export interface StoppedRuns {
  readonly runIds: string[]
  readonly events: readonly DomainEvent[]
}

/** How runs end, and the issues that the caller needs locked as well. */
type Stop = RunResult & { readonly alsoLocked?: readonly string[] }

async function end(tx: Tx, ctx: Ctx, runIds: readonly string[], { alsoLocked = [], ...result }: Stop): Promise<StoppedRuns> {
  const locked = await lockForEnd(tx, ctx, runIds, { issueIds: alsoLocked })
  const ended = await endRuns(tx, locked, runIds, result)
  return { runIds: ended.runs.map((run) => run.id), events: ended.events }
}

/**
 * (tx) Ends the queued and running runs of an agent, `MAX_ENDED_AT_ONCE` at most. Expects the agent's row lock: runs are opened
 * only under it, so none is missed.
 */
export async function endAgentRuns(tx: Tx, ctx: Ctx, agentId: string, stop: Stop): Promise<StoppedRuns> {
  const runIds = (await tx.run(unendedRunsOf, { agentId })).map((row) => row.id)
  return await end(tx, ctx, runIds, stop)
}

/** (tx) Ends the queued and running runs of a company, `MAX_ENDED_AT_ONCE` at most. Expects the row locks of its agents. */
export async function endCompanyRuns(tx: Tx, ctx: Ctx, result: RunResult): Promise<StoppedRuns> {
  const runIds = (await tx.run(unendedRunsIn, { companyId: companyOf(ctx) })).map((row) => row.id)
  return await end(tx, ctx, runIds, result)
}

/** An agent, or all agents of an archived company, with runs that a stop has left queued. */
interface Stopped {
  companyId: string
  agentId: string
  isCompanyArchived: boolean
}

const stoppedRows = sql`
  select distinct on (case when c.status = 'archived' then c.id else a.id end)
    c.id as "companyId", a.id as "agentId", c.status = 'archived' as "isCompanyArchived"
  from ${runs} r join ${agents} a on a.id = r.agent_id join ${companies} c on c.id = a.company_id
  where ${isUnended('r')} and (a.status = 'terminated' or (a.status = 'paused' and a.pause_reason is distinct from 'budget') or c.status = 'archived')`
const stoppedWithRuns = statement<object, Stopped>('stop_left_behind').read(stoppedRows)

const quarantinedRows = sql`
  select a.company_id as "companyId", a.id as "agentId", false as "isCompanyArchived" from ${agents} a
  where ${isQuarantinedSql('a')}
    and exists (select 1 from ${wakes} w where w.agent_id = a.id and ${isOpen('w')} and ${isDeferred('w')} and w.issue_id is not null)`
const quarantinedWithWakes = statement<object, Stopped>('stop_wakes_left_behind').read(quarantinedRows)

/** SQL: whether a stop may have left something behind. */
export const stopsDue = sql`(exists (${stoppedRows}) or exists (${quarantinedRows}))`

const COMPANY_ARCHIVED: RunResult = { status: 'cancelled', error: 'Company archived', errorCode: 'company_archived' }

const resultOf = (agent: { readonly status: AgentStatus; readonly pauseReason: string | null }): RunResult | null => {
  if (agent.status === 'terminated') return { status: 'cancelled', error: 'Agent terminated', errorCode: 'agent_terminated' }
  // A run that a budget has stopped stays queued until it may start.
  if (agent.status !== 'paused' || agent.pauseReason === BUDGET_PAUSE) return null
  return isQuarantined(agent)
    ? { status: 'cancelled', error: 'Agent quarantined', errorCode: 'agent_quarantined' }
    : { status: 'cancelled', error: 'Agent paused', errorCode: 'agent_paused' }
}

async function endSome(
  store: Store,
  { companyId, agentId, isCompanyArchived }: Stopped,
  requestId: Ctx['requestId'] = null,
): Promise<number> {
  const ctx: Ctx = { actor: { kind: 'system', task: 'stops' }, companyId, requestId, store, idempotency: null }
  return await mutate(ctx, async (tx) => {
    if (isCompanyArchived) {
      const { status } = await lockCompany(tx, companyId)
      if (status !== 'archived') return unchanged(0)
      const { runIds, events } = await endCompanyRuns(tx, ctx, COMPANY_ARCHIVED)
      return changedIfAny(runIds.length, events)
    }
    const [agent] = await lockAgents(tx, companyId, [agentId])
    const result = agent === undefined ? null : resultOf(agent)
    if (result === null) return unchanged(0)
    const isClosing = agent !== undefined && isQuarantined(agent)
    const awaited = isClosing ? await issuesAwaitedBy(tx, agentId, MAX_CLOSED_AT_ONCE) : []
    const { runIds, events } = await endAgentRuns(tx, ctx, agentId, { ...result, alsoLocked: awaited })
    // Another transaction may have closed some before their issues were locked, and a mutation without an effect writes nothing.
    const locked = new Set(awaited)
    const left = awaited.length === 0 ? [] : await issuesAwaitedBy(tx, agentId, MAX_CLOSED_AT_ONCE)
    const closed = await closeWakesOf(
      tx,
      agentId,
      left.filter((issueId) => locked.has(issueId)),
    )
    return changedIfAny(runIds.length + closed.wakeIds.length, [...events, ...closed.events])
  })
}

/** Ends for a request what a quarantine of an agent has left, in transactions of bounded size. */
export async function endLeftBehindOf(ctx: Ctx, agentId: string): Promise<void> {
  const left = { companyId: companyOf(ctx), agentId, isCompanyArchived: false }
  while ((await endSome(ctx.store, left, ctx.requestId)) > 0);
}

/**
 * Ends the queued runs that a pause, a quarantine, a termination or an archive has left, and closes the waiting wakes that a
 * quarantine has left, because they were more than one transaction ends.
 * @returns how many runs and wakes were ended
 */
export async function endRunsLeftBehind(store: Store): Promise<number> {
  let sum = 0
  for (;;) {
    let ended = 0
    const left = [...(await store.read.run(stoppedWithRuns, {})), ...(await store.read.run(quarantinedWithWakes, {}))]
    for (const stopped of left) ended += await endSome(store, stopped)
    if (ended === 0) return sum
    sum += ended
  }
}
