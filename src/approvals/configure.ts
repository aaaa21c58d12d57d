import { sql } from 'drizzle-orm'
import { applyConfiguration, demandFields, fieldsOf, lockAgent, needsCompanyLock, patchToRevision, viewedBy } from '../agents/index.ts'
import type { AgentRow, PatchAgent } from '../agents/index.ts'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate, settled, unchanged } from '../db/mutate.ts'
import type { Outcome, Tx } from '../db/mutate.ts'
import { approvals } from '../db/schema/approvals.ts'
import { param, statement } from '../db/statement.ts'
import { refuse } from '../kernel/errors.ts'
import { judgeActingRun } from '../runs/index.ts'
import { approvalCreated } from './events.ts'
import { approvalColumns, insertApproval, presented } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { Proposal } from './views.ts'

/** The agent; with an approval it is as it was, and the change waits for the board. */
export type Configured = AgentRow & { readonly approval?: ApprovalRow }

const samePending = statement<{ companyId: string; byAgentId: string; agentConfiguration: string }, ApprovalRow>('approval_same_proposal')
  .read(sql`
  select ${approvalColumns} from ${approvals}
  where company_id = ${param('companyId')} and requested_by_agent_id = ${param('byAgentId')} and status = 'pending'
    and type = 'request_board_approval' and payload->'agentConfiguration' = ${param('agentConfiguration', 'jsonb')}
  order by created_at, id limit 1`)

/** (tx) Puts a change before the board instead of making it. The same one twice is one approval. Expects the agent's row lock. */
async function propose(tx: Tx, ctx: Ctx, agent: AgentRow, proposal: Proposal): Promise<Outcome<Configured>> {
  const byAgentId = ctx.actor.kind === 'agent' ? ctx.actor.agentId : ''
  const shown = viewedBy(ctx.actor, agent)
  const [same] = await tx.run(samePending, { companyId: agent.companyId, byAgentId, agentConfiguration: JSON.stringify(proposal) })
  if (same !== undefined) return unchanged({ ...shown, approval: presented(same) })
  const approval = await insertApproval(tx, ctx, {
    type: 'request_board_approval',
    payload: {
      title: `Change the configuration of ${agent.name}`,
      summary: `Asks to change ${fieldsOf(proposal.changes).join(', ')}. Granting it makes the change.`,
      agentConfiguration: proposal,
    },
  })
  return changed({ ...shown, approval: presented(approval) }, approvalCreated(approval.id, { type: approval.type, issueIds: [] }))
}

interface Wanted {
  readonly changes: PatchAgent
  readonly rolledBackFromRevisionId: string | null
}

async function change(tx: Tx, ctx: Ctx, agent: AgentRow, wanted: Wanted): Promise<Outcome<Configured>> {
  const { changes, rolledBackFromRevisionId } = wanted
  const needsBoard = demandFields(ctx.actor, agent.id, changes)
  // What the board is about to decide on stays as the board sees it.
  if (ctx.actor.kind === 'agent' && agent.status === 'pending_approval') refuse('agent_pending')
  if (needsBoard.length > 0 && agent.status === 'terminated') refuse('agent_terminated')
  if (needsBoard.length > 0) return await propose(tx, ctx, agent, { agentId: agent.id, changes, rolledBackFromRevisionId })
  const origin =
    rolledBackFromRevisionId === null ? { source: 'patch' as const } : { source: 'rollback' as const, rolledBackFromRevisionId }
  const done = await applyConfiguration(tx, ctx, agent, changes, origin)
  return settled(viewedBy(ctx.actor, done.agent), done.events)
}

/**
 * Changes an agent. The board may change everything, an agent only how it presents itself, a CEO or creator also name,
 * role and manager of others. What this host would run or open an agent may only propose: the whole change then waits
 * as an approval (I18).
 *
 * @throws Refusal `field_not_permitted`, `name_taken`, `reporting_cycle`, `agent_terminated`, `agent_pending`
 */
export async function configureAgent(ctx: Ctx, agentId: string, changes: PatchAgent): Promise<Configured> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    if (needsCompanyLock(changes)) await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await judgeActingRun(tx, ctx)
    return await change(tx, ctx, agent, { changes, rolledBackFromRevisionId: null })
  })
}

/**
 * Takes an agent back to how a revision left it, under the rules of any other change.
 * @throws Refusal `not_found`, `revision_incomplete`, and as `configureAgent`
 */
export async function rollBack(ctx: Ctx, agentId: string, revisionId: string): Promise<Configured> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await judgeActingRun(tx, ctx)
    const changes = await patchToRevision(tx, agent, revisionId)
    return await change(tx, ctx, agent, { changes, rolledBackFromRevisionId: revisionId })
  })
}
