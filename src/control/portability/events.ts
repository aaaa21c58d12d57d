import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** What a package brought in; everything it created has a row of its own beside this one. */
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
