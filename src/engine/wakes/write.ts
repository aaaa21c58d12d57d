import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { unawaited } from '../../platform/db/mutate.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { actorColumns } from '../../platform/kernel/actor.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { queueRun } from '../runs/index.ts'
import { countWake } from '../../auth/countedQuotas.ts'
import { decideWake } from './decideWake.ts'
import type { SkipReason, WakeDecision, WakeFacts, WakeSource, WakeTraits } from './decideWake.ts'
import { closeAsLoop } from './loopBound.ts'
import { promote } from './promote.ts'
import type { PromotableWake } from './promote.ts'
import { COMMENT_REASON, MENTION_REASON, rankOfReason } from './reasons.ts'
import { countSkip } from './skipCounters.ts'

/** A request for a run of an agent. */
export interface WakeRequest extends WakeTraits {
  readonly agentId: string
  /** Null for a run that is about no issue. */
  readonly issueId: string | null
  readonly source: WakeSource
  readonly triggerDetail: 'manual' | 'ping' | 'callback' | 'system'
  readonly reason: string
  readonly payload?: Readonly<Record<string, unknown>>
}

/** The result of a request. */
export type WakeOutcome =
  | { readonly kind: 'skipped'; readonly why: SkipReason }
  /** The run was there already and covers the request too. */
  | { readonly kind: 'joined'; readonly runId: string }
  | { readonly kind: 'queued'; readonly runId: string }
  /** A wake that waited has got this run, which covers the request too. */
  | { readonly kind: 'promoted'; readonly runId: string; readonly event: DomainEvent }
  /** The wake waits until the issue is free. */
  | { readonly kind: 'deferred'; readonly wakeId: string }
  | { readonly kind: 'closed_as_loop'; readonly events: readonly DomainEvent[] }

/**
 * (tx) Decides on a request and writes what follows. This is the only writer of requested wakes.
 * Expects the row lock of the issue, or of the agent where the request is about no issue, and facts read under it.
 */
export async function requestWake(tx: Tx, ctx: Ctx, request: WakeRequest, facts: WakeFacts): Promise<WakeOutcome> {
  for (let current = facts; ;) {
    const decision = decideWake(current, request)
    const outcome = await writeDecision(tx, ctx, request, decision)
    if (outcome !== null) return outcome
    // The wake that was to absorb the request left its status after it was read: decide without it.
    current = decision.kind === 'join' ? { ...current, open: null } : { ...current, deferredWakeId: null }
  }
}

/** @returns null where the wake that was to absorb the request can no longer do so */
async function writeDecision(tx: Tx, ctx: Ctx, request: WakeRequest, decision: WakeDecision): Promise<WakeOutcome | null> {
  switch (decision.kind) {
    case 'skip':
      countSkip(ctx.store, request.agentId, decision.why)
      return { kind: 'skipped', why: decision.why }
    case 'join': {
      const { runId, wakeId, isAtWork } = decision.open
      const isCovered = wakeId === null || (await joinWake(tx, request, wakeId, isAtWork ? ['queued', 'claimed'] : ['queued'])) !== null
      return isCovered ? { kind: 'joined', runId } : null
    }
    case 'join_deferred': {
      const wake = await joinWake(tx, request, decision.wakeId, ['deferred_issue_execution'])
      return wake === null ? null : { kind: 'deferred', wakeId: wake.id }
    }
    case 'promote': {
      invariant(request.issueId !== null, 'a wake about no issue does not wait')
      const wake = await joinWake(tx, request, decision.wakeId, ['deferred_issue_execution'])
      return wake === null ? null : { kind: 'promoted', ...promote(tx, request.issueId, wake) }
    }
    case 'close_as_loop':
      return { kind: 'closed_as_loop', events: await closeAsLoop(tx, ctx, request) }
    case 'defer':
      return { kind: 'deferred', wakeId: insertDeferredWake(tx, ctx, request) }
    case 'queue':
      return { kind: 'queued', runId: insertQueuedWake(tx, ctx, request) }
  }
}

/** The most earlier requests that a wake keeps the words of; the oldest go first. They are in the thread of the issue as well. */
const MAX_JOINED = 50

