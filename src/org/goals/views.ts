import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'

const goalLevels = ['company', 'team', 'agent', 'task'] as const
const goalStatuses = ['planned', 'active', 'achieved', 'cancelled'] as const

const id = z.uuid().transform((value) => value.toLowerCase())

export const goalView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  title: z.string(),
  description: z.string().nullable(),
  level: z.enum(goalLevels),
  status: z.enum(goalStatuses),
  parentId: z.uuid().nullable(),
  ownerAgentId: z.uuid().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

const commonFields = {
  title: z.string().trim().min(1).max(500),
  description: z.string().max(100_000).nullish(),
  parentId: id.nullish(),
  ownerAgentId: id.nullish(),
}

export const createGoalBody = z.object({
  ...commonFields,
  level: z.enum(goalLevels).default('task'),
  status: z.enum(goalStatuses).default('planned'),
})
export type CreateGoal = z.output<typeof createGoalBody>

export const patchGoalBody = z.object({
  ...commonFields,
  title: commonFields.title.optional(),
  level: z.enum(goalLevels).optional(),
  status: z.enum(goalStatuses).optional(),
})
export type PatchGoal = z.output<typeof patchGoalBody>
