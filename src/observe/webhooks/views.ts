import { z } from 'zod'
import { webhookStatus, webhookStops } from '../../model/webhookStatus.ts'
import { instant } from '../../platform/kernel/time.ts'
import { eventPattern } from './filters.ts'
import { deliveryErrors } from './deliveryErrors.ts'

/** Long enough for the addresses of receivers that carry a token. */
const MAX_URL = 2000
/** A list that is longer is better a pattern. */
const MAX_PATTERNS = 50
const MAX_PATTERN = 100
/** Between two deployments of a receiver. */
const DEFAULT_OVERLAP_S = 24 * 3600
const MAX_OVERLAP_S = 7 * 24 * 3600

export const webhookView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  url: z.string(),
  description: z.string().nullable(),
  events: z.array(z.string()),
  status: z.enum(webhookStatus.statuses),
  stoppedAt: instant.nullable(),
  stoppedReason: z.enum(webhookStops).nullable(),
  cursor: z.string(),
  consecutiveFailures: z.int(),
  failingSince: instant.nullable(),
  nextAttemptAt: instant.nullable(),
  lastError: z.string().nullable(),
  lastSuccessAt: instant.nullable(),
  secretVersion: z.int(),
  previousSecretUntil: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

/** With the signing secret, which is shown once. */
export const webhookWithSecretView = webhookView.extend({ secret: z.string() })

export const webhookDeliveryView = z.strictObject({
  id: z.int(),
  webhookId: z.uuid(),
  messageId: z.string(),
  event: z.string(),
  cursor: z.string().nullable(),
  attempt: z.int(),
  status: z.int().nullable(),
  errorCode: z.enum(deliveryErrors).nullable(),
  error: z.string().nullable(),
  durationMs: z.int(),
  answer: z.string().nullable(),
  createdAt: instant,
})

const url = z.string().trim().min(1).max(MAX_URL)
const events = z
  .array(z.string().max(MAX_PATTERN).regex(eventPattern, 'must be the name of an event, the beginning of names and .*, or *'))
  .min(1)
  .max(MAX_PATTERNS)
const description = z.string().max(500).nullish()

export const createWebhookBody = z.object({ url, events: events.default(['*']), description })
export type CreateWebhook = z.output<typeof createWebhookBody>

export const patchWebhookBody = z.object({
  url: url.optional(),
  events: events.optional(),
  description,
  /** `parked` is for the server. */
  status: z.enum(['active', 'disabled']).optional(),
})
export type PatchWebhook = z.output<typeof patchWebhookBody>

/** `after` is the cursor of an event of this company; without it delivery goes on where it stood. */
export const replayWebhookBody = z.object({ after: z.string().max(1000).optional() })

export const rotateSecretBody = z.object({ overlapSec: z.int().min(0).max(MAX_OVERLAP_S).default(DEFAULT_OVERLAP_S) })
