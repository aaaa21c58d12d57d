import type { z } from 'zod'
import { lockAgent } from '../../org/agents/index.ts'
import { isInvokable } from '../../model/agentStatus.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { companyById } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { exhaustedLimit } from '../../engine/budgets/index.ts'
import { lockIssue } from '../../engine/holds/index.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { requireOwnMayWrite } from '../../auth/mayWrite.ts'
import { recordReadPosition, runRowById } from '../../engine/runs/index.ts'
import type { RunRow } from '../../engine/runs/index.ts'
import { countSkip, loadTaskWakeFacts, MENTION_REASON, requestWake, runInvoked, wakeDeferred } from '../../engine/wakes/index.ts'
import type { SkipReason, WakeFacts, WakeRequest } from '../../engine/wakes/index.ts'
import { loadIssueWakeupFacts } from './issueWakeupFacts.ts'
import { requireNamedRows } from './namedRows.ts'
import type { Holder } from './issueWakeupFacts.ts'
import type { skippedView, Wakeup } from './views.ts'

export type WakeupResult = RunRow | z.input<typeof skippedView>

/** The reason of a request that gives none. */
const defaultReasons = { timer: 'heartbeat_timer', assignment: 'issue_assigned', on_demand: 'on_demand', automation: 'automation' } as const

/**
 * Requests a run of an agent. A run that is queued or running for the same issue, or for the same task where there is no
 * issue, covers the request too. While another run holds the issue, the request waits for it.
 *
 * @returns the run, or why there is none
 * @throws Refusal `agent_not_invokable`, `budget_exhausted`, `company_not_active`; `not_found` for the issue, the comment, the
 *   run or the approval that the payload names
 */
export async function requestWakeup(ctx: Ctx, agentId: string, input: Wakeup): Promise<WakeupResult> {
  const companyId = companyOf(ctx)
  const result = await mutate(ctx, async (tx): Promise<Outcome<WakeupResult>> => {
    const agent = await lockAgent(tx, companyId, agentId)
    await requireInvokable(tx, ctx, agent)
    const issueId = input.payload?.issueId ?? null
    if (issueId !== null) await lockIssue(tx, companyId, issueId)
    await requireNamedRows(tx, { companyId, agentId, issueId, payload: input.payload ?? null })
    await requireActingRun(tx, ctx)
    const request = toWakeRequest(agentId, issueId, input)
    const { facts, holder } = await loadFacts(tx, ctx, request, input)
    // Whether the agent may be run was checked above; a caller is refused, and not skipped.
    const outcome = await requestWake(tx, ctx, request, { ...facts, isInvokable: true })
    switch (outcome.kind) {
      case 'skipped':
        return unchanged(skippedResult(skipMessages[outcome.why]))
      case 'closed_as_loop':
        return changedIfAny(skippedResult(LOOP_MESSAGE), outcome.events)
      case 'deferred':
        return deferredResult(request, outcome.wakeId, holder)
      case 'promoted':
        return await invokedRun(tx, ctx, request, { runId: outcome.runId, coalesced: true, events: [outcome.event] })
      case 'joined':
      case 'queued':
        return await invokedRun(tx, ctx, request, { runId: outcome.runId, coalesced: outcome.kind === 'joined', events: [] })
    }
  })
  // A person who starts a run by hand may want to follow its log, and a short run ends before the first request for it.
  if (ctx.actor.kind === 'board' && 'id' in result) recordReadPosition(ctx.store, result.id, 0, true)
  return result
}

/** Fields of a payload that say which work a run is for, and nothing to the agent. */
const addressFields: ReadonlySet<string> = new Set(['issueId', 'taskKey', 'resumeFromRunId'])

const hasWords = (payload: Wakeup['payload']): boolean =>
  Object.entries(payload ?? {}).some(([name, value]) => !addressFields.has(name) && value !== null && value !== undefined)

