import {
  agentActivated,
  agentCreated,
  agentTerminated,
  applyConfiguration,
  insertAgent,
  lockAgent,
  lockAgents,
  revokeKeys,
  setAgentStatus,
} from '../agents/index.ts'
import type { AgentRow } from '../agents/index.ts'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { hiredAgentId, hireOf, proposalOf } from './payload.ts'
import type { ApprovalRow } from './row.ts'
import type { ApprovalType } from './status.ts'

/** What a decision did beside being one. */
interface Done {
  readonly events: readonly DomainEvent[]
  /** The payload from now on, where the decision completes it. */
  readonly payload?: Readonly<Record<string, unknown>>
}

/** (tx) Has the effect of a decision. Expects the locks of `lockForEffect` and of the agents the approval names. */
type Effect = (tx: Tx, ctx: Ctx, approval: ApprovalRow) => Promise<Done>

const nothing: Effect = () => Promise.resolve({ events: [] })

async function pendingAgent(tx: Tx, ctx: Ctx, agentId: string): Promise<AgentRow | null> {
  const [agent] = await lockAgents(tx, companyOf(ctx), [agentId])
  return agent?.status === 'pending_approval' ? agent : null
}

async function createHired(tx: Tx, ctx: Ctx, approval: ApprovalRow): Promise<Done> {
  const agent = await insertAgent(tx, ctx, hireOf(approval.payload), 'idle')
  const { id: agentId, name, role, adapterType, reportsTo } = agent
  return {
    events: [agentCreated(agentId, { name, role, adapterType, reportsTo }, { agentId })],
    payload: { ...approval.payload, agentId },
  }
}

/** The agent that waits becomes idle; a hire that came without one gets it now. */
const grantHire: Effect = async (tx, ctx, approval) => {
  const agentId = hiredAgentId(approval)
  if (agentId === null) return await createHired(tx, ctx, approval)
  const company = await lockCompany(tx, companyOf(ctx))
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
  const agent = await pendingAgent(tx, ctx, agentId)
  if (agent === null) return refuse('agent_terminated', { message: 'The agent to be hired does not wait for approval any more' })
  await setAgentStatus(tx, agent, 'idle')
  return { events: [agentActivated(agentId, { approvalId: approval.id }, { agentId })] }
}

/** The agent that waits is terminated; one that the board has ended or deleted meanwhile is left so. */
const refuseHire: Effect = async (tx, ctx, approval) => {
  const agentId = hiredAgentId(approval)
  const agent = agentId === null ? null : await pendingAgent(tx, ctx, agentId)
  if (agent === null) return { events: [] }
  await setAgentStatus(tx, agent, 'terminated')
  const revokedKeyIds = await revokeKeys(tx, agent.id)
  const said = { previousStatus: agent.status, endedRunIds: [], revokedKeyIds }
  return { events: [agentTerminated(agent.id, said, { agentId: agent.id })] }
}

/** A change that an agent proposed is made, as the board's own; any other request has the wake of its requester alone. */
const grantProposal: Effect = async (tx, ctx, approval) => {
  const proposal = proposalOf(approval)
  if (proposal === null) return { events: [] }
  const agent = await lockAgent(tx, companyOf(ctx), proposal.agentId)
  if (agent.status === 'terminated') refuse('agent_terminated')
  const { rolledBackFromRevisionId } = proposal
  const origin =
    rolledBackFromRevisionId === null ? ({ source: 'patch' } as const) : ({ source: 'rollback', rolledBackFromRevisionId } as const)
  const { events } = await applyConfiguration(tx, ctx, agent, proposal.changes, origin)
  return { events }
}

/** Approval type → what granting and what rejecting it does. */
export const effects: Readonly<Record<ApprovalType, { readonly approved: Effect; readonly rejected: Effect }>> = {
  hire_agent: { approved: grantHire, rejected: refuseHire },
  approve_ceo_strategy: { approved: nothing, rejected: nothing },
  budget_override_required: { approved: nothing, rejected: nothing },
  request_board_approval: { approved: grantProposal, rejected: nothing },
}

/** The agents that a decision touches: whom it is about, and who asked. */
export const agentsTouched = (approval: ApprovalRow): string[] =>
  [hiredAgentId(approval), proposalOf(approval)?.agentId ?? null, approval.requestedByAgentId].filter((id) => id !== null)
