import { sql } from 'drizzle-orm'
import { agentById, lockAgent, lockAgents } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, changedIfAny, mutate, pipelined, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { approvals } from '../../model/approvals.ts'
import { memberships } from '../../model/companies.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { affectedAgentIds, effects } from './effects.ts'
import { approvalApproved, approvalRejected, revisionRequested } from './events.ts'
import { lockForEffect } from './lock.ts'
import { entityTagOf, presentDetail, presentWritten } from './present.ts'
import type { ApprovalDetail } from './present.ts'
import { lastReading } from './readings.ts'
import { reviewOf, subjectIdOf } from './review.ts'
import type { Review } from './review.ts'
import { setApprovalStatus } from './row.ts'
import type { ApprovalRow } from './row.ts'
import { approvalStatus } from '../../model/approvalStatus.ts'
import { linkedIssuesOf, wakeRequester } from './wakeRequester.ts'

export type DecisionOutcome = 'approved' | 'rejected' | 'revision_requested'

/** A decision of the board, and the version of the approval that it is about. */
export interface Decision {
  readonly outcome: DecisionOutcome
  readonly note: string | null
  /** The entity tag of the approval that the client has read, when it sends one. */
  readonly ifMatch: string | null
  /** The hash of the payload and the resulting configuration that the client has read, when it sends one. */
  readonly payloadHash: string | null
}

const outcomes = {
  approved: { event: approvalApproved, refusal: 'Only pending or revision-requested approvals can be approved' },
  rejected: { event: approvalRejected, refusal: 'Only pending or revision-requested approvals can be rejected' },
  revision_requested: { event: revisionRequested, refusal: 'Only pending approvals can be sent back for revision' },
} as const

const findOtherDecider = statement<{ companyId: string; userId: string }, { exists: boolean }>('approval_other_decider').read(sql`
  select exists (select 1 from ${memberships} where company_id = ${param('companyId')} and principal_type = 'user' and status = 'active'
    and principal_id <> ${param('userId', 'text')}) as exists`)

/** A person does not decide on their own request while another active member of the company could. */
async function requireOtherRequester(tx: Tx, ctx: Ctx, approval: ApprovalRow, userId: string): Promise<void> {
  if (approval.requestedByUserId !== userId) return
  const [other] = await tx.run(findOtherDecider, { companyId: companyOf(ctx), userId })
  if (other?.exists === true) refuse('own_request')
}

/**
 * (tx) Refuses a decision about another version than the approval has (I20). A decision names its version by `If-Match` or by
 * `payloadHash`. One that names none is about the version that the person has read last, or, if they have read none, about the
 * one that was requested first. Rows of before have no such version, so nothing is known that could have changed.
 * @throws Refusal `precondition_failed` when the row was written since; `approval_changed` with the approval as it is
 */
async function requireShown(ctx: Ctx, { approval, review, decision, reading }: Shown): Promise<void> {
  const { ifMatch, payloadHash } = decision
  const detail = presentDetail(ctx.actor, approval, review)
  const refuseChanged = (): never =>
    refuse('approval_changed', { details: { payloadHash: review.payloadHash }, extraFields: { approval: detail } })
  if (ifMatch !== null && !ifMatch.startsWith(approval.updatedAt))
    refuse('precondition_failed', { message: 'The approval has changed since', extraFields: { approval: detail } })
  if (payloadHash !== null && payloadHash !== review.payloadHash) refuseChanged()
  // A tag that an agent was served names the row alone.
  const namesVersion = ifMatch !== null && ifMatch !== approval.updatedAt
  if (namesVersion && ifMatch !== entityTagOf(detail)) refuseChanged()
  // To send a request back gives nothing, so it may be done unseen.
  if (namesVersion || !needsReading(decision)) return
  const shownHash = (await reading) ?? approval.shownHash
  if (shownHash !== null && shownHash !== review.payloadHash) refuseChanged()
}

interface Shown {
  readonly approval: ApprovalRow
  readonly review: Review
  readonly decision: Decision
  /** The version that the person has read last, where it may be needed. */
  readonly reading: Promise<string | null> | null
}

