import {
  applyConfiguration,
  requireManagers,
  requirePermittedFields,
  requireUsableChange,
  requireUsableConfig,
  lockAgent,
  lockAgents,
} from '../../org/agents/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { containsRedacted } from '../../platform/kernel/redact.ts'
import { authorize } from '../../auth/authorize.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { approvalCreated } from '../../engine/approvals/index.ts'
import { approvalResubmitted } from './events.ts'
import { withManager } from './hire.ts'
import { addLinks, checkWriteGates } from './links.ts'
import { lockForEffect } from './lock.ts'
import { requireValidPayload, hiredAgentId, managerOfHire, parseHire, hirePayloadOf, parseProposal } from './payload.ts'
import { presentWritten } from './present.ts'
import type { ApprovalDetail } from './present.ts'
import { recordReading } from './readings.ts'
import { reviewOf, reviewOfNew, subjectIdOf } from './review.ts'
import { insertApproval, setApprovalStatus } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { ApprovalType } from '../../model/approvalStatus.ts'
import { proposalPayload } from './views.ts'
import type { CreateApproval } from './views.ts'

/**
 * Requests a decision of the board.
 * @throws Refusal `payload_invalid`; `unknown_reference` for an issue, the requesting agent or the manager of a hire; those of the write gate
 *   of the issues
 */
export async function requestApproval(ctx: Ctx, input: CreateApproval): Promise<ApprovalDetail> {
  const { type, issueIds = [] } = input
  const payload = type === 'hire_agent' ? withManager<Record<string, unknown>>(ctx.actor, input.payload) : input.payload
  requireValidPayload(type, payload)
  const forAgentId = ctx.actor.kind === 'agent' ? null : (input.requestedByAgentId ?? null)
  return await mutate(ctx, async (tx) => {
    if (forAgentId !== null && (await lockAgents(tx, companyOf(ctx), [forAgentId])).length === 0)
      refuse('unknown_reference', { message: 'Requesting agent not found' })
    await requireManagerOfHire(tx, ctx, type, payload)
    const gateEvents = await checkWriteGates(tx, ctx, issueIds)
    const review = reviewOfNew({ type, payload }, null)
    const approval = await insertApproval(tx, ctx, { type, payload, forAgentId, review })
    await addLinks(tx, approval.id, issueIds)
    const detail = presentWritten(ctx.actor, approval, review)
    return changed(detail, approvalCreated(approval.id, { type, issueIds }), ...gateEvents)
  })
}

/** (tx) Refuses a hire below a manager that is not there. The decision looks again, under the lock of the company. */
async function requireManagerOfHire(tx: Tx, ctx: Ctx, type: ApprovalType, payload: Readonly<Record<string, unknown>>): Promise<void> {
  const managerId = managerOfHire(type, payload)
  if (managerId !== null) await requireManagers(tx, companyOf(ctx), new Set([managerId]))
}

interface RevisedPayload {
  readonly payload: Readonly<Record<string, unknown>>
  readonly events: readonly DomainEvent[]
}

/** Changes the pending agent and the payload together, so that the two never differ. */
async function reviseHire(tx: Tx, ctx: Ctx, agentId: string, newPayload: Readonly<Record<string, unknown>>): Promise<RevisedPayload> {
  const agent = await lockAgent(tx, companyOf(ctx), agentId)
  if (agent.status !== 'pending_approval') refuse('agent_terminated', { message: 'The agent does not wait for approval any more' })
  const { permissions: _, name, ...changes } = parseHire(newPayload)
  requireUsableConfig(changes)
  const changesWithName = newPayload['name'] === undefined ? changes : { ...changes, name }
  const { agent: revised, events } = await applyConfiguration(tx, ctx, agent, {
    patch: { ...changesWithName, replaceAdapterConfig: true },
    origin: { source: 'patch' },
  })
  return { payload: hirePayloadOf(revised), events }
}

/** Changes what a proposal asks for. Its agent stays; one of permissions stays one of permissions. */
async function reviseProposal(
  tx: Tx,
  ctx: Ctx,
  approval: ApprovalRow,
  newPayload: Readonly<Record<string, unknown>>,
): Promise<RevisedPayload> {
  const before = parseProposal(approval)
  const parsed = proposalPayload.pick({ changes: true, permissions: true }).safeParse(newPayload['agentConfiguration'])
  if (before === null || !parsed.success || (before.permissions === undefined) !== (parsed.data.permissions === undefined))
    return refuse('payload_invalid', { message: 'Send the proposed configuration under agentConfiguration.changes' })
  const agent = await lockAgent(tx, companyOf(ctx), before.agentId)
  const { changes, permissions } = parsed.data
  if (permissions !== undefined) authorize('agent.permissions', ctx.actor)
  requirePermittedFields(ctx.actor, agent, changes)
  requireUsableChange(agent, changes)
  return { payload: { ...newPayload, agentConfiguration: { ...before, ...parsed.data } }, events: [] }
}

async function revise(
  tx: Tx,
  ctx: Ctx,
  approval: ApprovalRow,
  newPayload: Readonly<Record<string, unknown>> | undefined,
): Promise<RevisedPayload> {
  if (newPayload === undefined) return { payload: approval.payload, events: [] }
  if (containsRedacted(newPayload)) refuse('payload_invalid', { message: 'The payload holds redacted values; send them in full' })
  const agentId = hiredAgentId(approval)
  if (agentId !== null) return await reviseHire(tx, ctx, agentId, newPayload)
  if (parseProposal(approval) !== null) return await reviseProposal(tx, ctx, approval, newPayload)
  requireValidPayload(approval.type, newPayload)
  await requireManagerOfHire(tx, ctx, approval.type, newPayload)
  return { payload: newPayload, events: [] }
}

/**
 * Resubmits an approval that the board has sent back for revision, with the same or another payload. A person who does it knows this
 * version: they wrote it, and the answer shows it (I20).
 * @throws Refusal `not_found`; `not_requester` for an agent that is not the requester; `approval_decided` unless it was
 *   sent back; `payload_invalid`
 */
export async function resubmitApproval(
  ctx: Ctx,
  approvalId: string,
  payload: Record<string, unknown> | undefined,
): Promise<ApprovalDetail> {
  let shownHash = ''
  const detail = await mutate(ctx, async (tx) => {
    const approval = await lockForEffect(tx, ctx, approvalId)
    if (ctx.actor.kind === 'agent' && approval.requestedByAgentId !== ctx.actor.agentId) refuse('not_requester')
    if (approval.status === 'cancelled') refuse('approval_cancelled')
    if (approval.status !== 'revision_requested')
      refuse('approval_decided', {
        message: 'Only approvals that were sent back for revision can be resubmitted',
        details: { status: approval.status },
      })
    const revised = await revise(tx, ctx, approval, payload)
    await requireActingRun(tx, ctx)
    const { payload: newPayload } = revised
    const subjectId = subjectIdOf(approval)
    const [subject = null] = subjectId === null ? [] : await lockAgents(tx, companyOf(ctx), [subjectId])
    const review = reviewOf({ ...approval, payload: newPayload }, subject)
    const pending = await setApprovalStatus(tx, approval, { to: 'pending', note: null, userId: null, payload: newPayload, review })
    const resubmittedEvent = approvalResubmitted(approvalId, { type: approval.type, payloadChanged: payload !== undefined })
    shownHash = review.payloadHash
    return changed(presentWritten(ctx.actor, pending, review), resubmittedEvent, ...revised.events)
  })
  if (ctx.actor.kind === 'board') await recordReading(ctx, { approvalId, userId: ctx.actor.userId, shownHash })
  return detail
}
