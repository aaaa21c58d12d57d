import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const storedSkill = z.object({
  skillId: z.string(),
  slug: z.string(),
  /** Names exactly the texts that were stored. */
  contentHash: z.string(),
  action: z.enum(['created', 'updated', 'unchanged']),
})

/** The details name no source: a folder of the host may say what agents should not know. */
export const skillsImported = event(
  'company.skills_imported',
  'company',
  z.object({ skills: z.array(storedSkill), warnings: z.number(), approvalId: z.string().nullable() }),
)
export const skillsScanned = event(
  'company.skills_scanned',
  'company',
  z.object({ scannedWorkspaces: z.number(), discovered: z.number(), skills: z.array(storedSkill), warnings: z.number() }),
)
export const skillUpdateInstalled = event(
  'company.skill_update_installed',
  'skill',
  z.object({ slug: z.string(), contentHash: z.string(), previousHash: z.string() }),
)
export const skillDeleted = event('company.skill_deleted', 'skill', z.object({ slug: z.string(), contentHash: z.string() }))
