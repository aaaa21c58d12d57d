import { z } from 'zod'
import { instant } from '../kernel/time.ts'

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
