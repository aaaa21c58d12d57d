import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

export const companyCreated = event('company.created', 'company', z.object({ name: z.string(), issuePrefix: z.string() }))
export const companyUpdated = event(
  'company.updated',
  'company',
  z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)
export const companyBranded = event(
  'company.branding_updated',
  'company',
  z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)
export const companyArchived = event(
  'company.archived',
  'company',
  z.object({ previousStatus: z.string(), endedRunIds: z.array(z.string()), reason: z.string().optional() }),
)
export const companyDeleted = event(
  'company.deleted',
  'company',
  z.object({
    name: z.string(),
    issuePrefix: z.string(),
    agents: z.number(),
    issues: z.number(),
    runs: z.number(),
  }),
)
