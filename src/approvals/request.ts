import { applyConfiguration, demandFields, lockAgent, lockAgents } from '../agents/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { holdsRedacted } from '../kernel/redact.ts'
import { judgeActingRun } from '../runs/index.ts'
import { approvalCreated, approvalResubmitted } from './events.ts'
import { addLinks, passGates } from './links.ts'
import { lockForEffect } from './lock.ts'
import { demandPayload, hiredAgentId, hireOf, hirePayloadOf, proposalOf } from './payload.ts'
import { insertApproval, presented, stepApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'
import { proposalPayload } from './views.ts'
import type { CreateApproval } from './views.ts'

/**
 * Asks the board for a decision.
 * @throws Refusal `payload_invalid`, `unknown_reference` for an issue or for the agent it is asked for, those of the gate
 *   for the issues
 */
export async function requestApproval(ctx: Ctx, wanted: CreateApproval): Promise<ApprovalRow> {
  const { type, payload, issueIds = [] } = wanted
  demandPayload(type, payload)
  const forAgentId = ctx.actor.kind === 'agent' ? null : (wanted.requestedByAgentId ?? null)
  return await mutate(ctx, async (tx) => {
    if (forAgentId !== null && (await lockAgents(tx, companyOf(ctx), [forAgentId])).length === 0)
      refuse('unknown_reference', { message: 'Requesting agent not found' })
    const gated = await passGates(tx, ctx, issueIds)
    const approval = await insertApproval(tx, ctx, { type, payload, forAgentId })
    await addLinks(tx, approval.id, issueIds)
    return changed(presented(approval), approvalCreated(approval.id, { type, issueIds }), ...gated)
  })
}

interface Revised {
  readonly payload: Readonly<Record<string, unknown>>
  readonly events: readonly DomainEvent[]
}

/** The agent that waits is described anew, and the payload with it, so that the two never differ. */
async function reviseHire(tx: Tx, ctx: Ctx, agentId: string, given: Readonly<Record<string, unknown>>): Promise<Revised> {
  const agent = await lockAgent(tx, companyOf(ctx), agentId)
  if (agent.status !== 'pending_approval') refuse('agent_terminated', { message: 'The agent does not wait for approval any more' })
  const { permissions: _, name, ...changes } = hireOf(given)
  const named = given['name'] === undefined ? changes : { ...changes, name }
  const { agent: revised, events } = await applyConfiguration(tx, ctx, agent, { ...named, replaceAdapterConfig: true }, { source: 'patch' })
  return { payload: hirePayloadOf(revised), events }
}

function reviseProposal(ctx: Ctx, approval: ApprovalRow, given: Readonly<Record<string, unknown>>): Revised {
  const before = proposalOf(approval)
  const parsed = proposalPayload.shape.changes.safeParse((given['agentConfiguration'] as { changes?: unknown } | undefined)?.changes)
  if (before === null || !parsed.success)
    return refuse('payload_invalid', { message: 'Send the proposed configuration under agentConfiguration.changes' })
  demandFields(ctx.actor, before.agentId, parsed.data)
  return { payload: { ...given, agentConfiguration: { ...before, changes: parsed.data } }, events: [] }
}

async function revise(tx: Tx, ctx: Ctx, approval: ApprovalRow, given: Readonly<Record<string, unknown>> | undefined): Promise<Revised> {
  if (given === undefined) return { payload: approval.payload, events: [] }
  if (holdsRedacted(given)) refuse('payload_invalid', { message: 'The payload holds redacted values; send them in full' })
  const agentId = hiredAgentId(approval)
  if (agentId !== null) return await reviseHire(tx, ctx, agentId, given)
  if (proposalOf(approval) !== null) return reviseProposal(ctx, approval, given)
  demandPayload(approval.type, given)
  return { payload: given, events: [] }
}

/**
 * Sends an approval again that the board has sent back, as it was or with another payload.
 * @throws Refusal `not_requester` for an agent that did not ask for it, `approval_decided` unless it was sent back,
 *   `payload_invalid`
 */
export async function resubmit(ctx: Ctx, approvalId: string, payload: Record<string, unknown> | undefined): Promise<ApprovalRow> {
  return await mutate(ctx, async (tx) => {
    const approval = await lockForEffect(tx, ctx, approvalId)
    if (ctx.actor.kind === 'agent' && approval.requestedByAgentId !== ctx.actor.agentId) refuse('not_requester')
    if (approval.status !== 'revision_requested')
      refuse('approval_decided', {
        message: 'Only approvals that were sent back for revision can be resubmitted',
        details: { status: approval.status },
      })
    const revised = await revise(tx, ctx, approval, payload)
    await judgeActingRun(tx, ctx)
    const pending = await stepApproval(tx, approval, { to: 'pending', note: null, userId: null, payload: revised.payload })
    const said = approvalResubmitted(approvalId, { type: approval.type, payloadChanged: payload !== undefined })
    return changed(presented(pending), said, ...revised.events)
  })
}
