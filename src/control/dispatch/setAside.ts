import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, noneWaitedFor } from '../../engine/holds/index.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import { deferWake, promoteWakeIfFree, skipWake } from '../../engine/wakes/index.ts'
import type { CloseReason } from '../../engine/wakes/index.ts'

// How a queued run is closed that does not start: its wake waits for a new run, or is closed too.

/** A queued run under its row lock, and the issue it was queued for. */
interface QueuedRun {
  readonly run: RunFact
  readonly issueId: string | null
}

/**
 * A wake may lose its issue to other runs this often before it is closed. Each loss means that another run worked on
 * the issue after the wake was queued, so a wake with this many losses is about a state that no longer exists.
 */
const MAX_ATTEMPTS = 50

const attemptsOf = statement<{ runId: string; agentId: string }, { attempts: number }>('claim_tries').read(sql`
  select count(*)::int as attempts from ${wakes} w join ${runs} r on r.agent_id = ${param('agentId')} and r.created_at >= w.created_at
    and r.wakeup_request_id = w.id where w.run_id = ${param('runId')}`)

/** (tx) Closes a run whose issue another run holds; its wake waits for a new run. Expects the locks of issue and run. */
export async function deferRun(tx: Tx, queued: QueuedRun, holderRunId: string): Promise<DomainEvent[]> {
  const { run, issueId } = queued
  const { attempts } = exactlyOne(await tx.run(attemptsOf, { runId: run.id, agentId: run.agentId }))
  if (attempts >= MAX_ATTEMPTS) return await skipRun(tx, queued, 'issue_busy')
  const deferred = await deferWake(tx, { runId: run.id, agentId: run.agentId, issueId: issueId ?? '' }, holderRunId)
  const ended = await cancelQueuedRun(tx, run, 'issue_held', 'Another run holds the issue; the wake waits for a new run')
  return [...deferred, ...ended]
}

const skipMessages: Readonly<Record<CloseReason, string>> = {
  company_not_active: 'The company is not active',
  agent_not_invokable: 'The agent is not invokable',
  not_assignee: 'The issue is not assigned to the agent',
  issue_closed: 'The issue is closed',
  issue_missing: 'The issue no longer exists',
  issue_blocked: 'The issue is blocked by other issues; the agent is woken when they are done',
  issue_busy: 'Other runs held the issue at every attempt to start',
  project_paused: 'The project is paused',
  lock_revoked: "An administrator revoked the run's hold on the issue",
}

/** (tx) Closes a run that has nothing left to do, and its wake with it. Expects the locks of issue and run. */
export async function skipRun(tx: Tx, { run, issueId }: QueuedRun, why: CloseReason): Promise<DomainEvent[]> {
  const skipped = await skipWake(tx, { runId: run.id, agentId: run.agentId, issueId: issueId ?? '' }, why)
  // The wake that waits behind this run is next. When the issue is held, its holder promotes that wake at its end.
  const promoted = issueId === null ? [] : await promoteWakeIfFree(tx, issueId)
  return [...skipped, ...promoted, ...(await cancelQueuedRun(tx, run, why, skipMessages[why]))]
}

// No issue's columns name a queued run, so its end frees no issue.
async function cancelQueuedRun(tx: Tx, run: RunFact, errorCode: string, error: string): Promise<readonly DomainEvent[]> {
  const { events } = await endRuns(tx, { issues: [], runs: [run], waitedForIds: noneWaitedFor, hasReservations: false }, [run.id], {
    status: 'cancelled',
    error,
    errorCode,
  })
  return events
}
