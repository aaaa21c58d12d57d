import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** The summary of an import. Each created row has an audit row of its own in addition to this one. */
export const companyImported = event(
  'company.imported',
  'company',
  z.object({
    companyAction: z.enum(['created', 'updated', 'unchanged']),
    importMode: z.enum(['board', 'agent_safe']),
    collisionStrategy: z.string(),
    agents: z.number(),
    projects: z.number(),
    issues: z.number(),
    warnings: z.number(),
  }),
)
