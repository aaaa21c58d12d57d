import type { Actor } from '../../platform/kernel/actor.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import type { RefusalCode } from '../../platform/kernel/errors.ts'
import type { HoldFacts } from './holdFacts.ts'
import type { RefusedHold } from './rules.ts'

/** The next step that a client should take (LOCK_PROTOCOL §7). */
export type NextStep = 'wait' | 'pick_other' | 'new_run' | 'ask_board'

interface Advice {
  readonly retryable: boolean
  readonly next: NextStep
}

const adviceByCode: Partial<Record<RefusalCode, Advice>> = {
  issue_held: { retryable: true, next: 'pick_other' },
  issue_assigned: { retryable: false, next: 'pick_other' },
  status_unexpected: { retryable: false, next: 'pick_other' },
  agent_not_invokable: { retryable: false, next: 'ask_board' },
  budget_exhausted: { retryable: false, next: 'ask_board' },
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

/** The longest wait worth advising: a lease may be renewed any number of times, so the client asks again before it ends. */
const MAX_RETRY_AFTER_S = 60

/**
 * Builds the refusal of a decision, with the holder and what to do next.
 * Refusals that are not about the hold keep their own details.
 */
export function holdRefusal(refused: RefusedHold, facts: HoldFacts, actor: Actor): Refusal {
  const advised = adviceByCode[refused.code]
  const extras = refused.message === undefined ? {} : { message: refused.message }
  if (advised === undefined) return new Refusal(refused.code, { ...extras, details: refused.details })
  const { issue } = facts
  const runs = [facts.checkoutRun, facts.executionRun]
  const holder = runs.find((run) => run?.live && run.id !== facts.acting?.id) ?? runs.find((run) => run?.live) ?? null
  const isOwnHold = actor.kind === 'agent' && holder?.agentId === actor.agentId
  const next = advised.retryable && isOwnHold ? 'wait' : advised.next
  const retryAfterSeconds =
    advised.retryable && holder !== null ? Math.min(Math.max(1, holder.leaseSecondsLeft), MAX_RETRY_AFTER_S) : undefined
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
      retryable: advised.retryable,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      next,
      ...refused.details,
    },
    ...(retryAfterSeconds === undefined ? {} : { retryAfter: retryAfterSeconds }),
  })
}
