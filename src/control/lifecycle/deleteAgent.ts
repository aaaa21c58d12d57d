import { eq, sql } from 'drizzle-orm'
import { awaitWriters } from '../../auth/mayWrite.ts'
import { agentDeleted, agentDeletionBegun, lockAgent, lockAgents, revokeKeys, setAgentStatus } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { deletions } from '../../model/deletions.ts'
import { issues } from '../../model/issues.ts'
import { runEvents, runLogChunks } from '../../model/runRecords.ts'
import { runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockLimitsOfDeleted } from '../../engine/budgets/index.ts'
import { endRuns, releaseHold, holdCleared, lockForEnd, lockIssues } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { stopRoutinesOfAgent } from '../routines/index.ts'
import { cancelRequests, lockRequestsAbout } from './endRequests.ts'
import { eraseRows, windowsOfAgent } from './eraseRows.ts'
import { endAgentRuns } from './stopRuns.ts'
import { promoteWake } from '../../engine/wakes/index.ts'

const AGENT_DELETED = { status: 'cancelled', error: 'Agent deleted', errorCode: 'agent_deleted' } as const

/** The most rows of each kind that go with an agent in one transaction: a tenth of its time limit. */
const MAX_ROWS_AT_ONCE = 1000
/** The most events that go with its runs in one transaction, and the most pieces of logs, of 64 KB each. */
const MAX_EVENTS_AT_ONCE = 20_000
const MAX_PIECES_AT_ONCE = 200
/** Issues that are freed in one transaction; an audit row, and perhaps a wake, for each. */
const MAX_FREED_AT_ONCE = 500

const above = sql.raw(String(MAX_ROWS_AT_ONCE + 1))

const rowsOfRuns = (table: typeof runEvents | typeof runLogChunks, most: number) => sql`(select count(*) from (
  select from ${runs} r cross join lateral (select from ${table} x where x.run_id = r.id limit ${sql.raw(String(most + 1))}) x
  where r.agent_id = ${param('agentId')} limit ${sql.raw(String(most + 1))}) x)`

const countRows = statement<{ agentId: string }, { most: number; events: number; pieces: number }>('delete_agent_size').read(sql`
  select greatest(
    (select count(*) from (select from ${runs} where agent_id = ${param('agentId')} limit ${above}) r),
    (select count(*) from (select from ${issues} where assignee_agent_id = ${param('agentId')} limit ${above}) i),
    (select count(*) from (select from ${wakes} where agent_id = ${param('agentId')} limit ${above}) w))::int as most,
    ${rowsOfRuns(runEvents, MAX_EVENTS_AT_ONCE)}::int as events, ${rowsOfRuns(runLogChunks, MAX_PIECES_AT_ONCE)}::int as pieces`)

const deletionOf = statement<{ agentId: string }, { id: string }>('delete_agent_begun').read(
  sql`select id from ${deletions} where id = ${param('agentId')}`,
)
const reportsOf = statement<{ agentId: string }, { id: string }>('delete_agent_reports').read(
  sql`select id from ${agents} where reports_to = ${param('agentId')}`,
)
const runsOf = statement<{ agentId: string }, { id: string }>('delete_agent_runs').read(
  sql`select id from ${runs} where agent_id = ${param('agentId')}`,
)
const issuesAssignedTo = statement<{ agentId: string; limit: number | null }, { id: string }>('delete_agent_issues').read(
  sql`select id from ${issues} where assignee_agent_id = ${param('agentId')} order by id limit ${param('limit', 'int')}`,
)

/** (tx) Takes issues from their agent. Expects their row locks. @returns the audit of it, in order */
async function releaseAll(tx: Tx, ownIssues: readonly LockedIssue[]): Promise<DomainEvent[]> {
  const freed = await Promise.all(ownIssues.map((issue) => releaseHold(tx, issue.id, true)))
  const epochs = new Map(freed.map(({ id, lockEpoch }) => [id, lockEpoch]))
  return ownIssues.map((issue) =>
    holdCleared(issue.id, {
      runId: issue.executionRunId ?? issue.checkoutRunId,
      why: 'assignee_deleted',
      lockEpoch: epochs.get(issue.id) ?? issue.lockEpoch,
    }),
  )
}

/**
 * Takes an agent with many rows out of work: it is terminated for good, its runs end, its keys are revoked.
 * @throws Refusal `not_found`
 */
async function beginDeletion(ctx: Ctx, agentId: string): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, agentId)
    const requests = await lockRequestsAbout(tx, companyId, agentId)
    const agent = await lockAgent(tx, companyId, agentId)
    const [begun] = await tx.run(deletionOf, { agentId })
    if (begun !== undefined) return unchanged({ ok: true as const })
    if (agent.status !== 'terminated') await setAgentStatus(tx, agent, 'terminated')
    const routines = await stopRoutinesOfAgent(tx, companyId, agentId)
    await tx.insert(deletions).values({ id: agentId, companyId, kind: 'agent' })
    const { runIds, events } = await endAgentRuns(tx, ctx, agentId, AGENT_DELETED)
    const details = {
      name: agent.name,
      previousStatus: agent.status,
      endedRunIds: runIds,
      revokedKeyIds: await revokeKeys(tx, agentId),
    }
    const cancelled = await cancelRequests(tx, requests, 'agent_deleted')
    return changed({ ok: true as const }, agentDeletionBegun(agentId, details, { agentId }), ...events, ...routines, ...cancelled)
  })
}

