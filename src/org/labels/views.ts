import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'

export const labelView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  name: z.string(),
  color: z.string(),
  createdAt: instant,
  updatedAt: instant,
})

export const createLabelBody = z.object({
  name: z.string().trim().min(1).max(48).refine(isVisible, NOTHING_VISIBLE),
  color: z.string().regex(/^#[0-9a-fA-F]{6}$/),
})
export type CreateLabel = z.output<typeof createLabelBody>
