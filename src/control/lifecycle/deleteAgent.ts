import { eq, sql } from 'drizzle-orm'
import { agentDeleted, lockAgents, setAgentStatus } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, releaseHold, holdCleared, lockForEnd } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { cancelRequests, lockRequestsAbout } from './endRequests.ts'
import { promoteWake } from '../../engine/wakes/index.ts'

const reportsOf = statement<{ agentId: string }, { id: string }>('delete_agent_reports').read(
  sql`select id from ${agents} where reports_to = ${param('agentId')}`,
)
const runsOf = statement<{ agentId: string }, { id: string }>('delete_agent_runs').read(
  sql`select id from ${runs} where agent_id = ${param('agentId')}`,
)
const issuesAssignedTo = statement<{ agentId: string }, { id: string }>('delete_agent_issues').read(
  sql`select id from ${issues} where assignee_agent_id = ${param('agentId')}`,
)

/**
 * Deletes an agent and everything that depends on it: its runs end and are deleted, its issues become free, its reports
 * lose their manager, its audit rows stay. Every row that the foreign keys will change is locked first, in the order of
 * locks (I13).
 * @throws Refusal `not_found`
 */
export async function deleteAgent(ctx: Ctx, agentId: string): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const requests = await lockRequestsAbout(tx, companyId, agentId)
    const reports = await tx.run(reportsOf, { agentId })
    const [agent] = (await lockAgents(tx, companyId, [agentId, ...reports.map((row) => row.id)])).filter((row) => row.id === agentId)
    if (agent === undefined) return refuse('not_found', { message: 'Agent not found' })
    const [runRows, assigned] = await Promise.all([tx.run(runsOf, { agentId }), tx.run(issuesAssignedTo, { agentId })])
    const runIds = runRows.map((row) => row.id)
    const assignedIds = assigned.map((row) => row.id)
    const locked = await lockForEnd(tx, ctx, runIds, { issueIds: assignedIds })
    // No wake is promoted for a terminated agent, so none of the issues that it frees queues a run of it.
    if (agent.status !== 'terminated') await setAgentStatus(tx, agent, 'terminated')
    const releaseEvents: DomainEvent[] = []
    const ownIssues = locked.issues.filter((issue) => issue.assigneeAgentId === agentId)
    for (const issue of ownIssues) {
      const { lockEpoch } = await releaseHold(tx, issue.id, true)
      releaseEvents.push(holdCleared(issue.id, { runId: issue.executionRunId ?? issue.checkoutRunId, why: 'assignee_deleted', lockEpoch }))
    }
    // Wakes of the agent's own issues are promoted after the release: before it, a wake of another agent would be closed.
    const otherIssues = locked.issues.filter((issue) => !ownIssues.includes(issue))
    const ended = await endRuns(tx, { ...locked, issues: otherIssues }, runIds, {
      status: 'cancelled',
      error: 'Agent deleted',
      errorCode: 'agent_deleted',
    })
    for (const issue of ownIssues) releaseEvents.push(...(await promoteWake(tx, issue.id)))
    const cancelled = await cancelRequests(tx, requests, 'agent_deleted')
    await tx.delete(agents).where(eq(agents.id, agentId))
    const details = agentDeleted(agentId, {
      name: agent.name,
      endedRunIds: ended.runs.map((run) => run.id),
      freedIssueIds: ownIssues.map((issue) => issue.id),
    })
    return changed({ ok: true as const }, details, ...ended.events, ...releaseEvents, ...cancelled)
  })
}
