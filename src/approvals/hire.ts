import { hireCreated, insertAgent, viewedBy } from '../agents/index.ts'
import type { AgentRow, CreateAgent } from '../agents/index.ts'
import { companyById, lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import { judgeActingRun } from '../runs/index.ts'
import { approvalCreated } from './events.ts'
import { addLinks, passGates } from './links.ts'
import { hirePayloadOf } from './payload.ts'
import { insertApproval, presented } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { Hire } from './views.ts'

export interface Hired {
  readonly agent: AgentRow
  /** Null where nobody has to decide. */
  readonly approval: ApprovalRow | null
}

const holdsAnything = (value: object | undefined): boolean => value !== undefined && Object.keys(value).length > 0

/** True when a hire says what this host is to run or open, or hands out powers: an agent's word is not enough (I18). */
const claimsPower = (wanted: CreateAgent): boolean =>
  (wanted.adapterType !== undefined && wanted.adapterType !== 'process') ||
  holdsAnything(wanted.adapterConfig) ||
  holdsAnything(wanted.runtimeConfig) ||
  wanted.role === 'ceo' ||
  wanted.permissions?.canCreateAgents === true

/**
 * Hires an agent. Where the company wants its board to decide, or where an agent asks for more than a bare colleague,
 * the new one waits and can do nothing until an approval is granted; agent, approval and links are one transaction.
 *
 * @throws Refusal as `insertAgent`; `unknown_reference` for a source issue, those of the gate for it
 */
export async function hireAgent(ctx: Ctx, hire: Hire): Promise<Hired> {
  const { sourceIssueId, sourceIssueIds = [], ...wanted } = hire
  const issueIds = [...new Set([...(sourceIssueId ? [sourceIssueId] : []), ...sourceIssueIds])]
  const companyId = companyOf(ctx)
  return await mutate<Hired>(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const { requireBoardApprovalForNewAgents } = await companyById(tx, companyId)
    const requiresApproval = requireBoardApprovalForNewAgents || (ctx.actor.kind === 'agent' && claimsPower(wanted))
    const agent = await insertAgent(tx, ctx, wanted, requiresApproval ? 'pending_approval' : 'idle')
    const { id: agentId, name, role, adapterType, reportsTo } = agent
    const about = { name, role, adapterType, reportsTo, requiresApproval, issueIds }
    if (!requiresApproval) {
      await judgeActingRun(tx, ctx)
      return changed(
        { agent: viewedBy(ctx.actor, agent), approval: null },
        hireCreated(agentId, { ...about, approvalId: null }, { agentId }),
      )
    }
    const gated = await passGates(tx, ctx, issueIds)
    const approval = await insertApproval(tx, ctx, { type: 'hire_agent', payload: hirePayloadOf(agent) })
    await addLinks(tx, approval.id, issueIds)
    return changed(
      { agent: viewedBy(ctx.actor, agent), approval: presented(approval) },
      hireCreated(agentId, { ...about, approvalId: approval.id }, { agentId }),
      approvalCreated(approval.id, { type: approval.type, issueIds }),
      ...gated,
    )
  })
}
