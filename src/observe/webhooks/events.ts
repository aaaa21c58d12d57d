import { z } from 'zod'
import { webhookStatus, webhookStops } from '../../model/webhookStatus.ts'
import { event } from '../../platform/kernel/event.ts'

// Agents read the record, and the path of a URL is often the secret of its receiver: `origin` is the part of it without path and query.

export const webhookCreated = event(
  'webhook.created',
  'webhook',
  z.object({ origin: z.string(), events: z.array(z.string()), description: z.string().nullable() }),
)

/** `changedKeys` names what was changed; `origin` is that of the new URL. */
export const webhookUpdated = event(
  'webhook.updated',
  'webhook',
  z.object({
    changedKeys: z.array(z.string()),
    origin: z.string(),
    previousOrigin: z.string(),
    events: z.array(z.string()),
    previousEvents: z.array(z.string()),
    status: z.enum(webhookStatus.statuses),
    previousStatus: z.enum(webhookStatus.statuses),
  }),
)

export const webhookDeleted = event('webhook.deleted', 'webhook', z.object({ origin: z.string(), cursor: z.string() }))

/** The secret before signs as well until `previousUntil`; null when it was revoked at once. */
export const webhookSecretRotated = event(
  'webhook.secret_rotated',
  'webhook',
  z.object({ version: z.number(), previousUntil: z.string().nullable() }),
)

/** Delivery goes on behind `cursor`; `previousCursor` is where it stood. */
export const webhookReplayed = event(
  'webhook.replayed',
  'webhook',
  z.object({ cursor: z.string(), previousCursor: z.string(), previousStatus: z.enum(webhookStatus.statuses) }),
)

export const webhookTested = event(
  'webhook.tested',
  'webhook',
  z.object({ origin: z.string(), status: z.number().nullable(), errorCode: z.string().nullable() }),
)

const stop = z.object({ reason: z.enum(webhookStops), origin: z.string(), cursor: z.string(), consecutiveFailures: z.number() })

/** The server has given up on an endpoint: nothing is sent until the board resumes it, and nothing is skipped. */
export const webhookParked = event('webhook.parked', 'webhook', stop)

/** The receiver has answered 410. */
export const webhookDisabled = event('webhook.disabled', 'webhook', stop)
