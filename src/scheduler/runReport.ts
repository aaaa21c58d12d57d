// How the exit of a supervised run is reported: as facts and result of its row, and as events of its log. Pure functions.
import type { AdapterOutcome, FinishedOutcome, LifecycleEvent } from '../adapters/index.ts'
import type { ExitFacts, RunEvent, RunResult } from '../engine/runs/index.ts'
import { truncate } from '../platform/kernel/text.ts'
import { SERVER_STOPPED } from './supervisedRun.ts'
import type { SupervisedRun } from './supervisedRun.ts'

/**
 * An adapter reports up to a megabyte of an agent's own error text. Lists of runs carry as much of it as an agent may send
 * when it finishes a run itself.
 */
const MAX_ERROR_LENGTH = 10_000

/** The notice in the log of the server and in the events of a run. */
export const NOT_ISOLATED =
  'THIS AGENT IS NOT ISOLATED: it was hired before this server isolated agents, and isolation lacks something that it needs'

/** The known facts of the exit of a run; `outcome` is null when the run never started. */
export const exitFactsOf = (outcome: AdapterOutcome | null, log: ExitFacts['log']): ExitFacts => ({
  exitCode: outcome?.pending === false ? outcome.exitCode : null,
  signal: outcome?.pending === false ? outcome.signal : null,
  log,
  stdoutExcerpt: outcome?.stdoutExcerpt ?? '',
  stderrExcerpt: outcome?.stderrExcerpt ?? '',
})

/** How a run ended; `finished` is null when it never started. */
export function resultOf({ stopRequest }: SupervisedRun, finished: FinishedOutcome | null): RunResult {
  const reported = {
    usageJson: finished?.usage === null || finished === null ? null : { ...finished.usage },
    resultJson: finished?.result ?? null,
  }
  // A run that ended by itself before the shutdown could stop it keeps its own outcome.
  if (stopRequest?.cause === 'server_stopped' && (finished === null || finished.status === 'cancelled'))
    return { status: 'cancelled', error: SERVER_STOPPED, errorCode: 'server_stopped', retryable: true, costsNothing: true, ...reported }
  if (finished === null) return { status: 'failed', error: 'The run could not be started', errorCode: 'start_failed' }
  const error = finished.error === null ? null : truncate(finished.error, MAX_ERROR_LENGTH)
  // One run never starts its agent twice, so the retry is a new run, which starts without the unknown session.
  const retryable = finished.errorCode === 'adapter_session_unknown'
  return { status: finished.status, error, errorCode: finished.errorCode, retryable, ...reported }
}

/**
 * The session that the next run of the task resumes. A run that did not succeed never exchanges the session that it resumed for
 * another one, nor loses it, unless its adapter found that the agent cannot continue it.
 */
export function sessionAfter(before: string | null, finished: FinishedOutcome | null): string | null {
  if (finished === null) return before
  if (finished.status === 'succeeded') return finished.sessionIdAfter
  if (finished.errorCode === 'adapter_session_unknown') return null
  return before ?? (finished.status === 'cancelled' ? null : finished.sessionIdAfter)
}

/**
 * The last event of a run.
 * @param isOurs whether this supervisor's result was written; otherwise another request had ended the run
 * @param stopReason why the supervisor was asked to stop the run, if it was
 */
export const finishEvent = (result: RunResult, isOurs: boolean, stopReason: string | undefined): RunEvent =>
  isOurs
    ? {
        eventType: 'lifecycle',
        level: result.status === 'succeeded' ? 'info' : 'error',
        message: `run ${result.status}`,
        payload: { status: result.status, errorCode: result.errorCode ?? null },
      }
    : { eventType: 'lifecycle', level: 'warn', message: `the run had already been ended: ${stopReason ?? 'by another request'}` }

/** An event of an adapter as an event of the run's log. */
export function runEventOf(event: LifecycleEvent, adapterType: string): RunEvent {
  switch (event.kind) {
    case 'invoked':
      return { eventType: 'adapter.invoke', level: 'info', message: 'adapter invocation', payload: { adapterType, ...event.details } }
    case 'isolation_tried':
      return event.problems.length === 0
        ? { eventType: 'lifecycle', level: 'info', message: 'the agent runs isolated from now on' }
        : { eventType: 'lifecycle', level: 'warn', message: NOT_ISOLATED, payload: { problems: event.problems } }
    case 'started':
      return { eventType: 'lifecycle', level: 'info', message: 'process started', payload: { pid: event.process.pid } }
    case 'signalled':
      return { eventType: 'lifecycle', level: 'warn', message: `${event.signal} sent`, payload: { signal: event.signal, why: event.why } }
    case 'output_capped':
      return { eventType: 'lifecycle', level: 'warn', message: 'output capped', payload: { limitBytes: event.limitBytes } }
    case 'exited':
      return {
        eventType: 'lifecycle',
        level: 'info',
        message: 'process exited',
        payload: { exitCode: event.exitCode, signal: event.signal },
      }
  }
}
