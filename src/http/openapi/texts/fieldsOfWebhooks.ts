const views = ['Webhook', 'WebhookWithSecret', 'CreateWebhookRequest', 'UpdateWebhookRequest']

/** The same text for a field of several views, where its name means something else in others. */
const inViews = (names: readonly string[], texts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(names.flatMap((view) => Object.entries(texts).map(([name, text]) => [`${view}.${name}`, text])))

/** Fields of webhooks and of their attempts. */
export const fieldsOfWebhooks: Readonly<Record<string, string>> = {
  ...inViews(views, {
    url: 'Where the events are sent',
    events: 'Names of events, beginnings of names followed by `.*`, or `*` for all; `heartbeat.run.event` is what runs say while they work',
    description: 'What it is for; null for nothing',
    status: '`active` delivers; `parked` waits for the board after a fault; `disabled` is ended by the board or by a 410',
  }),
  ...inViews(['Webhook', 'WebhookWithSecret'], {
    stoppedAt: 'When it was parked or disabled; null while it is active',
    cursor: 'The event up to which everything was delivered or does not match',
  }),
  stoppedReason: 'Why it was parked or disabled; null while it is active',
  consecutiveFailures: 'Failed attempts in a row at the event behind the cursor',
  failingSince: 'When the first of them was; null for none',
  'Webhook.nextAttemptAt': 'When the event is tried again; null when it does not wait',
  'WebhookWithSecret.nextAttemptAt': 'When the event is tried again; null when it does not wait',
  lastError: 'What the last attempt failed with; null when it did not',
  lastSuccessAt: 'When an event was delivered last; null for never',
  secretVersion: 'Counts the signing secrets that it had',
  previousSecretUntil: 'Until when the secret before signs as well; null for none',
  'WebhookWithSecret.secret': 'The signing secret; no other answer contains it',
  webhookId: 'The webhook',
  messageId: '`webhook-id` of the message: the same for each attempt at an event',
  'WebhookDelivery.event': 'The name of the event; `webhook.test` for a test message',
  'WebhookDelivery.cursor': 'The cursor of the event; null for a test message',
  'WebhookDelivery.attempt': 'The number of the attempt; the first is 1',
  'WebhookDelivery.status': 'The status of the answer; null when none came',
  'WebhookDelivery.errorCode': 'Why the message was not delivered; null when it was',
  'WebhookDelivery.error': 'The same in words; null when it was delivered',
  durationMs: 'How long the attempt took, in milliseconds',
  'WebhookDelivery.answer': 'The first kilobyte of the answer, without what looks like a secret; null when none came',
  'ReplayWebhookRequest.after': 'The cursor behind which delivery begins; without it that of the webhook',
  overlapSec: 'How long the secret before signs as well, in seconds; 0 ends it at once',
}
