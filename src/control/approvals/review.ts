import { agentDefaults, resultingFields } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { hashOf } from '../../engine/approvals/index.ts'
import { hiredAgentId, proposalIn } from './payload.ts'
import type { ApprovalRow } from './row.ts'
import { warningsOf, warningsOfPayload } from './warnings.ts'
import { hirePayload } from './views.ts'
import type { Warning } from './warnings.ts'

/** The part of an approval that is reviewed. */
type Reviewed = Pick<ApprovalRow, 'type' | 'payload' | 'status' | 'result' | 'shownHash'>

/** The content of a decision, beside the row of the approval (I20). */
export interface Review {
  /** Names the payload and the resulting configuration: a decision repeats it as `payloadHash`. */
  readonly payloadHash: string
  /** The configuration of the agent after an approval; null when it changes no agent, or when the agent is gone. */
  readonly resultingConfiguration: Record<string, unknown> | null
  readonly resultingConfigurationHash: string | null
  readonly warnings: Warning[]
}

/** The agent whose configuration an approval changes; null for none. */
export const subjectIdOf = (approval: Pick<ApprovalRow, 'type' | 'payload'>): string | null =>
  hiredAgentId(approval) ?? proposalIn(approval)?.agentId ?? null

/**
 * The fields that an approval decides about: those that give power or decide what the host runs, and those that it changes.
 * The presentation of an agent is left out otherwise, because the agent may change it at any time.
 */
function decidedFields(agent: AgentRow, changed: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { name, role, reportsTo, adapterType, adapterConfig, runtimeConfig, budgetMonthlyCents, permissions } = agent
  return { name, role, reportsTo, adapterType, adapterConfig, runtimeConfig, budgetMonthlyCents, permissions, ...changed }
}

function resultOf(approval: Pick<ApprovalRow, 'type' | 'payload'>, subject: AgentRow | null): Record<string, unknown> | null {
  const proposal = proposalIn(approval)
  if (proposal !== null) {
    if (subject === null) return null
    if (proposal.permissions !== undefined) return decidedFields(subject, { permissions: proposal.permissions })
    return decidedFields(subject, resultingFields(subject, proposal.changes))
  }
  if (approval.type !== 'hire_agent') return null
  if (hiredAgentId(approval) === null) {
    const { data: hire } = hirePayload.safeParse(approval.payload)
    return hire === undefined ? null : { name: hire.name, ...agentDefaults(hire) }
  }
  return subject === null ? null : decidedFields(subject)
}

const isDecided = ({ status }: Pick<ApprovalRow, 'status'>): boolean => status === 'approved' || status === 'rejected'

/**
 * Computes what an approval comes to. Pure. A decided approval shows what was decided about.
 * @param subject the agent of `subjectIdOf` as it is now; null when it is missing
 */
export function reviewOf(approval: Reviewed, subject: AgentRow | null): Review {
  const result = isDecided(approval) ? approval.result : resultOf(approval, subject)
  return {
    payloadHash: (isDecided(approval) ? approval.shownHash : null) ?? hashOf({ payload: approval.payload, result }),
    resultingConfiguration: result,
    resultingConfigurationHash: result === null ? null : hashOf(result),
    warnings: result === null ? warningsOfPayload(approval.payload) : warningsOf(result),
  }
}

/** The review of a request that is not stored yet. @param subject the agent that it changes; null for none */
export const reviewOfNew = (request: Pick<ApprovalRow, 'type' | 'payload'>, subject: AgentRow | null): Review =>
  reviewOf({ ...request, status: 'pending', result: null, shownHash: null }, subject)
