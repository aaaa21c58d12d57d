import {
  agentActivated,
  agentCreated,
  agentTerminated,
  applyConfiguration,
  applyPermissions,
  comparePermissions,
  insertAgent,
  lockAgent,
  lockAgents,
  revokeKeys,
  setAgentStatus,
} from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { agentOfOverride, decideOverride } from './budgets.ts'
import { originOf } from './configure.ts'
import { hiredAgentId, parseHire, parseProposal } from './payload.ts'
import type { ApprovalRow } from './row.ts'
import { applyTexts, textChangeOf } from './textChanges.ts'
import type { ApprovalType } from '../../model/approvalStatus.ts'

/** The effect of a decision. */
interface EffectResult {
  readonly events: readonly DomainEvent[]
  /** The new payload of the approval, when the decision completes it. */
  readonly payload?: Readonly<Record<string, unknown>>
}

/** (tx) Makes the change that a decision implies. Expects the locks of `lockForEffect` and of the agents that the approval names. */
type DecisionEffect = (tx: Tx, ctx: Ctx, approval: ApprovalRow) => Promise<EffectResult>

const noEffect: DecisionEffect = () => Promise.resolve({ events: [] })

async function pendingAgent(tx: Tx, ctx: Ctx, agentId: string): Promise<AgentRow | null> {
  const [agent] = await lockAgents(tx, companyOf(ctx), [agentId])
  return agent?.status === 'pending_approval' ? agent : null
}

async function createHiredAgent(tx: Tx, ctx: Ctx, approval: ApprovalRow): Promise<EffectResult> {
  const agent = await insertAgent(tx, ctx, parseHire(approval.payload), 'idle')
  const { id: agentId, name, role, adapterType, reportsTo } = agent
  return {
    events: [agentCreated(agentId, { name, role, adapterType, reportsTo }, { agentId })],
    payload: { ...approval.payload, agentId },
  }
}

/** The pending agent becomes idle; a hire that came without an agent creates it now. */
const approveHire: DecisionEffect = async (tx, ctx, approval) => {
  const agentId = hiredAgentId(approval)
  if (agentId === null) return await createHiredAgent(tx, ctx, approval)
  await lockUnarchivedCompany(tx, companyOf(ctx))
  const agent = await pendingAgent(tx, ctx, agentId)
  if (agent === null) return refuse('agent_terminated', { message: 'The agent to be hired does not wait for approval any more' })
  await setAgentStatus(tx, agent, 'idle')
  return { events: [agentActivated(agentId, { approvalId: approval.id }, { agentId })] }
}

/** The pending agent is terminated; an agent that the board has terminated or deleted meanwhile is not changed. */
const rejectHire: DecisionEffect = async (tx, ctx, approval) => {
  const agentId = hiredAgentId(approval)
  const agent = agentId === null ? null : await pendingAgent(tx, ctx, agentId)
  if (agent === null) return { events: [] }
  await setAgentStatus(tx, agent, 'terminated')
  const revokedKeyIds = await revokeKeys(tx, agent.id)
  const details = { previousStatus: agent.status, endedRunIds: [], revokedKeyIds }
  return { events: [agentTerminated(agent.id, details, { agentId: agent.id })] }
}

/** A change that an agent proposed is made as a change of the board; any other request only wakes its requester. */
const approveProposal: DecisionEffect = async (tx, ctx, approval) => {
  const texts = textChangeOf(approval)
  if (texts !== null) return { events: await applyTexts(tx, ctx, approval.id, texts) }
  const proposal = parseProposal(approval)
  if (proposal === null) return { events: [] }
  const agent = await lockAgent(tx, companyOf(ctx), proposal.agentId)
  if (agent.status === 'terminated') refuse('agent_terminated')
  const { permissions } = proposal
  if (permissions !== undefined) {
    const change = await comparePermissions(tx, ctx, agent, permissions)
    return { events: (await applyPermissions(tx, ctx, agent, change)).events }
  }
  const { events } = await applyConfiguration(tx, ctx, agent, { patch: proposal.changes, origin: originOf(proposal) })
  return { events }
}

/** The effects of approving and of rejecting each type of approval. */
export const effects: Readonly<Record<ApprovalType, { readonly approved: DecisionEffect; readonly rejected: DecisionEffect }>> = {
  hire_agent: { approved: approveHire, rejected: rejectHire },
  approve_ceo_strategy: { approved: noEffect, rejected: noEffect },
  budget_override_required: {
    approved: async (tx, ctx, approval) => ({ events: await decideOverride(tx, ctx, approval, 'raise_budget_and_resume') }),
    rejected: async (tx, ctx, approval) => ({ events: await decideOverride(tx, ctx, approval, 'keep_paused') }),
  },
  request_board_approval: { approved: approveProposal, rejected: noEffect },
}

/** The agents that a decision concerns: the hired or changed agent, that whose limit it is about, and the requester. */
export const affectedAgentIds = (approval: ApprovalRow): string[] =>
  [
    hiredAgentId(approval),
    parseProposal(approval)?.agentId ?? null,
    agentOfTexts(approval),
    agentOfOverride(approval),
    approval.requestedByAgentId,
  ].filter((id) => id !== null)

/** The agent whose instructions an approval changes; null for none. */
function agentOfTexts(approval: ApprovalRow): string | null {
  const texts = textChangeOf(approval)
  return texts?.kind === 'instructions' ? texts.agentId : null
}
