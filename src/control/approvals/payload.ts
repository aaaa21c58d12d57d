import type { ZodError } from 'zod'
import { needsCompanyLock, requireUsableConfig } from '../../org/agents/index.ts'
import type { AgentRow, CreateAgent } from '../../org/agents/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { containsRedacted } from '../../platform/kernel/redact.ts'
import type { ApprovalRow } from './row.ts'
import type { ApprovalType } from '../../model/approvalStatus.ts'
import { filedPayloads, hirePayload, proposalPayload } from './views.ts'
import type { Proposal } from './views.ts'

type Payload = Readonly<Record<string, unknown>>

const refusePayload = (message: string, details?: unknown): never =>
  refuse('payload_invalid', details === undefined ? { message } : { message, details })

/**
 * Checks a payload that a client sent. Only this server writes the fields by which a decision changes an existing agent:
 * otherwise the board could approve one request and another change would happen.
 * @throws Refusal `payload_invalid` for fields that only this server writes, for redacted values, and for a payload that
 *   does not describe what its type asks for
 */
export function requireValidPayload(type: ApprovalType, payload: Payload): void {
  if ('agentConfiguration' in payload) refusePayload('agentConfiguration is set by PATCH /api/agents/:id only')
  if ('textChange' in payload) refusePayload('textChange is set by the routes of skills and instructions only')
  if (type === 'hire_agent' && 'agentId' in payload) refusePayload('agentId is set by POST /api/companies/:companyId/agent-hires only')
  if (containsRedacted(payload)) refusePayload('The payload holds redacted values; send them in full')
  const parsed = filedPayloads[type].safeParse(payload)
  if (!parsed.success) refusePayload(messages[type], { fields: fieldsOf(parsed.error), problems: problemsOf(parsed.error) })
  if (type === 'hire_agent') requireUsableConfig(parseHire(payload))
}

const messages: Readonly<Record<ApprovalType, string>> = {
  hire_agent: 'The payload does not describe an agent',
  approve_ceo_strategy: 'The payload does not describe a strategy',
  budget_override_required: 'The payload does not describe a budget',
  request_board_approval: 'The payload does not describe a request',
}

const fieldsOf = ({ issues }: ZodError): string[] => issues.map(({ path }) => path.join('.'))
/** The messages of the schemas repeat no value: one could be a secret. */
const problemsOf = ({ issues }: ZodError): string[] => issues.map(({ path, message }) => `${path.join('.') || 'payload'}: ${message}`)

/** The manager that a filed hire names, or null. */
export function managerOfHire(type: ApprovalType, { reportsTo }: Payload): string | null {
  return type === 'hire_agent' && typeof reportsTo === 'string' ? reportsTo : null
}

/** The agent that a stored hire asks for. @throws Refusal `payload_invalid` */
export function parseHire(payload: Payload): CreateAgent {
  const parsed = hirePayload.safeParse(payload)
  if (parsed.success) return parsed.data
  return refusePayload('The payload does not describe an agent', { fields: fieldsOf(parsed.error) })
}

/** The id of the pending agent of a hire, or null for a hire without an agent yet. */
export function hiredAgentId(approval: Pick<ApprovalRow, 'type' | 'payload'>): string | null {
  const { agentId } = approval.payload
  return approval.type === 'hire_agent' && typeof agentId === 'string' ? agentId : null
}

/** The change of an agent that an approval proposes; null also for one that cannot be read. */
export const proposalIn = (approval: Pick<ApprovalRow, 'type' | 'payload'>): Proposal | null =>
  approval.type === 'request_board_approval' ? (proposalPayload.safeParse(approval.payload['agentConfiguration']).data ?? null) : null

/** The change of an agent that an approval proposes, or null. @throws Refusal `payload_invalid` for one that cannot be read */
export function parseProposal(approval: Pick<ApprovalRow, 'type' | 'payload'>): Proposal | null {
  if (approval.type !== 'request_board_approval' || !('agentConfiguration' in approval.payload)) return null
  const parsed = proposalPayload.safeParse(approval.payload['agentConfiguration'])
  return parsed.success ? parsed.data : refusePayload('The proposed configuration cannot be read')
}

/** The payload of a hire: the agent as it will be, so that the board decides on exactly that. */
export function hirePayloadOf(agent: AgentRow): Record<string, unknown> {
  const { adapterType, adapterConfig, runtimeConfig } = agent
  return {
    name: agent.name,
    role: agent.role,
    title: agent.title,
    icon: agent.icon,
    reportsTo: agent.reportsTo,
    capabilities: agent.capabilities,
    adapterType,
    adapterConfig,
    runtimeConfig,
    budgetMonthlyCents: agent.budgetMonthlyCents,
    permissions: agent.permissions,
    metadata: agent.metadata,
    agentId: agent.id,
    requestedConfigurationSnapshot: { adapterType, adapterConfig, runtimeConfig },
  }
}

/** True when a decision on the approval, or a resubmission, may rename an agent or move it in the hierarchy. */
export function affectsOrganization(approval: Pick<ApprovalRow, 'type' | 'payload'>): boolean {
  // To raise a limit resumes its scope, which may be the company.
  if (approval.type === 'hire_agent' || approval.type === 'budget_override_required') return true
  // The skills of a company are written under its lock.
  if ('textChange' in approval.payload) return true
  const proposal = parseProposal(approval)
  return proposal !== null && needsCompanyLock(proposal.changes)
}