/** @throws Refusal `agent_not_invokable`, `budget_exhausted`, `company_not_active` */
async function requireInvokable(tx: Tx, ctx: Ctx, agent: AgentRow): Promise<void> {
  requireOwnMayWrite(ctx.actor, agent)
  if (!isInvokable(agent.status)) refuse('agent_not_invokable', { details: { status: agent.status, next: 'ask_board' } })
  const exhausted = await exhaustedLimit(tx, { companyId: companyOf(ctx), agentId: agent.id })
  if (exhausted !== null) {
    countSkip(ctx.store, agent.id, 'over_budget')
    refuse('budget_exhausted', { details: { ...exhausted, retryable: false, next: 'ask_board' } })
  }
  if ((await companyById(tx, companyOf(ctx))).status !== 'active') refuse('company_not_active', { details: { next: 'ask_board' } })
}

function toWakeRequest(agentId: string, issueId: string | null, input: Wakeup): WakeRequest {
  const { source, triggerDetail, forceFreshSession } = input
  const reason = input.reason ?? defaultReasons[source]
  return {
    agentId,
    issueId,
    source,
    triggerDetail,
    reason,
    payload: { ...input.payload, ...(forceFreshSession ? { forceFreshSession } : {}) },
    runsBesideHolder: reason === MENTION_REASON,
    // A running run has read why it was started, so what the request has to say is for a run that follows it.
    joinsRunAtWork: !hasWords(input.payload),
    boundsDeferral: false,
    hasOwnEvent: false,
  }
}

async function loadFacts(
  tx: Tx,
  ctx: Ctx,
  { agentId, issueId, source }: WakeRequest,
  input: Wakeup,
): Promise<{ readonly facts: WakeFacts; readonly holder: Holder | null }> {
  if (issueId !== null) return await loadIssueWakeupFacts(tx, ctx, { agentId, issueId, source })
  const task = { agentId, source, taskKey: input.payload?.taskKey ?? null, isFresh: input.forceFreshSession }
  return { facts: await loadTaskWakeFacts(tx, ctx, task), holder: null }
}

const LOOP_MESSAGE = 'Agents have had this agent woken for this too often within an hour; a person can wake it'
const skipMessages: Readonly<Record<SkipReason, string>> = {
  agent_not_invokable: 'This agent cannot be run',
  timer_off: 'Heartbeats of this agent are off',
  wake_on_demand_off: 'This agent is not woken on demand',
}

const skippedResult = (message: string): z.input<typeof skippedView> => ({ status: 'skipped', reason: 'wakeup_skipped', message })

interface InvokedRun {
  readonly runId: string
  readonly coalesced: boolean
  readonly events: readonly DomainEvent[]
}

/** The answer where a run covers the request. */
async function invokedRun(tx: Tx, ctx: Ctx, request: WakeRequest, invoked: InvokedRun): Promise<Outcome<WakeupResult>> {
  const { runId, coalesced, events } = invoked
  const run = await runRowById(tx, ctx, runId)
  const { agentId, source, triggerDetail, reason } = request
  const details = { agentId, issueId: run.issueId, source, triggerDetail, reason, coalesced }
  return changed(run, runInvoked(runId, details, { agentId, runId }), ...events)
}

/** The answer where the wake waits for the holder of the issue. */
function deferredResult({ agentId, issueId }: WakeRequest, wakeId: string, holder: Holder | null): Outcome<WakeupResult> {
  invariant(issueId !== null && holder !== null, 'a wake waits for the holder of an issue')
  const answer: WakeupResult = {
    status: 'skipped',
    reason: 'issue_execution_deferred',
    message: 'Another run holds the issue; the wake waits until the run releases it',
    issueId,
    executionRunId: holder.id,
    executionAgentId: holder.agentId,
    executionAgentName: holder.agentName,
  }
  return changed(answer, wakeDeferred(wakeId, { agentId, issueId, runId: null, holderRunId: holder.id }, { agentId }))
}
