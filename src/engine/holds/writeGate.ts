// The write gate (LOCK_PROTOCOL §4.2): every write by an agent to an issue passes this check.

import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { RefusalCode } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { holdRefusal } from './holdRefusal.ts'
import { holdAdopted, holdCleared } from './events.ts'
import { loadHoldFacts, loadHoldFactsBehind, labelledIssue, lockIssue, mayOverride } from './holdFacts.ts'
import type { HoldFacts, LockedIssue } from './holdFacts.ts'
import { adoptHold, clearHoldOf } from './holdColumns.ts'
import { promoteWake } from '../wakes/index.ts'
import { decideWrite, isHeldByActingRun, otherLiveHolder } from './rules.ts'
import type { Caller } from './rules.ts'

/** The refusals of `checkWriteGate`, for the declarations of the routes that pass through it. */
export const gateRefusals = [
  'lock_revoked',
  'checked_out_by_other',
  'not_assignee',
  'run_required',
  'run_ownership',
  'lock_epoch_mismatch',
  'precondition_failed',
] as const satisfies readonly RefusalCode[]

/** As `gateRefusals`, for routes that take no condition: a comment, which passes whatever the version, and requests about several issues. */
export const unconditionalGateRefusals = gateRefusals.filter((code) => code !== 'precondition_failed' && code !== 'lock_epoch_mismatch')

/** The caller, in the terms of the rules. */
export const callerOf = (ctx: Ctx): Caller =>
  ctx.actor.kind === 'agent' ? { kind: 'agent', agentId: ctx.actor.agentId } : { kind: 'board' }

/** The state of the issue that a client requires for its write. */
export interface Expected {
  readonly ifMatch: string | null
  readonly lockEpoch: number | null
}

/** A passed gate: the facts, and the changes that the gate made. */
export interface GateResult {
  readonly facts: HoldFacts<LockedIssue>
  /** Audit of the gate's own changes: a dead hold was adopted or cleared. */
  readonly events: readonly DomainEvent[]
}

/**
 * Refuses a write whose client has read another state.
 * @throws Refusal 412 with the current issue next to the error; 409 `lock_epoch_mismatch`
 */
export async function requireExpected(tx: Tx, ctx: Ctx, facts: HoldFacts, expected: Expected): Promise<void> {
  const { issue } = facts
  if (expected.ifMatch !== null && expected.ifMatch !== String(issue.version)) {
    refuse('precondition_failed', { extraFields: { issue: await labelledIssue(tx, issue.companyId, issue.id) } })
  }
  if (expected.lockEpoch !== null && expected.lockEpoch !== issue.lockEpoch) {
    throw holdRefusal({ kind: 'refuse', code: 'lock_epoch_mismatch' }, facts, ctx.actor)
  }
}

/**
 * Lets a write to a locked issue pass, or refuses it (LOCK_PROTOCOL §4.2). The board always passes. An agent that finds
 * its own issue under a dead hold adopts it here, in the transaction of its write.
 *
 * @param issue the issue under its row lock
 * @throws Refusal `gateRefusals`, each with the holder and what to do next; those of `assertRunLive`
 */
export const checkWriteGate = async (tx: Tx, ctx: Ctx, issue: LockedIssue, expected: Expected): Promise<GateResult> =>
  passWriteGate(tx, ctx, await loadHoldFacts(tx, ctx, issue, null), expected)

/**
 * As `checkWriteGate`, and locks the issue in the same round trip.
 * @throws Refusal `not_found` for a missing issue and for one of another company
 */
export const lockThroughWriteGate = async (tx: Tx, ctx: Ctx, issueId: string, expected: Expected): Promise<GateResult> =>
  passWriteGate(tx, ctx, await loadHoldFactsBehind(tx, ctx, issueId, lockIssue(tx, companyOf(ctx), issueId)), expected)

/** As `checkWriteGate`, with facts that were read under the locks. */
export async function passWriteGate(tx: Tx, ctx: Ctx, facts: HoldFacts<LockedIssue>, expected: Expected): Promise<GateResult> {
  const { actor } = ctx
  const { issue } = facts
  if (actor.kind !== 'agent') {
    await requireExpected(tx, ctx, facts, expected)
    return { facts, events: [] }
  }
  const isAssignedToOther = issue.assigneeAgentId !== null && issue.assigneeAgentId !== actor.agentId
  const isOverriding = isAssignedToOther && (await mayOverride(tx, companyOf(ctx), actor.agentId, issue.assigneeAgentId ?? ''))
  const decision = decideWrite(facts, actor.agentId, isOverriding)
  if (decision.kind === 'refuse') throw holdRefusal(decision, facts, actor)
  await requireExpected(tx, ctx, facts, expected)
  if (decision.kind === 'allow') {
    if (!decision.clearStaleColumns) return { facts, events: [] }
    return await clearStaleColumns(tx, facts)
  }
  const runId = facts.acting?.id ?? ''
  const lockEpoch = await adoptHold(tx, issue.id, runId, facts.acting?.agentName ?? '')
  const adopted = holdAdopted(issue.id, {
    previousCheckoutRunId: issue.checkoutRunId,
    previousExecutionRunId: issue.executionRunId,
    checkoutRunId: runId,
    reason: decision.reason,
    lockEpoch,
  })
  return {
    facts: {
      ...facts,
      issue: { ...issue, checkoutRunId: runId, executionRunId: runId, lockEpoch },
      checkoutRun: facts.acting,
      executionRun: facts.acting,
    },
    events: [adopted],
  }
}

async function clearStaleColumns(tx: Tx, facts: HoldFacts<LockedIssue>): Promise<GateResult> {
  const { issue } = facts
  const deadRunIds = [
    facts.checkoutRun?.live === true ? null : issue.checkoutRunId,
    facts.executionRun?.live === true ? null : issue.executionRunId,
  ].filter((id) => id !== null)
  const lockEpoch = await clearHoldOf(tx, issue.id, deadRunIds)
  const events = [...new Set(deadRunIds)].map((runId) => holdCleared(issue.id, { runId, why: 'dead_holder', lockEpoch }))
  // No end of a run finds this issue any more, so the next waiting wake is queued now.
  if (otherLiveHolder(facts) === null && !isHeldByActingRun(facts)) events.push(...(await promoteWake(tx, issue.id)))
  const keptId = (id: string | null): string | null => (id !== null && deadRunIds.includes(id) ? null : id)
  return {
    facts: {
      ...facts,
      issue: { ...issue, lockEpoch, checkoutRunId: keptId(issue.checkoutRunId), executionRunId: keptId(issue.executionRunId) },
    },
    events,
  }
}
