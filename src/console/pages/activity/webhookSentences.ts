// Sentences about webhooks. A URL is named by its host alone: its path is often a secret of the receiver.

import { by, codeIn, count, enumerated, fieldWords, listIn, numberIn, passive, quoted, say, textIn } from './sentenceParts.ts'
import type { SentenceMaker, SentenceRow } from './sentenceParts.ts'

function changed(row: SentenceRow): ReturnType<SentenceMaker> {
  const [status, before] = [textIn(row, 'status'), textIn(row, 'previousStatus')]
  if (status !== before && status !== null) return say`made the webhook to ${quoted(row, 'origin')} ${codeIn(row, 'status')}`
  return say`changed the ${enumerated(listIn(row, 'changedKeys').map(fieldWords)) || 'fields'} of the webhook to ${quoted(row, 'origin')}`
}

const stopped: Readonly<Record<string, string>> = {
  retries_exhausted: 'because an event was refused for a day',
  log_not_kept: 'because events that it waited for are not kept any more',
  gone: 'because the receiver answered that it is gone',
}

const why = (row: SentenceRow): string => stopped[textIn(row, 'reason') ?? ''] ?? `(${codeIn(row, 'reason')})`

const answer = (row: SentenceRow): string => {
  const status = numberIn(row, 'status')
  return status === 0 ? codeIn(row, 'errorCode') : `answered with ${status}`
}

/** By action. */
export const webhookSentences: Readonly<Record<string, SentenceMaker>> = {
  'webhook.created': by((row) => say`sends events to ${quoted(row, 'origin')} by a webhook`),
  'webhook.deleted': by((row) => say`deleted the webhook to ${quoted(row, 'origin')}`),
  'webhook.disabled': passive((row) => say`The webhook to ${quoted(row, 'origin')} was disabled ${why(row)}`),
  'webhook.parked': passive(
    (row) =>
      say`The webhook to ${quoted(row, 'origin')} was parked after ${count(numberIn(row, 'consecutiveFailures'), 'attempt')} ${why(row)}`,
  ),
  'webhook.replayed': by((row) =>
    textIn(row, 'cursor') === textIn(row, 'previousCursor')
      ? say`resumed a webhook`
      : say`let a webhook deliver again from an earlier event`,
  ),
  'webhook.secret_rotated': by((row) => {
    const isOver = textIn(row, 'previousUntil') === null
    return say`gave a webhook another signing secret${isOver ? ', and took the old one out of force' : ''}`
  }),
  'webhook.tested': by((row) => say`sent a test to the webhook to ${quoted(row, 'origin')} (${answer(row)})`),
  'webhook.updated': by(changed),
}
