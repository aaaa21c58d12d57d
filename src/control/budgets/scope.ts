// The scope of a limit: it is locked, paused and resumed as one.

import { sql } from 'drizzle-orm'
import { agentPaused, agentResumed, lockAgents, setAgentStatus } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { lockIssues } from '../../engine/holds/index.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { liveHolderOf } from '../../engine/runs/index.ts'
import { BUDGET_PAUSE } from '../../model/budgetStatus.ts'
import type { BudgetScope } from '../../model/budgetStatus.ts'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { wakeForWaitingIssues } from '../lifecycle/index.ts'
import { companyPaused, companyResumed, projectPaused, projectResumed } from './events.ts'

export interface ScopeRef {
  readonly scopeType: BudgetScope
  readonly scopeId: string
}

/** A scope under its locks. */
export interface LockedScope extends ScopeRef {
  /** Null for every other kind of scope, and for an agent that is gone. */
  readonly agent: AgentRow | null
}

/**
 * (tx) Locks the company, and the agent where the scope is one. Projects change only under the lock of their company.
 * @throws Refusal `not_found` for the company
 */
export async function lockScope(tx: Tx, ctx: Ctx, { scopeType, scopeId }: ScopeRef): Promise<LockedScope> {
  const companyId = companyOf(ctx)
  await lockCompany(tx, companyId)
  return { scopeType, scopeId, agent: scopeType === 'agent' ? await lockAgentOf(tx, companyId, scopeId) : null }
}

/** (tx) Locks the agent of a scope, behind the locks of the company and of approvals. */
export const lockAgentOf = async (tx: Tx, companyId: string, id: string): Promise<AgentRow | null> =>
  (await lockAgents(tx, companyId, [id]))[0] ?? null

const budgetPause = sql.raw(`'${BUDGET_PAUSE}'`)

const pauseProject = statement<{ companyId: string; id: string }, { id: string }>('budget_pause_project').write(sql`
  update ${projects} set pause_reason = ${budgetPause}, paused_at = now(), updated_at = ${nextUpdatedAt}
  where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} and paused_at is null returning id`)

const pauseCompany = statement<{ companyId: string }, { id: string }>('budget_pause_company').write(sql`
  update ${companies} set status = 'paused', pause_reason = ${budgetPause}, paused_at = now(), updated_at = ${nextUpdatedAt}
  where id = ${param('companyId', 'uuid')} and status = 'active' returning id`)

/** (tx) Pauses a scope because of its budget. A scope that is paused or over already is left as it is. Expects its locks. */
export async function pauseScope(
  tx: Tx,
  ctx: Ctx,
  { scopeType, scopeId, agent }: LockedScope,
  endedRunIds: string[],
): Promise<DomainEvent[]> {
  const companyId = companyOf(ctx)
  switch (scopeType) {
    case 'agent': {
      if (agent === null || ['paused', 'terminated', 'pending_approval'].includes(agent.status)) return []
      await setAgentStatus(tx, agent, 'paused', BUDGET_PAUSE)
      return [agentPaused(agent.id, { pauseReason: BUDGET_PAUSE, endedRunIds }, { agentId: agent.id })]
    }
    case 'project':
      return (await tx.run(pauseProject, { companyId, id: scopeId })).map(({ id }) => projectPaused(id, { pauseReason: BUDGET_PAUSE }))
    case 'company':
      return (await tx.run(pauseCompany, { companyId })).map(({ id }) => companyPaused(id, { pauseReason: BUDGET_PAUSE }))
  }
}

const resumeProject = statement<{ companyId: string; id: string }, { id: string }>('budget_resume_project').write(sql`
  update ${projects} set pause_reason = null, paused_at = null, updated_at = ${nextUpdatedAt}
  where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} and pause_reason = ${budgetPause} returning id`)

const resumeCompany = statement<{ companyId: string }, { id: string }>('budget_resume_company').write(sql`
  update ${companies} set status = 'active', pause_reason = null, paused_at = null, updated_at = ${nextUpdatedAt}
  where id = ${param('companyId', 'uuid')} and status = 'paused' and pause_reason = ${budgetPause} returning id`)

/** The most issues that one resume of a project wakes for; the task `stalled` wakes for the rest. */
const MAX_ISSUES = sql.raw('500')

const waitingOfProject = statement<{ companyId: string; projectId: string }, { id: string; agentId: string }>('budget_waiting_of_project')
  .read(sql`
  select i.id, i.assignee_agent_id as "agentId" from ${issues} i
  where i.company_id = ${param('companyId', 'uuid')} and i.project_id = ${param('projectId', 'uuid')} and i.hidden_at is null
    and i.assignee_agent_id is not null and i.status in ('todo', 'in_progress')
    and not exists (select 1 from ${runs} r where ${liveHolderOf('i')})
    and not exists (select 1 from ${wakes} w where w.issue_id = i.id and w.agent_id = i.assignee_agent_id and ${isOpen('w')})
  order by i.priority_rank, i.created_at, i.id limit ${MAX_ISSUES}`)

// A run that is to start for an issue of a paused project is set aside, so its agent is woken again.
async function wakeForProject(tx: Tx, ctx: Ctx, projectId: string): Promise<DomainEvent[]> {
  const companyId = companyOf(ctx)
  const waiting = await tx.run(waitingOfProject, { companyId, projectId })
  const locked = new Map(
    (
      await lockIssues(
        tx,
        companyId,
        waiting.map(({ id }) => id),
      )
    ).map((issue) => [issue.id, issue]),
  )
  const events: DomainEvent[] = []
  for (const { id, agentId } of waiting) {
    if (locked.get(id)?.assigneeAgentId !== agentId) continue
    const wake = { agentId, issueId: id, source: 'automation', reason: 'project_resumed', payload: { issueId: id } } as const
    events.push(...(await enqueueWake(tx, ctx, wake)))
  }
  return events
}

/**
 * (tx) Ends the pause that a budget made, and wakes for what waits. A scope that is paused for another reason is left as it is. Expects its locks; it
 * locks issues, so the budget is raised behind it.
 */
export async function resumeScope(tx: Tx, ctx: Ctx, { scopeType, scopeId, agent }: LockedScope): Promise<DomainEvent[]> {
  const companyId = companyOf(ctx)
  switch (scopeType) {
    case 'agent': {
      if (agent?.status !== 'paused' || agent.pauseReason !== BUDGET_PAUSE) return []
      await setAgentStatus(tx, agent, 'idle')
      const event = agentResumed(agent.id, { previousPauseReason: BUDGET_PAUSE }, { agentId: agent.id })
      return [event, ...(await wakeForWaitingIssues(tx, ctx, agent.id, agent.pausedAt))]
    }
    case 'project': {
      const resumed = await tx.run(resumeProject, { companyId, id: scopeId })
      if (resumed.length === 0) return []
      return [projectResumed(scopeId, { previousPauseReason: BUDGET_PAUSE }), ...(await wakeForProject(tx, ctx, scopeId))]
    }
    case 'company':
      // Its runs stayed queued, and start when they may.
      return (await tx.run(resumeCompany, { companyId })).map(({ id }) => companyResumed(id, { previousPauseReason: BUDGET_PAUSE }))
  }
}
