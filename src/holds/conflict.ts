import type { Actor } from '../kernel/actor.ts'
import { Refusal } from '../kernel/errors.ts'
import type { RefusalCode } from '../kernel/errors.ts'
import type { HoldFacts } from './facts.ts'
import type { RefusedHold } from './rules.ts'

/** What a machine should do next (lock-protocol §7). */
export type Next = 'wait' | 'pick_other' | 'new_run' | 'ask_board'

interface Advice {
  readonly retryable: boolean
  readonly next: Next
}

const advice: Partial<Record<RefusalCode, Advice>> = {
  issue_held: { retryable: true, next: 'pick_other' },
  issue_assigned: { retryable: false, next: 'pick_other' },
  status_unexpected: { retryable: false, next: 'pick_other' },
  agent_not_invokable: { retryable: false, next: 'ask_board' },
  agent_over_budget: { retryable: false, next: 'ask_board' },
  project_paused: { retryable: false, next: 'pick_other' },
  company_not_active: { retryable: false, next: 'ask_board' },
  checked_out_by_other: { retryable: false, next: 'pick_other' },
  run_ownership: { retryable: true, next: 'wait' },
  release_not_assignee: { retryable: false, next: 'pick_other' },
  release_not_holder: { retryable: true, next: 'wait' },
  lock_revoked: { retryable: false, next: 'new_run' },
  lock_epoch_mismatch: { retryable: false, next: 'pick_other' },
  holder_changed: { retryable: true, next: 'ask_board' },
}

/** Never worth waiting longer for: a lease may be renewed any number of times, so ask again before it ends. */
const LONGEST_WAIT_S = 60

/**
 * The refusal that a decision means, carrying the holder and what to do next.
 * Refusals that are not about the hold keep their own details.
 */
export function conflict(refused: RefusedHold, facts: HoldFacts, actor: Actor): Refusal {
  const given = advice[refused.code]
  const extras = refused.message === undefined ? {} : { message: refused.message }
  if (given === undefined) return new Refusal(refused.code, { ...extras, details: refused.details })
  const { issue } = facts
  const runs = [facts.checkoutRun, facts.executionRun]
  const holder = runs.find((run) => run?.live && run.id !== facts.acting?.id) ?? runs.find((run) => run?.live) ?? null
  const isMine = actor.kind === 'agent' && holder?.agentId === actor.agentId
  const next = given.retryable && isMine ? 'wait' : given.next
  const wait = given.retryable && holder !== null ? Math.min(Math.max(1, holder.leaseSecondsLeft), LONGEST_WAIT_S) : undefined
  return new Refusal(refused.code, {
    ...extras,
    details: {
      issueId: issue.id,
      status: issue.status,
      assigneeAgentId: issue.assigneeAgentId,
      checkoutRunId: issue.checkoutRunId,
      executionRunId: issue.executionRunId,
      lockEpoch: issue.lockEpoch,
      actorAgentId: actor.kind === 'agent' ? actor.agentId : null,
      actorRunId: actor.kind === 'agent' ? actor.runId : null,
      holder:
        holder === null
          ? null
          : {
              runId: holder.id,
              agentId: holder.agentId,
              agentName: holder.agentName,
              status: holder.status,
              live: holder.live,
              leaseExpiresAt: holder.leaseExpiresAt,
              lastSeenAt: holder.lastSeenAt,
            },
      retryable: given.retryable,
      ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
      next,
      ...refused.details,
    },
    ...(wait === undefined ? {} : { retryAfter: wait }),
  })
}
