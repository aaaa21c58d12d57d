import { z } from 'zod'
import { runEventView } from '../../engine/runs/index.ts'
import { activityView } from '../activity/index.ts'
import { instant } from '../../platform/kernel/time.ts'

export const streamQuery = z.object({
  /** The position to begin after when there is no `Last-Event-ID`: the id of an event, or `0` for every event. */
  after: z.string().max(1000).optional(),
  /** `false` ends the response when every readable event has been sent. */
  follow: z.enum(['true', 'false']).default('true'),
})

/** An audit row without the fields that the event around it has. */
const activity = activityView.omit({ companyId: true, createdAt: true })

/** A run event without the fields that the event around it has. */
const runEvent = runEventView.omit({ companyId: true, createdAt: true })

/** The JSON after `data:` of an event. */
export const eventView = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('activity.logged'), companyId: z.uuid(), createdAt: instant, payload: activity }),
  z.strictObject({ type: z.literal('heartbeat.run.event'), companyId: z.uuid(), createdAt: instant, payload: runEvent }),
  z.strictObject({ type: z.literal('resync'), companyId: z.uuid() }),
])
