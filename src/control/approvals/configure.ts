import { sql } from 'drizzle-orm'
import {
  applyConfiguration,
  applyPermissions,
  comparePermissions,
  requirePermittedFields,
  fieldsOf,
  lockAgent,
  needsCompanyLock,
  patchToRevision,
  configurationFields,
  redactAgentFor,
  requireUsableChange,
  warningsOfChange,
  withWarnings,
} from '../../org/agents/index.ts'
import type {
  AgentDetail,
  AgentRow,
  ConfigurationChecks,
  ConfigurationWarning,
  Origin,
  PatchAgent,
  SetPermissions,
} from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { restoreSecrets } from '../../platform/kernel/placeholders.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { approvals } from '../../model/approvals.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { requireTag } from '../../http/entityTag.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { approvalCreated } from '../../engine/approvals/index.ts'
import { presentApproval } from './present.ts'
import { reviewOfNew } from './review.ts'
import { approvalColumns, insertApproval } from './row.ts'
import type { ApprovalRow, ApprovalView } from './row.ts'
import type { Proposal } from './views.ts'

/** The changed agent; with an approval the agent is unchanged, and the change waits for the board. */
type Proposed<T> = T & { readonly approval?: ApprovalView; readonly warnings?: readonly ConfigurationWarning[] }
export type ConfigureResult = Proposed<AgentRow>

const findPendingProposal = statement<{ companyId: string; byAgentId: string; agentConfiguration: string }, ApprovalRow>(
  'approval_same_proposal',
).read(sql`
  select ${approvalColumns} from ${approvals}
  where company_id = ${param('companyId')} and requested_by_agent_id = ${param('byAgentId')} and status = 'pending'
    and type = 'request_board_approval' and payload->'agentConfiguration' = ${param('agentConfiguration', 'jsonb')}
  order by created_at, id limit 1`)

/** (tx) Requests a change from the board instead of making it. A repeated proposal is one approval. Expects the agent's row lock. */
export async function proposeChange(tx: Tx, ctx: Ctx, agent: AgentRow, proposal: Proposal): Promise<Outcome<ApprovalView>> {
  const byAgentId = ctx.actor.kind === 'agent' ? ctx.actor.agentId : ''
  const [existing] = await tx.run(findPendingProposal, {
    companyId: agent.companyId,
    byAgentId,
    agentConfiguration: JSON.stringify(proposal),
  })
  if (existing !== undefined) return unchanged(presentApproval(ctx.actor, existing))
  const fields = [...fieldsOf(proposal.changes), ...Object.keys(proposal.permissions ?? {})]
  const request = {
    type: 'request_board_approval',
    payload: {
      title: `Change the configuration of ${agent.name}`,
      summary: `Asks to change ${fields.join(', ')}. Granting it makes the change.`,
      agentConfiguration: proposal,
    },
  } as const
  const approval = await insertApproval(tx, ctx, { ...request, review: reviewOfNew(request, agent) })
  return changed(presentApproval(ctx.actor, approval), approvalCreated(approval.id, { type: approval.type, issueIds: [] }))
}

interface ConfigurationRequest {
  readonly changes: PatchAgent
  readonly rolledBackFromRevisionId: string | null
  /** The kind of the change, where it is narrower than any change. */
  readonly source?: Proposal['source']
}

/** The source of a change, for its revision and its audit row. */
export const originOf = ({ rolledBackFromRevisionId, source }: Pick<Proposal, 'rolledBackFromRevisionId' | 'source'>): Origin =>
  rolledBackFromRevisionId === null ? { source: source ?? 'patch' } : { source: 'rollback', rolledBackFromRevisionId }