const rankInSql = sql.raw(
  `(case reason when '${MENTION_REASON}' then ${rankOfReason(MENTION_REASON)} when '${COMMENT_REASON}' then ${rankOfReason(COMMENT_REASON)} else 2 end)`,
)
const ownWords = sql`coalesce(payload, '{}') - 'joined'`
const earlierWords = sql`(coalesce(payload -> 'joined', '[]') || jsonb_build_array(jsonb_build_object('reason', reason) || (${ownWords})))`

// A claimed wake has a run that has read it: what joins it is counted, and says nothing more.
const joinRow = statement<{ id: string; statuses: string[]; reason: string; rank: number; payload: string }, PromotableWake>(
  'wake_coalesce',
).write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now(),
    reason = case when status <> 'claimed' and ${param('rank', 'int')} >= ${rankInSql} then ${param('reason', 'text')} else reason end,
    payload = case when status = 'claimed' then payload else (${ownWords}) || (${param('payload', 'jsonb')} - 'joined')
      || jsonb_build_object('joined', case when jsonb_array_length(${earlierWords}) > ${sql.raw(String(MAX_JOINED))} then ${earlierWords} - 0
        else ${earlierWords} end) end
  where id = ${param('id')} and status = any(${param('statuses', 'text[]')})
  returning id, company_id as "companyId", agent_id as "agentId", source, reason, losses`)

/**
 * Adds a request to the wake that covers it: the newest decides, and what came before it stays in `payload.joined`, oldest first.
 * @returns null where the wake is in none of the statuses
 */
async function joinWake(tx: Tx, request: WakeRequest, id: string, statuses: string[]): Promise<PromotableWake | null> {
  const { reason, payload = {} } = request
  return (await tx.run(joinRow, { id, statuses, reason, rank: rankOfReason(reason), payload: JSON.stringify(payload) }))[0] ?? null
}

const insertWake = statement<
  {
    id: string
    companyId: string
    agentId: string
    issueId: string | null
    source: string
    triggerDetail: string
    reason: string
    payload: string | null
    status: string
    runId: string | null
    actorType: string
    actorId: string
  },
  never
>('wake_insert').write(sql`
  insert into ${wakes} (id, company_id, agent_id, issue_id, source, trigger_detail, reason, payload, status, run_id,
    requested_by_actor_type, requested_by_actor_id)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId', 'uuid')}, ${param('source')}, ${param('triggerDetail')},
    ${param('reason')}, ${param('payload', 'jsonb')}, ${param('status')}, ${param('runId', 'uuid')}, ${param('actorType')}, ${param('actorId')})`)

function insertRow(tx: Tx, ctx: Ctx, request: WakeRequest, row: { readonly id: string; readonly runId: string | null }): void {
  const { agentId, issueId, source, triggerDetail, reason, payload } = request
  countWake(tx, ctx)
  unawaited(
    tx.run(insertWake, {
      ...row,
      companyId: companyOf(ctx),
      agentId,
      issueId,
      source,
      triggerDetail,
      reason,
      payload: payload === undefined ? null : JSON.stringify(payload),
      status: row.runId === null ? 'deferred_issue_execution' : 'queued',
      ...actorColumns(ctx.actor),
    }),
  )
}

/** Inserts a wake and its queued run. @returns the id of the run */
function insertQueuedWake(tx: Tx, ctx: Ctx, request: WakeRequest): string {
  const { agentId, issueId, source: invocationSource, triggerDetail } = request
  const id = randomUUID()
  const run = {
    companyId: companyOf(ctx),
    agentId,
    issueId,
    invocationSource,
    triggerDetail,
    wakeupRequestId: id,
    processLossRetryCount: 0,
  }
  const runId = queueRun(tx, run)
  insertRow(tx, ctx, request, { id, runId })
  return runId
}

/** Inserts a wake that waits until no live run holds its issue. @returns the id of the wake */
function insertDeferredWake(tx: Tx, ctx: Ctx, request: WakeRequest): string {
  const id = randomUUID()
  insertRow(tx, ctx, request, { id, runId: null })
  return id
}
