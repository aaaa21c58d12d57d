import { z } from 'zod'
import { flag } from '../../http/query.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant, sentInstantOrDay } from '../../platform/kernel/time.ts'

export const activityView = z.strictObject({
  id: z.uuid(),
  seq: z.int(),
  companyId: z.uuid(),
  actorType: z.enum(['agent', 'user', 'system']),
  actorId: z.string(),
  action: z.string(),
  entityType: z.string(),
  entityId: z.string(),
  agentId: z.uuid().nullable(),
  runId: z.uuid().nullable(),
  details: z.record(z.string(), z.unknown()).nullable(),
  createdAt: instant,
})

/** Maximum number of action names in one filter; about three times as many exist. */
const MAX_ACTIONS = 30

/** `?action=issue.created,issue.updated`. */
const actions = z
  .string()
  .max(2000)
  .transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .pipe(z.array(z.string().max(100)).max(MAX_ACTIONS))

export const activityQuery = z.object({
  agentId: z.uuid().optional(),
  runId: z.uuid().optional(),
  entityType: z.string().max(50).optional(),
  entityId: z.string().max(200).optional(),
  action: actions.optional(),
  interventions: flag.optional(),
  since: sentInstantOrDay.optional(),
  until: sentInstantOrDay.optional(),
  ...pageQuery,
})
