import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'

export const streamQuery = z.object({
  /** The position to begin after when there is no `Last-Event-ID`: the id of an event, or `0` for every event. */
  after: z.string().max(1000).optional(),
  /** `false` ends the response when every readable event has been sent. */
  follow: z.enum(['true', 'false']).default('true'),
})

const activity = z.strictObject({
  id: z.uuid(),
  seq: z.int(),
  actorType: z.enum(['agent', 'user', 'system']),
  actorId: z.string(),
  action: z.string(),
  entityType: z.string(),
  entityId: z.string(),
  agentId: z.uuid().nullable(),
  runId: z.uuid().nullable(),
  details: z.record(z.string(), z.unknown()).nullable(),
})

const runEvent = z.strictObject({
  id: z.int(),
  runId: z.uuid(),
  agentId: z.uuid(),
  seq: z.int(),
  eventType: z.string(),
  stream: z.enum(['system', 'stdout', 'stderr']).nullable(),
  level: z.enum(['info', 'warn', 'error']).nullable(),
  color: z.string().nullable(),
  message: z.string().nullable(),
  payload: z.record(z.string(), z.unknown()).nullable(),
})

/** The JSON after `data:` of an event. */
export const eventView = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('activity.logged'), companyId: z.uuid(), createdAt: instant, payload: activity }),
  z.strictObject({ type: z.literal('heartbeat.run.event'), companyId: z.uuid(), createdAt: instant, payload: runEvent }),
  z.strictObject({ type: z.literal('resync'), companyId: z.uuid() }),
])
