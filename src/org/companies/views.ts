import { z } from 'zod'
import { reasonBody } from '../../http/reasonBody.ts'
import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { instant } from '../../platform/kernel/time.ts'
import { companyStatus } from '../../model/companyStatus.ts'

const INT_MAX = 2_147_483_647
const cents = z.int().min(0).max(INT_MAX)

export const companyView = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  status: z.enum(companyStatus.statuses),
  issuePrefix: z.string(),
  issueCounter: z.int(),
  budgetMonthlyCents: z.int(),
  spentMonthlyCents: z.int(),
  requireBoardApprovalForNewAgents: z.boolean(),
  feedbackDataSharingEnabled: z.boolean(),
  feedbackDataSharingConsentAt: instant.nullable(),
  feedbackDataSharingConsentByUserId: z.string().nullable(),
  feedbackDataSharingTermsVersion: z.string().nullable(),
  brandColor: z.string().nullable(),
  logoAssetId: z.uuid().nullable(),
  pauseReason: z.string().nullable(),
  pausedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
  logoUrl: z.string().nullable(),
})

const name = z.string().trim().min(1).max(200).refine(isVisible, NOTHING_VISIBLE)
const description = z.string().max(20_000).nullish()
const brandColor = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/)
  .nullish()

const logoAssetId = z
  .uuid()
  .transform((value) => value.toLowerCase())
  .nullish()

export const createCompanyBody = z.object({ name, description, budgetMonthlyCents: cents.default(0) })
export type CreateCompany = z.output<typeof createCompanyBody>

export const patchCompanyBody = z.object({
  name: name.optional(),
  description,
  status: z.enum(companyStatus.statuses).optional(),
  budgetMonthlyCents: cents.optional(),
  spentMonthlyCents: cents.optional(),
  requireBoardApprovalForNewAgents: z.boolean().optional(),
  feedbackDataSharingEnabled: z.boolean().optional(),
  feedbackDataSharingTermsVersion: z.string().max(100).nullish(),
  brandColor,
  logoAssetId,
  ...reasonBody.shape,
})
export type PatchCompany = Omit<z.output<typeof patchCompanyBody>, 'reason'>

export const brandingBody = z
  .strictObject({ name: name.optional(), description, brandColor, logoAssetId })
  .refine((value) => Object.values(value).some((field) => field !== undefined), 'At least one field is needed')
export type Branding = z.output<typeof brandingBody>

/** By company id. A company with neither agents nor issues is left out. */
export const statsView = z.record(z.uuid(), z.strictObject({ agentCount: z.int(), issueCount: z.int() }))