/** (tx) Makes a change of an agent, or proposes it for an agent that may only ask for it. Expects the agent's row lock. */
export async function applyOrPropose(tx: Tx, ctx: Ctx, agent: AgentRow, request: ConfigurationRequest): Promise<Outcome<ConfigureResult>> {
  const { changes, rolledBackFromRevisionId, source } = request
  const proposedFields = requirePermittedFields(ctx.actor, agent, changes)
  // An agent that waits for the board stays as the board sees it until the decision.
  if (ctx.actor.kind === 'agent' && agent.status === 'pending_approval') refuse('agent_pending')
  if (proposedFields.length > 0 && agent.status === 'terminated') refuse('agent_terminated')
  if (proposedFields.length > 0) {
    const proposal = { agentId: agent.id, changes, rolledBackFromRevisionId, ...(source === undefined ? {} : { source }) }
    const { value, events } = await proposeChange(tx, ctx, agent, proposal)
    return changedIfAny({ ...redactAgentFor(ctx.actor, agent), approval: await value }, events)
  }
  const origin = originOf(request)
  const applied = await applyConfiguration(tx, ctx, agent, { patch: changes, origin })
  return changedIfAny(redactAgentFor(ctx.actor, applied.agent), applied.events)
}

/**
 * Changes an agent. The board may change every field. An agent may change only its own presentation, and a CEO or an
 * agent that may create agents also names and roles of others. Fields that give power or that decide what this host runs
 * can only be proposed by an agent: the whole change then waits as an approval (I18, I21).
 *
 * @throws Refusal `field_not_permitted`, `payload_invalid` for a placeholder of a secret that is not stored at its place and for a value that no run can use,
 *   `name_taken`, `reporting_cycle`, `agent_terminated`, `agent_pending`
 */
export async function configureAgent(
  ctx: Ctx,
  agentId: string,
  { changes, ifMatch }: { readonly changes: PatchAgent; readonly ifMatch: string | null },
  checks: ConfigurationChecks,
): Promise<ConfigureResult> {
  const companyId = companyOf(ctx)
  const warnings = await warningsOfChange(ctx, checks, agentId, changes)
  return await mutate(ctx, async (tx) => {
    if (needsCompanyLock(changes)) await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await requireActingRun(tx, ctx)
    requireTag(ifMatch, redactAgentFor(ctx.actor, agent), 'agent')
    const restored = restoreSecrets(changes, agent, configurationFields)
    requireUsableChange(agent, restored)
    const outcome = await applyOrPropose(tx, ctx, agent, { changes: restored, rolledBackFromRevisionId: null })
    return changedIfAny(withWarnings(await outcome.value, warnings), outcome.events)
  })
}

/**
 * Restores the configuration that a revision left, under the rules of any other change.
 * @throws Refusal `not_found`, `revision_incomplete`, and those of `configureAgent`
 */
export async function rollBackConfiguration(ctx: Ctx, agentId: string, revisionId: string): Promise<ConfigureResult> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await requireActingRun(tx, ctx)
    const changes = await patchToRevision(tx, agent, revisionId)
    return await applyOrPropose(tx, ctx, agent, { changes, rolledBackFromRevisionId: revisionId })
  })
}

/**
 * Sets the permissions of an agent beyond its role. A CEO may take permissions from agents below it and give up its own; to
 * grant one it makes a proposal to the board (I21).
 *
 * @throws Refusal `not_found`, and those of `comparePermissions`
 */
export async function setPermissions(ctx: Ctx, agentId: string, input: SetPermissions): Promise<Proposed<AgentDetail>> {
  return await mutate<Proposed<AgentDetail>>(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    await requireActingRun(tx, ctx)
    const change = await comparePermissions(tx, ctx, agent, input)
    if (change.power.length === 0) {
      const applied = await applyPermissions(tx, ctx, agent, change)
      return changedIfAny(applied.agent, applied.events)
    }
    const proposal = { agentId, changes: {}, rolledBackFromRevisionId: null, permissions: input }
    const { value, events } = await proposeChange(tx, ctx, agent, proposal)
    return changedIfAny({ ...change.before, approval: await value }, events)
  })
}
