import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofCompany = '/api/companies/:companyId/webhooks'
const ofOne = '/api/webhooks/:id'

/** Endpoints to which events are sent. */
export const webhooks: OperationTexts = {
  [`GET ${ofCompany}`]: op(
    'listWebhooks',
    'The oldest first. No answer but that of the creation and of a rotation has the secret.',
    'Webhook',
  ),
  [`POST ${ofCompany}`]: op(
    'createWebhook',
    'It gets every event that commits from now on and matches. The answer shows the signing secret, which no other answer does. The URL has https and a public address, unless the operator lists it.',
    'WebhookWithSecret',
  ),
  [`GET ${ofOne}`]: op('getWebhook', 'The cursor is the event up to which everything was delivered.', 'Webhook'),
  [`PATCH ${ofOne}`]: op(
    'updateWebhook',
    'What was not delivered yet is sent as the change says, at once. `disabled` keeps the cursor, and `active` goes on behind it.',
    'Webhook',
  ),
  [`DELETE ${ofOne}`]: op('deleteWebhook', 'From this on nothing is sent to it. Its attempts are deleted with it.', 'Webhook'),
  [`GET ${ofOne}/deliveries`]: op(
    'listWebhookDeliveries',
    'Attempts of the last 30 days, and at most 10,000. Attempts at one event have the same `messageId`.',
    'WebhookDelivery',
  ),
  [`POST ${ofOne}/replay`]: op(
    'replayWebhook',
    'It goes on behind its own cursor, or behind the one that is given, also when it was parked or disabled. Each message has the same id as before. The cursor of an event that is always refused skips that event.',
    'Webhook',
  ),
  [`POST ${ofOne}/test`]: op(
    'testWebhook',
    'Sends a signed message of the type `webhook.test` and answers what came of it, after 15 seconds at most. A failure is no error of this request, and the cursor does not move.',
    'WebhookDelivery',
  ),
  [`POST ${ofOne}/rotate-secret`]: op(
    'rotateWebhookSecret',
    'The answer shows the new secret. The one before signs as well for `overlapSec`; 0 ends it at once.',
    'WebhookWithSecret',
  ),
}
