// Routines, their triggers and their runs, in words. Pure.

import type { Routine, RoutineItem, RoutineRun, RoutineTrigger } from '../../api/types.ts'
import type { Tone } from '../../parts/Status.tsx'
import { exactTime } from '../../parts/time.ts'

const pauseWords: Readonly<Record<NonNullable<Routine['pauseReason']>, string>> = {
  board: 'by a person',
  agent: 'by its agent',
  pause_all: 'with all routines',
  agent_ended: 'its agent was ended',
  project_deleted: 'its project was deleted',
}

export const statusTones: Readonly<Record<Routine['status'], Tone>> = { active: 'good', paused: 'warn', archived: 'quiet' }

/** "paused with all routines" */
export function statusWords({ status, pauseReason }: Pick<Routine, 'status' | 'pauseReason'>): string {
  if (pauseReason === null) return status
  const why = pauseWords[pauseReason]
  return `${status}${why.startsWith('its') ? ': ' : ' '}${why}`
}

export const concurrencyWords: Readonly<Record<Routine['concurrencyPolicy'], string>> = {
  coalesce_if_active: 'Join the open issue',
  always_enqueue: 'Make another issue',
  skip_if_active: 'Leave this time out',
}

export const catchUpWords: Readonly<Record<Routine['catchUpPolicy'], string>> = {
  skip_missed: 'Leave them out',
  enqueue_missed_with_cap: 'Make up for the latest of them, up to a limit',
}

export const kindWords: Readonly<Record<RoutineTrigger['kind'], string>> = { schedule: 'Schedule', webhook: 'Webhook', api: 'API' }

export const signingWords: Readonly<Record<NonNullable<RoutineTrigger['signingMode']>, string>> = {
  bearer: 'The secret as a bearer token',
  hmac_sha256: 'A signature with the secret (HMAC SHA-256)',
}

interface RunWords {
  readonly words: string
  readonly tone: Tone
}

export const runWords: Readonly<Record<RoutineRun['status'], RunWords>> = {
  received: { words: 'begins', tone: 'busy' },
  issue_created: { words: 'issue open', tone: 'busy' },
  coalesced: { words: 'joined the open issue', tone: 'quiet' },
  skipped: { words: 'left out', tone: 'warn' },
  completed: { words: 'done', tone: 'good' },
  failed: { words: 'failed', tone: 'bad' },
}

export const sourceWords: Readonly<Record<RoutineRun['source'], string>> = {
  schedule: 'by its schedule',
  manual: 'by hand',
  api: 'by the API',
  webhook: 'by a webhook',
}

/** The earliest time at which one of the triggers is due; null for none. */
export function nextTimeOf({ triggers }: Pick<RoutineItem, 'triggers'>): string | null {
  const times = triggers.flatMap(({ nextRunAt }) => (nextRunAt === null ? [] : [nextRunAt]))
  return times.toSorted((one, other) => Date.parse(one) - Date.parse(other))[0] ?? null
}

/** Triggers as a table has them: "0 9 * * 1 (Europe/Berlin), webhook". */
export const triggersWords = (triggers: readonly RoutineTrigger[]): string =>
  triggers
    .map(({ kind, cronExpression, timezone, enabled }) => {
      const words = kind === 'schedule' ? `${cronExpression} (${timezone})` : kindWords[kind]
      return enabled ? words : `${words}, off`
    })
    .join('; ')

/** An instant as the clock of a zone shows it, with the day of the week. A zone that the browser does not know is the reader's own. */
export function timeInZone(instant: string, zone: string | null): string {
  const at = Date.parse(instant)
  try {
    const format = new Intl.DateTimeFormat(undefined, {
      weekday: 'short',
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      timeZoneName: 'short',
      timeZone: zone ?? 'UTC',
    })
    return format.format(at)
  } catch {
    return exactTime(at)
  }
}

/** Where a webhook is called. */
export const webhookUrlOf = (publicId: string, origin: string): string =>
  `${origin}/api/routine-triggers/public/${encodeURIComponent(publicId)}/fire`
