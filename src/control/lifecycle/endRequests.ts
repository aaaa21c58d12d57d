import { sql } from 'drizzle-orm'
import { approvals } from '../../model/approvals.ts'
import type { ApprovalType } from '../../model/approvalStatus.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { approvalCancelled } from './events.ts'

interface OpenRequest {
  id: string
  type: ApprovalType
}

/** The undecided hire of an agent, the undecided proposals to change it, and the question whether its limit is raised. */
const lockOpenRequests = lockingRead(
  'approval',
  statement<{ companyId: string; agentId: string }, OpenRequest>('requests_about_agent').read(sql`
    select id, type from ${approvals} where company_id = ${param('companyId')} and status in ('pending', 'revision_requested')
      and (type = 'hire_agent' and payload ->> 'agentId' = ${param('agentId', 'text')}
        or type = 'request_board_approval' and payload -> 'agentConfiguration' ->> 'agentId' = ${param('agentId', 'text')}
        or type = 'budget_override_required' and payload ->> 'scopeId' = ${param('agentId', 'text')})
    order by id for no key update`),
)

const lockOpenOverrides = lockingRead(
  'approval',
  statement<{ companyId: string; projectId: string }, OpenRequest>('requests_about_project').read(sql`
    select id, type from ${approvals} where company_id = ${param('companyId')} and status in ('pending', 'revision_requested')
      and type = 'budget_override_required' and payload ->> 'scopeId' = ${param('projectId', 'text')}
    order by id for no key update`),
)

const cancel = statement<{ ids: string[]; note: string }, { id: string }>('requests_cancel').write(sql`
  update ${approvals} set status = 'cancelled', decision_note = ${param('note')}, decided_at = now(), updated_at = now()
  where id = any(${param('ids', 'uuid[]')}) returning id`)

/** (tx) Cancels undecided approvals, with the sentence that says why. Expects their row locks. */
export async function cancelApprovals(tx: Tx, ids: readonly string[], note: string): Promise<void> {
  if (ids.length > 0) await tx.run(cancel, { ids: [...ids], note })
}

/** The requests of which an agent is the subject, locked. */
export interface RequestsAboutAgent {
  readonly agentId: string
  readonly open: readonly OpenRequest[]
}

/** (tx) Locks the undecided requests about an agent. To be called before the agent is locked. */
export async function lockRequestsAbout(tx: Tx, companyId: string, agentId: string): Promise<RequestsAboutAgent> {
  return { agentId, open: await lockOpenRequests(tx, { companyId, agentId }) }
}

/** (tx) Cancels requests whose subject is gone: no decision on them could have an effect. */
export async function cancelRequests(
  tx: Tx,
  { agentId, open }: RequestsAboutAgent,
  why: 'agent_terminated' | 'agent_deleted',
): Promise<DomainEvent[]> {
  if (open.length === 0) return []
  const note = why === 'agent_terminated' ? 'The agent that this is about was terminated' : 'The agent that this is about was deleted'
  await cancelApprovals(
    tx,
    open.map(({ id }) => id),
    note,
  )
  return open.map(({ id, type }) => approvalCancelled(id, { type, agentId, why }, { agentId: why === 'agent_deleted' ? null : agentId }))
}

/** (tx) Cancels the undecided questions whether the limit of a project is raised, which is deleted with the project. Expects the company's row lock alone. */
export async function cancelOverridesOf(tx: Tx, companyId: string, projectId: string): Promise<DomainEvent[]> {
  const open = await lockOpenOverrides(tx, { companyId, projectId })
  await cancelApprovals(
    tx,
    open.map(({ id }) => id),
    'The project that this is about was deleted',
  )
  return open.map(({ id, type }) => approvalCancelled(id, { type, agentId: null, why: 'project_deleted' }))
}
