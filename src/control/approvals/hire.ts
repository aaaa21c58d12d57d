import {
  hireCreated,
  insertAgent,
  redactAgentFor,
  configurationFields,
  requireUsableConfig,
  warningsOfConfig,
  withWarnings,
} from '../../org/agents/index.ts'
import type { AgentRow, ConfigurationChecks, ConfigurationWarning, CreateAgent } from '../../org/agents/index.ts'
import { companyById, lockCompany } from '../../org/companies/index.ts'
import { requireNoRedacted } from '../../platform/kernel/placeholders.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { powerIn } from '../../auth/power.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { approvalCreated } from '../../engine/approvals/index.ts'
import { addLinks, checkWriteGates } from './links.ts'
import { hirePayloadOf } from './payload.ts'
import { presentApproval } from './present.ts'
import { reviewOfNew } from './review.ts'
import { insertApproval } from './row.ts'
import type { ApprovalView } from './row.ts'
import type { Hire } from './views.ts'

export interface HireResult {
  readonly agent: AgentRow
  /** Null when the hire needs no decision. */
  readonly approval: ApprovalView | null
  readonly warnings?: readonly ConfigurationWarning[]
}

/** True when a hire by an agent asks for what only the board gives: host settings, a high role, permissions (I18, I21). */
function asksForPower(actor: Actor, input: CreateAgent): boolean {
  if (actor.kind !== 'agent') return false
  const { permissions, ...fields } = input
  return powerIn(actor, null, { ...fields, ...permissions }).length > 0
}

/** An agent that asks for a colleague and names no manager is the manager. Null asks for none. */
export const withManager = <T extends { readonly reportsTo?: unknown }>(actor: Actor, input: T): T =>
  actor.kind === 'agent' && input.reportsTo === undefined ? { ...input, reportsTo: actor.agentId } : input

/**
 * Hires an agent. When the company requires a decision of its board, or when an agent asks for a colleague with
 * privileges, the new agent is pending and can do nothing until the approval is granted. Agent, approval and links are
 * written in one transaction.
 *
 * @throws Refusal those of `insertAgent`; `payload_invalid` for a configuration that no run can use; `unknown_reference` for a source issue, and those of its write gate
 */
export async function hireAgent(ctx: Ctx, hire: Hire, checks: ConfigurationChecks): Promise<HireResult> {
  const { sourceIssueId, sourceIssueIds = [], ...wanted } = hire
  const input = withManager(ctx.actor, wanted)
  const issueIds = [...new Set([...(sourceIssueId ? [sourceIssueId] : []), ...sourceIssueIds])]
  requireNoRedacted(input, configurationFields)
  requireUsableConfig(input)
  const warnings = await warningsOfConfig(ctx, checks, input)
  const companyId = companyOf(ctx)
  return await mutate<HireResult>(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const { requireBoardApprovalForNewAgents } = await companyById(tx, companyId)
    const requiresApproval = requireBoardApprovalForNewAgents || asksForPower(ctx.actor, input)
    const agent = await insertAgent(tx, ctx, input, requiresApproval ? 'pending_approval' : 'idle')
    const { id: agentId, name, role, adapterType, reportsTo } = agent
    const details = { name, role, adapterType, reportsTo, requiresApproval, issueIds }
    if (!requiresApproval) {
      await requireActingRun(tx, ctx)
      return changed(
        withWarnings({ agent: redactAgentFor(ctx.actor, agent), approval: null }, warnings),
        hireCreated(agentId, { ...details, approvalId: null }, { agentId }),
      )
    }
    const gateEvents = await checkWriteGates(tx, ctx, issueIds)
    const request = { type: 'hire_agent', payload: hirePayloadOf(agent) } as const
    const approval = await insertApproval(tx, ctx, { ...request, review: reviewOfNew(request, agent) })
    await addLinks(tx, approval.id, issueIds)
    return changed(
      withWarnings({ agent: redactAgentFor(ctx.actor, agent), approval: presentApproval(ctx.actor, approval) }, warnings),
      hireCreated(agentId, { ...details, approvalId: approval.id }, { agentId }),
      approvalCreated(approval.id, { type: approval.type, issueIds }),
      ...gateEvents,
    )
  })
}
