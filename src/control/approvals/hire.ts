import { hireCreated, insertAgent, redactAgentFor } from '../../org/agents/index.ts'
import type { AgentRow, CreateAgent } from '../../org/agents/index.ts'
import { companyById, lockCompany } from '../../org/companies/index.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { approvalCreated } from './events.ts'
import { addLinks, checkWriteGates } from './links.ts'
import { hirePayloadOf } from './payload.ts'
import { insertApproval, redactApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { Hire } from './views.ts'

export interface HireResult {
  readonly agent: AgentRow
  /** Null where nobody has to decide. */
  readonly approval: ApprovalRow | null
}

const isNonEmpty = (value: object | undefined): boolean => value !== undefined && Object.keys(value).length > 0

/** True when a hire says what this host is to run or open, or hands out powers: an agent's word is not enough (I18). */
const requestsPrivileges = (input: CreateAgent): boolean =>
  (input.adapterType !== undefined && input.adapterType !== 'process') ||
  isNonEmpty(input.adapterConfig) ||
  isNonEmpty(input.runtimeConfig) ||
  input.role === 'ceo' ||
  input.permissions?.canCreateAgents === true

/**
 * Hires an agent. Where the company wants its board to decide, or where an agent asks for more than a bare colleague,
 * the new one waits and can do nothing until an approval is granted; agent, approval and links are one transaction.
 *
 * @throws Refusal as `insertAgent`; `unknown_reference` for a source issue, those of the gate for it
 */
export async function hireAgent(ctx: Ctx, hire: Hire): Promise<HireResult> {
  const { sourceIssueId, sourceIssueIds = [], ...input } = hire
  const issueIds = [...new Set([...(sourceIssueId ? [sourceIssueId] : []), ...sourceIssueIds])]
  const companyId = companyOf(ctx)
  return await mutate<HireResult>(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const { requireBoardApprovalForNewAgents } = await companyById(tx, companyId)
    const requiresApproval = requireBoardApprovalForNewAgents || (ctx.actor.kind === 'agent' && requestsPrivileges(input))
    const agent = await insertAgent(tx, ctx, input, requiresApproval ? 'pending_approval' : 'idle')
    const { id: agentId, name, role, adapterType, reportsTo } = agent
    const details = { name, role, adapterType, reportsTo, requiresApproval, issueIds }
    if (!requiresApproval) {
      await requireActingRun(tx, ctx)
      return changed(
        { agent: redactAgentFor(ctx.actor, agent), approval: null },
        hireCreated(agentId, { ...details, approvalId: null }, { agentId }),
      )
    }
    const gateEvents = await checkWriteGates(tx, ctx, issueIds)
    const approval = await insertApproval(tx, ctx, { type: 'hire_agent', payload: hirePayloadOf(agent) })
    await addLinks(tx, approval.id, issueIds)
    return changed(
      { agent: redactAgentFor(ctx.actor, agent), approval: redactApproval(approval) },
      hireCreated(agentId, { ...details, approvalId: approval.id }, { agentId }),
      approvalCreated(approval.id, { type: approval.type, issueIds }),
      ...gateEvents,
    )
  })
}