/** Ends the runs that are left of an agent whose deletion has begun, and frees its issues, some at a time. */
async function freeIssues(ctx: Ctx, agentId: string): Promise<void> {
  const companyId = companyOf(ctx)
  for (;;) {
    const isDone = await mutate(ctx, async (tx) => {
      const ended = await endAgentRuns(tx, ctx, agentId, AGENT_DELETED)
      return changedIfAny(ended.runIds.length === 0, ended.events)
    })
    if (isDone) break
  }
  for (;;) {
    const isDone = await mutate(ctx, async (tx) => {
      const assigned = (await tx.run(issuesAssignedTo, { agentId, limit: MAX_FREED_AT_ONCE })).map((row) => row.id)
      const own = (await lockIssues(tx, companyId, assigned)).filter((issue) => issue.assigneeAgentId === agentId)
      const events = await releaseAll(tx, own)
      for (const issue of own) events.push(...(await promoteWake(tx, issue.id)))
      return changedIfAny(own.length === 0, events)
    })
    if (isDone) return
  }
}

/** (tx) Locks an agent with its reports. @throws Refusal `not_found` */
async function lockWithReports(tx: Tx, companyId: string, agentId: string): Promise<AgentRow> {
  const reports = await tx.run(reportsOf, { agentId })
  const [agent] = (await lockAgents(tx, companyId, [agentId, ...reports.map((row) => row.id)])).filter((row) => row.id === agentId)
  return agent ?? refuse('not_found', { message: 'Agent not found' })
}

/**
 * Deletes an agent in one transaction. Every row that the foreign keys will change is locked first, in the order of locks (I13).
 * @throws Refusal `not_found`
 */
async function deleteAtOnce(ctx: Ctx, agentId: string): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const requests = await lockRequestsAbout(tx, companyId, agentId)
    const agent = await lockWithReports(tx, companyId, agentId)
    const routines = await stopRoutinesOfAgent(tx, companyId, agentId)
    const [runRows, assigned] = await Promise.all([tx.run(runsOf, { agentId }), tx.run(issuesAssignedTo, { agentId, limit: null })])
    const runIds = runRows.map((row) => row.id)
    const locked = await lockForEnd(tx, ctx, runIds, { issueIds: assigned.map((row) => row.id) })
    // No wake is promoted for a terminated agent, so none of the issues that it frees queues a run of it.
    if (agent.status !== 'terminated') await setAgentStatus(tx, agent, 'terminated')
    const ownIssues = locked.issues.filter((issue) => issue.assigneeAgentId === agentId)
    const releaseEvents = await releaseAll(tx, ownIssues)
    // Wakes of the agent's own issues are promoted after the release: before it, a wake of another agent would be closed.
    const otherIssues = locked.issues.filter((issue) => !ownIssues.includes(issue))
    // Its limits are deleted with its row, so all locks of limits are taken first, and the row goes when its runs have given back what they reserved.
    tx.finalChecks.set('limits of the deleted', async () => void (await lockLimitsOfDeleted(tx, { agentId, companyId, runIds })))
    const ended = await endRuns(tx, { ...locked, issues: otherIssues }, runIds, AGENT_DELETED)
    tx.finalChecks.set('deletion', async () => void (await tx.delete(agents).where(eq(agents.id, agentId))))
    for (const issue of ownIssues) releaseEvents.push(...(await promoteWake(tx, issue.id)))
    const cancelled = await cancelRequests(tx, requests, 'agent_deleted')
    await tx.delete(deletions).where(eq(deletions.id, agentId))
    const details = agentDeleted(agentId, {
      name: agent.name,
      endedRunIds: ended.runs.map((run) => run.id),
      freedIssueIds: ownIssues.map((issue) => issue.id),
    })
    return changed({ ok: true as const }, details, ...ended.events, ...releaseEvents, ...routines, ...cancelled)
  })
}

/**
 * Deletes the rows of an agent whose deletion has begun, in many short transactions, and the agent in the last one. It may be
 * interrupted at any point and begun again, by any server.
 */
export async function continueAgentDeletion(ctx: Ctx, agentId: string): Promise<void> {
  await freeIssues(ctx, agentId)
  if (!(await eraseRows(ctx, agentId, windowsOfAgent))) return
  await deleteAtOnce(ctx, agentId)
}

/**
 * Deletes an agent and everything that depends on it: its runs end and are deleted, its issues become free, its reports
 * lose their manager, its audit rows stay. One with more rows than one transaction deletes is terminated first; a repeat, or the
 * periodic task after a crash, completes what has begun.
 * @throws Refusal `not_found`
 */
export async function deleteAgent(ctx: Ctx, agentId: string): Promise<{ ok: true }> {
  const { most, events, pieces } = exactlyOne(await ctx.store.read.run(countRows, { agentId }))
  if (most <= MAX_ROWS_AT_ONCE && events <= MAX_EVENTS_AT_ONCE && pieces <= MAX_PIECES_AT_ONCE) return await deleteAtOnce(ctx, agentId)
  const answer = await beginDeletion(ctx, agentId)
  await continueAgentDeletion({ ...ctx, idempotency: null }, agentId)
  return answer
}
