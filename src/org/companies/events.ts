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
const deletedCompany = z.object({
  name: z.string(),
  issuePrefix: z.string(),
  agents: z.number(),
  issues: z.number(),
  runs: z.number(),
})
/** From here on no caller finds the company, and its agents have no credentials. Its rows are deleted next. */
export const companyDeletionBegun = event('company.deletion_begun', 'company', deletedCompany)
/** Nothing of the company is left but its audit rows. */
export const companyDeleted = event('company.deleted', 'company', deletedCompany)
