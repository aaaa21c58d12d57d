// One run of a routine: the decision, the issue, and the record, in the caller's transaction.

import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { issueNumbersInside } from '../../org/companies/index.ts'
import { hashOf } from '../../engine/approvals/index.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { insertIssue } from '../../work/issues/index.ts'
import { agents } from '../../model/agents.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import { exhaustedLimits } from '../../model/budgets.ts'
import { issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { ROUTINE_ORIGIN } from '../../model/routineStatus.ts'
import type { RoutineRunSource, RoutineRunStatus, SkipReason } from '../../model/routineStatus.ts'
import { routineRuns, routines, routineTriggers } from '../../model/routines.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { runTriggered } from './events.ts'
import type { LockedRoutine, RoutineRow } from './lock.ts'
import { activeIssueOf, runColumns } from './queries.ts'
import type { RoutineRun } from './queries.ts'
import { decideDispatch, skipSentences } from './rules.ts'
import { resolveVariables, textsOf } from './variables.ts'

/** The cause of a run. */
export interface Cause {
  readonly source: RoutineRunSource
  readonly triggerId: string | null
  /** The time of the schedule; null for every other source. */
  readonly dueAt: Instant | null
  readonly payload: unknown
  readonly variables: Readonly<Record<string, unknown>>
  readonly idempotencyKey: string | null
  readonly replayKey: string | null
}

export const noCause = { dueAt: null, payload: null, variables: {}, idempotencyKey: null, replayKey: null } as const

/** A run as it was recorded, and the events of it. */
export interface Fired {
  readonly run: RoutineRun
  readonly events: readonly DomainEvent[]
}

interface FactRow {
  isProjectPaused: boolean
  isProjectArchived: boolean
  agentStatus: AgentStatus | null
  isBudgetExhausted: boolean
  hasParent: boolean
  activeIssueId: string | null
  activeRunId: string | null
}

interface FactParams {
  companyId: string
  routineId: string
  projectId: string | null
  agentId: string | null
  parentIssueId: string | null
}

const project = sql`from ${projects} p where p.id = ${param('projectId', 'uuid')}`

const selectFacts = statement<FactParams, FactRow>('routine_facts').read(sql`
  select exists (select 1 ${project} and p.paused_at is not null) as "isProjectPaused",
    exists (select 1 ${project} and p.archived_at is not null) as "isProjectArchived",
    (select a.status from ${agents} a where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}) as "agentStatus",
    exists (select 1 from ${agents} a where a.id = ${param('agentId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')}
      and exists (select 1 ${exhaustedLimits('a', param('projectId', 'uuid'))})) as "isBudgetExhausted",
    exists (select 1 from ${issues} i where i.id = ${param('parentIssueId', 'uuid')} and i.company_id = ${param('companyId', 'uuid')}) as "hasParent",
    active.issue_id as "activeIssueId", active.run_id as "activeRunId"
  from (select 1) one left join lateral (
    select ai.id as issue_id, ar.id as run_id from ${activeIssueOf(param('routineId', 'uuid'))}) active on true`)

interface RunToInsert {
  id: string
  companyId: string
  routineId: string
  triggerId: string | null
  source: RoutineRunSource
  status: RoutineRunStatus
  dueAt: Instant | null
  idempotencyKey: string | null
  replayKey: string | null
  triggerPayload: string | null
  linkedIssueId: string | null
  coalescedIntoRunId: string | null
  failureReason: string | null
  dispatchFingerprint: string | null
}

const insertRun = statement<RunToInsert, RoutineRun>('routine_run_insert').write(sql`
  insert into ${routineRuns} (id, company_id, routine_id, trigger_id, source, status, due_at, idempotency_key, replay_key, trigger_payload,
    linked_issue_id, coalesced_into_run_id, failure_reason, dispatch_fingerprint, completed_at)
  values (${param('id', 'uuid')}, ${param('companyId', 'uuid')}, ${param('routineId', 'uuid')}, ${param('triggerId', 'uuid')}, ${param('source')},
    ${param('status', 'text')}, ${param('dueAt', 'timestamptz')}, ${param('idempotencyKey')}, ${param('replayKey')}, ${param('triggerPayload', 'jsonb')},
    ${param('linkedIssueId', 'uuid')}, ${param('coalescedIntoRunId', 'uuid')}, ${param('failureReason')}, ${param('dispatchFingerprint')},
    case when ${param('status', 'text')} = 'issue_created' then null else now() end)
  returning ${runColumns}`)

const markRoutine = statement<{ routineId: string; created: boolean }, never>('routine_mark').write(sql`
  update ${routines} set last_triggered_at = now(), last_enqueued_at = case when ${param('created', 'boolean')} then now() else last_enqueued_at end
  where id = ${param('routineId', 'uuid')}`)

const markTrigger = statement<{ triggerId: string; result: string }, never>('routine_trigger_mark').write(sql`
  update ${routineTriggers} set last_fired_at = now(), last_result = ${param('result')} where id = ${param('triggerId', 'uuid')}`)

/** The contents of an issue as one value: the same for two runs that ask for the same. */
const fingerprintOf = (routine: RoutineRow, texts: object): string =>
  hashOf([texts, routine.projectId, routine.assigneeAgentId, routine.priority])

/** The outcome of a run, before it is written. */
interface Outcome {
  readonly id: string
  readonly status: RoutineRunStatus
  readonly issueId: string | null
  readonly why: SkipReason | null
  readonly failureReason: string | null
  readonly intoRunId: string | null
  readonly fingerprint: string | null
}

const nothing = { issueId: null, why: null, failureReason: null, intoRunId: null, fingerprint: null } as const

/**
 * (tx) Records a run with its outcome, at the routine and at its trigger too. Expects the routine's row lock.
 * @returns the run and its event
 */
async function recordRun(tx: Tx, routine: RoutineRow, cause: Cause, outcome: Outcome): Promise<Fired> {
  const { source, triggerId, dueAt, payload, idempotencyKey, replayKey } = cause
  const { id, status, issueId, why, failureReason, intoRunId, fingerprint } = outcome
  const run = exactlyOne(
    await tx.run(insertRun, {
      id,
      companyId: routine.companyId,
      routineId: routine.id,
      triggerId,
      source,
      status,
      dueAt,
      idempotencyKey,
      replayKey,
      failureReason,
      triggerPayload: payload === null || payload === undefined ? null : JSON.stringify(payload),
      linkedIssueId: issueId,
      coalescedIntoRunId: intoRunId,
      dispatchFingerprint: fingerprint,
    }),
  )
  await tx.run(markRoutine, { routineId: routine.id, created: status === 'issue_created' })
  if (triggerId !== null) await tx.run(markTrigger, { triggerId, result: failureReason ?? status })
  const details = { routineId: routine.id, triggerId, source, status, dueAt, issueId, why, failureReason }
  return { run, events: [runTriggered(id, details, { agentId: routine.assigneeAgentId })] }
}

/** (tx) Records a due time that makes no issue. Expects the routine's row lock. */
export const recordSkip = (tx: Tx, routine: RoutineRow, cause: Cause, why: SkipReason): Promise<Fired> =>
  recordRun(tx, routine, cause, { ...nothing, id: randomUUID(), status: 'skipped', why, failureReason: skipSentences[why] })

/** (tx) Records a run that could not make its issue. Expects the routine's row lock. */
export const recordFailure = (tx: Tx, routine: RoutineRow, cause: Cause, failureReason: string): Promise<Fired> =>
  recordRun(tx, routine, cause, { ...nothing, id: randomUUID(), status: 'failed', failureReason })

/**
 * (tx) Runs a routine: makes its issue and wakes the assignee, or joins the open issue of an earlier run, or skips, as the facts and
 * its policy say. Expects the locks of `lockRoutine`.
 * @throws Refusal `unprocessable` for values of variables; `conflict` for a webhook while nothing of the routine runs; those of `insertIssue`
 */
export async function fire(tx: Tx, ctx: Ctx, { companyStatus, routine }: LockedRoutine, cause: Cause): Promise<Fired> {
  const { companyId, id: routineId, projectId, assigneeAgentId: agentId, parentIssueId } = routine
  const row = exactlyOne(await tx.run(selectFacts, { companyId, routineId, projectId, agentId, parentIssueId }))
  const { activeIssueId: issueId, activeRunId } = row
  const active = issueId === null || activeRunId === null ? null : { issueId, runId: activeRunId }
  const decision = decideDispatch({ ...row, companyStatus, active }, routine.concurrencyPolicy)
  const id = randomUUID()
  if (decision.kind === 'skip') {
    const failureReason = skipSentences[decision.why]
    // A webhook is called by a program that knows nothing of this company, as often as it likes: it learns that nothing runs, and leaves no row.
    if (cause.source === 'webhook' && decision.issueId === null)
      refuse('conflict', { message: failureReason, details: { why: decision.why } })
    return await recordRun(tx, routine, cause, {
      ...nothing,
      id,
      status: 'skipped',
      issueId: decision.issueId,
      why: decision.why,
      failureReason,
    })
  }
  if (decision.kind === 'coalesce')
    return await recordRun(tx, routine, cause, {
      ...nothing,
      id,
      status: 'coalesced',
      issueId: decision.issueId,
      intoRunId: decision.intoRunId,
    })
  const texts = textsOf(routine, resolveVariables(routine.variables, cause.variables))
  const created = await createIssue(tx, ctx, routine, { runId: id, texts, parentId: row.hasParent ? parentIssueId : null })
  const fingerprint = fingerprintOf(routine, texts)
  const fired = await recordRun(tx, routine, cause, { ...nothing, id, status: 'issue_created', issueId: created.id, fingerprint })
  return { run: fired.run, events: [...fired.events, ...created.events] }
}

interface IssueToCreate {
  readonly runId: string
  readonly texts: { readonly title: string; readonly description: string | null }
  readonly parentId: string | null
}

async function createIssue(
  tx: Tx,
  ctx: Ctx,
  routine: RoutineRow,
  { runId, texts, parentId }: IssueToCreate,
): Promise<{ id: string; events: DomainEvent[] }> {
  const { companyId, id: routineId, assigneeAgentId, priority, projectId, goalId } = routine
  const [number] = await issueNumbersInside(tx, companyId, 1)
  const input = {
    ...texts,
    status: 'todo' as const,
    priority,
    projectId,
    goalId,
    parentId,
    assigneeAgentId,
    origin: { kind: ROUTINE_ORIGIN, id: routineId, runId },
  }
  const { id, events } = await insertIssue(tx, ctx, input, exactlyOne(number === undefined ? [] : [number]))
  // An agent that assigns an issue to itself is not woken by it, but a routine is there to wake.
  const { actor } = ctx
  if (actor.kind !== 'agent' || actor.agentId !== assigneeAgentId) return { id, events }
  const woken = await enqueueWake(tx, ctx, { agentId: actor.agentId, issueId: id, source: 'assignment', reason: 'issue_assigned' })
  return { id, events: [...events, ...woken] }
}
