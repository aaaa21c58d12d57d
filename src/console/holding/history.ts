// The history of the hold of one issue, from its audit rows: as sentences, and as spans of time.

import type { HoldDetail } from '../api/types.ts'

export type HoldEvent = HoldDetail['history'][number]

/** How a hold began or ended. */
export type HoldChange = 'taken' | 'adopted' | 'ended' | 'released' | 'forced'

const changes: Readonly<Record<string, HoldChange>> = {
  'issue.checked_out': 'taken',
  'issue.checkout_lock_adopted': 'adopted',
  'issue.lock_cleared': 'ended',
  'issue.released': 'released',
  'issue.admin_force_release': 'forced',
}

/** Why the server cleared a hold by itself. */
const clearedBecause: Readonly<Record<string, string>> = {
  run_finished: 'its run ended',
  dead_holder: 'its holder was dead',
  moved: 'the status of the issue changed',
  reassigned: 'the issue got another assignee',
  assignee_deleted: 'its assignee was deleted',
}

export const changeOf = ({ action }: HoldEvent): HoldChange => changes[action] ?? 'ended'

/** The name of an event as words: `issue.comment_added` is "comment added". */
export const actWords = (action: string): string => action.slice(action.lastIndexOf('.') + 1).replaceAll('_', ' ')

const textIn = (details: HoldEvent['details'], name: string): string | null => {
  const value = details[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const listIn = (details: HoldEvent['details'], name: string): readonly unknown[] => {
  const value = details[name]
  return Array.isArray(value) ? value : []
}

/** The run that an event is about: the one that took the issue, or the one that lost it. */
export function runOf({ action, details, runId }: HoldEvent): string | null {
  if (action === 'issue.checkout_lock_adopted') return textIn(details, 'checkoutRunId') ?? runId
  if (action === 'issue.checked_out' || action === 'issue.lock_cleared') return textIn(details, 'runId') ?? runId
  const previous = ['previousExecutionRunId', 'previousCheckoutRunId', 'prevExecutionRunId', 'prevCheckoutRunId']
  return previous.map((name) => textIn(details, name)).find((id) => id !== null) ?? runId
}

/** The reason of a change, as a person or the server gave it. */
export function reasonOf(event: HoldEvent): string | null {
  const { details, action } = event
  if (action === 'issue.admin_force_release') return textIn(details, 'reason')
  if (action === 'issue.lock_cleared') return clearedBecause[textIn(details, 'why') ?? ''] ?? textIn(details, 'why')
  if (action !== 'issue.checkout_lock_adopted') return null
  return details['reason'] === 'stale_run' ? 'the run before it was dead' : 'the hold had no run'
}

/** The other effects of a change. */
export function effectsOf({ details }: HoldEvent): readonly string[] {
  const cancelled = listIn(details, 'cancelledRunIds').length
  return [
    ...(details['evicted'] === true || listIn(details, 'evictedRunIds').length > 0 ? ['its run was evicted'] : []),
    ...(cancelled > 0 ? [cancelled === 1 ? 'its run was cancelled' : `${cancelled} runs were cancelled`] : []),
    ...(details['clearAssignee'] === true ? ['the assignee was removed'] : []),
  ]
}

/** A time in which one run held the issue. */
export interface HoldSpan {
  readonly from: number
  readonly to: number
  readonly agentId: string | null
  readonly runId: string | null
  /** How it ended; null while it lasts. */
  readonly end: HoldChange | null
}

type OpenSpan = Pick<HoldSpan, 'from' | 'agentId' | 'runId'>

/** The hold that lasts, from the newest event that began one or from its row. */
function lastSpan({ holder, heldSince, checkoutRunId, executionRunId }: HoldDetail, open: OpenSpan | null): OpenSpan | null {
  if (checkoutRunId === null && executionRunId === null) return null
  if (open !== null) return open
  const from = heldSince ?? holder?.lastSeenAt ?? null
  return from === null ? null : { from: Date.parse(from), agentId: holder?.agentId ?? null, runId: holder?.runId ?? null }
}

/** The times in which the issue was held, oldest first. @param now the end of the one that lasts */
export function spansOf(hold: HoldDetail, now: number): HoldSpan[] {
  const spans: HoldSpan[] = []
  let open: OpenSpan | null = null
  for (const event of hold.history.toReversed()) {
    const at = Date.parse(event.at)
    const change = changeOf(event)
    if (open !== null) spans.push({ ...open, to: at, end: change })
    const begins = change === 'taken' || change === 'adopted'
    open = begins ? { from: at, agentId: event.agentId, runId: runOf(event) } : null
  }
  const last = lastSpan(hold, open)
  if (last !== null) spans.push({ ...last, to: Math.max(now, last.from), end: null })
  return spans
}
