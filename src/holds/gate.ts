import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { conflict } from './conflict.ts'
import { lockAdopted, lockCleared } from './events.ts'
import { gather, labelledIssue, mayOverride } from './facts.ts'
import type { HoldFacts, LockedIssue } from './facts.ts'
import { adopt, clearRuns } from './hold.ts'
import { promoteWake } from '../wakes/index.ts'
import { decideWrite, holdsItself, otherLiveHolder } from './rules.ts'
import type { Caller } from './rules.ts'

/** The caller as the rules see it. */
export const callerOf = (ctx: Ctx): Caller =>
  ctx.actor.kind === 'agent' ? { kind: 'agent', agentId: ctx.actor.agentId } : { kind: 'board' }

/** What a client demanded of the issue before its write. */
export interface Expected {
  readonly ifMatch: string | null
  readonly lockEpoch: number | null
}

/** A passed gate: what was true, and what passing it changed. */
export interface Passed {
  readonly facts: HoldFacts<LockedIssue>
  /** Audit of what the gate itself did: a dead hold taken over or cleared. */
  readonly events: readonly DomainEvent[]
}

/**
 * Refuses a write whose client has seen another state.
 * @throws Refusal 412 with the current issue beside the error; 409 `lock_epoch_mismatch`
 */
export async function demandExpected(tx: Tx, ctx: Ctx, facts: HoldFacts, expected: Expected): Promise<void> {
  const { issue } = facts
  if (expected.ifMatch !== null && expected.ifMatch !== String(issue.version)) {
    refuse('precondition_failed', { beside: { issue: await labelledIssue(tx, issue.companyId, issue.id) } })
  }
  if (expected.lockEpoch !== null && expected.lockEpoch !== issue.lockEpoch) {
    throw conflict({ kind: 'refuse', code: 'lock_epoch_mismatch' }, facts, ctx.actor)
  }
}

/**
 * Lets a write to a locked issue pass, or refuses it (lock-protocol §4.2). The board passes always; an agent that finds
 * its own issue under a dead hold adopts it here, in the transaction of its write.
 *
 * @param issue the issue under its row lock
 * @throws Refusal of the table, each with the holder and what to do next
 */
export async function passGate(tx: Tx, ctx: Ctx, issue: LockedIssue, expected: Expected): Promise<Passed> {
  const { actor } = ctx
  const facts = await gather(tx, ctx, issue, null)
  if (actor.kind !== 'agent') {
    await demandExpected(tx, ctx, facts, expected)
    return { facts, events: [] }
  }
  const isForeign = issue.assigneeAgentId !== null && issue.assigneeAgentId !== actor.agentId
  const override = isForeign && (await mayOverride(tx, companyOf(ctx), actor.agentId, issue.assigneeAgentId ?? ''))
  const decision = decideWrite(facts, actor.agentId, override)
  if (decision.kind === 'refuse') throw conflict(decision, facts, actor)
  await demandExpected(tx, ctx, facts, expected)
  if (decision.kind === 'allow') {
    if (!decision.clearLeftovers) return { facts, events: [] }
    return await clearLeftovers(tx, facts)
  }
  const runId = facts.acting?.id ?? ''
  const lockEpoch = await adopt(tx, issue.id, runId, facts.acting?.agentName ?? '')
  const adopted = lockAdopted(issue.id, {
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

async function clearLeftovers(tx: Tx, facts: HoldFacts<LockedIssue>): Promise<Passed> {
  const { issue } = facts
  const dead = [
    facts.checkoutRun?.live === true ? null : issue.checkoutRunId,
    facts.executionRun?.live === true ? null : issue.executionRunId,
  ].filter((id) => id !== null)
  const lockEpoch = await clearRuns(tx, issue.id, dead)
  const events = [...new Set(dead)].map((runId) => lockCleared(issue.id, { runId, why: 'dead_holder', lockEpoch }))
  // No end of a run will find this issue any more, so whoever waited for it is queued now.
  if (otherLiveHolder(facts) === null && !holdsItself(facts)) events.push(...(await promoteWake(tx, issue.id)))
  const kept = (id: string | null): string | null => (id !== null && dead.includes(id) ? null : id)
  return {
    facts: {
      ...facts,
      issue: { ...issue, lockEpoch, checkoutRunId: kept(issue.checkoutRunId), executionRunId: kept(issue.executionRunId) },
    },
    events,
  }
}
