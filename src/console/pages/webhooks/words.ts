// The state of webhooks and of their deliveries, in words. Pure.

import type { Webhook, WebhookDelivery } from '../../api/types.ts'
import { counted } from '../../parts/counted.ts'
import type { Tone } from '../../parts/Status.tsx'

/** A state as a sign, a word and a sentence. */
export interface State {
  readonly words: string
  readonly tone: Tone
  readonly why: string | null
}

const stops: Readonly<Record<NonNullable<Webhook['stoppedReason']>, string>> = {
  retries_exhausted: 'One event was refused for a day. Nothing was skipped: it waits, and all events after it.',
  log_not_kept: 'Events of runs that were still to be delivered are older than the server keeps them.',
  gone: 'The receiver answered that it is gone (410).',
  board: 'A person has disabled it.',
}

type Facts = Pick<Webhook, 'status' | 'stoppedReason' | 'consecutiveFailures' | 'lastError'>

/** The state of a webhook: parked, failing, disabled, or delivering. */
export function stateOf({ status, stoppedReason, consecutiveFailures, lastError }: Facts): State {
  const why = stoppedReason === null ? null : stops[stoppedReason]
  if (status === 'parked') return { words: 'parked', tone: 'bad', why }
  if (status === 'disabled') return { words: 'disabled', tone: stoppedReason === 'gone' ? 'bad' : 'quiet', why }
  if (consecutiveFailures === 0) return { words: 'delivers', tone: 'good', why: null }
  const failures = `${counted(consecutiveFailures, 'attempt')} at one event failed, and later events wait behind it`
  return { words: 'failing', tone: 'warn', why: lastError === null ? failures : `${failures}: ${lastError}` }
}

/** The order of the list: what needs a person comes first. */
const rankOf = (webhook: Facts): number => {
  const { tone } = stateOf(webhook)
  return tone === 'bad' ? 0 : tone === 'warn' ? 1 : tone === 'good' ? 2 : 3
}

/** Webhooks with those first that need a person. */
export const inOrder = (webhooks: readonly Webhook[]): Webhook[] =>
  webhooks.toSorted((one, other) => rankOf(one) - rankOf(other) || Date.parse(one.createdAt) - Date.parse(other.createdAt))

const errors: Readonly<Record<NonNullable<WebhookDelivery['errorCode']>, string>> = {
  status: 'refused',
  timeout: 'no answer in time',
  connection_failed: 'no connection',
  address_refused: 'address not allowed',
  secret_unavailable: 'secret not readable here',
  cancelled: 'broken off',
}

/** The outcome of an attempt: "200", "503, refused", "no connection". */
export function outcomeOf({ status, errorCode }: Pick<WebhookDelivery, 'status' | 'errorCode'>): Pick<State, 'words' | 'tone'> {
  const words = [...(status === null ? [] : [String(status)]), ...(errorCode === null ? [] : [errors[errorCode]])].join(', ')
  return { words, tone: errorCode === null ? 'good' : 'bad' }
}

/** Patterns of events as they are typed, one in each line. */
export const patternsText = (events: readonly string[]): string => events.join('\n')
export const patternsIn = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== '')