/** Whether a decision may be about what the person has read last, because it names no version by its hash. */
const needsReading = ({ payloadHash, outcome }: Decision): boolean => payloadHash === null && outcome !== 'revision_requested'

/**
 * Decides on an approval. The decision, its effect, the wake of the requester and their audit rows commit together,
 * under the approval's row lock (I10). It is about the version that was shown (I20). A repeated decision changes nothing. A
 * request for revision leaves the approval undecided, so a second one is refused.
 *
 * @throws Refusal `not_found`, `approval_cancelled`, `approval_decided`, `own_request`, `precondition_failed`, `approval_changed`, and those of the effect
 */
export const decideApproval = (ctx: Ctx, approvalId: string, decision: Decision): Promise<ApprovalDetail> =>
  mutate(ctx, (tx) => decide(tx, ctx, approvalId, decision))

async function decide(tx: Tx, ctx: Ctx, approvalId: string, decision: Decision): Promise<Outcome<ApprovalDetail>> {
  const { actor } = ctx
  const { outcome, note } = decision
  invariant(actor.kind === 'board', 'only people decide')
  const approval = await lockForEffect(tx, ctx, approvalId)
  const subjectId = subjectIdOf(approval)
  // Both are sent together with the locks of the agents.
  const reading = needsReading(decision) ? pipelined(lastReading(tx, { approvalId, userId: actor.userId })) : null
  const linked = pipelined(linkedIssuesOf(tx, approvalId))
  const locked = await lockAgents(tx, companyOf(ctx), affectedAgentIds(approval))
  const review = reviewOf(approval, locked.find((agent) => agent.id === subjectId) ?? null)
  if (approval.status === outcome && outcome !== 'revision_requested') return unchanged(presentWritten(actor, approval, review))
  await requireOtherRequester(tx, ctx, approval, actor.userId)
  if (approval.status === 'cancelled')
    refuse('approval_cancelled', approval.decisionNote === null ? {} : { message: approval.decisionNote })
  if (!approvalStatus.allows(approval.status, outcome))
    refuse('approval_decided', { message: outcomes[outcome].refusal, details: { status: approval.status } })
  await requireShown(ctx, { approval, review, decision, reading })
  const effect = outcome === 'revision_requested' ? { events: [] } : await effects[approval.type][outcome](tx, ctx, approval)
  const payload = effect.payload ?? approval.payload
  const decided = pipelined(setApprovalStatus(tx, approval, { to: outcome, note, userId: actor.userId, payload, review }))
  const { type, requestedByAgentId, status: previousStatus } = approval
  const decisionEvent = outcomes[outcome].event(approvalId, { type, requestedByAgentId, previousStatus })
  const wakeEvents = await wakeRequester(tx, ctx, approval, { reason: `approval_${outcome}`, status: outcome, linked })
  const answer = pipelined(decided.then((row) => presentWritten(actor, row, review)))
  return changed(answer, decisionEvent, ...effect.events, ...wakeEvents)
}

const findHire = statement<{ companyId: string; agentId: string }, { id: string }>('approval_of_hire').read(sql`
  select id from ${approvals} where company_id = ${param('companyId')} and type = 'hire_agent'
    and payload ->> 'agentId' = ${param('agentId', 'text')} order by created_at desc, id limit 1`)

/**
 * Approves the hire of an agent, for a caller that knows the agent and not the approval (`cases.md` K60). It is the same decision as
 * `decideApproval`.
 * @returns the agent as it is after the decision
 * @throws Refusal `not_found`; `approval_decided` for an agent that was created without a hire; those of `decideApproval`
 */
export async function approveHireOf(ctx: Ctx, agentId: string, decision: Omit<Decision, 'outcome'>): Promise<AgentRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const [hire] = await tx.run(findHire, { companyId, agentId })
    if (hire === undefined) {
      await lockAgent(tx, companyId, agentId)
      refuse('approval_decided', { message: 'The agent has no hire that waits for a decision' })
    }
    const { events } = await decide(tx, ctx, hire.id, { ...decision, outcome: 'approved' })
    const agent = await agentById(tx, companyId, agentId)
    return agent === null ? refuse('not_found', { message: 'Agent not found' }) : changedIfAny(agent, events)
  })
}
