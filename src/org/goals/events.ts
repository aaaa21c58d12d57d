import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

export const goalCreated = event(
  'goal.created',
  'goal',
  z.object({
    title: z.string(),
    level: z.string(),
    status: z.string(),
    parentId: z.string().nullable(),
    ownerAgentId: z.string().nullable(),
  }),
)

/** Carries the changed fields with their new values, and the old values under `_previous`. */
export const goalUpdated = event(
  'goal.updated',
  'goal',
  z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)

export const goalDeleted = event(
  'goal.deleted',
  'goal',
  z.object({ title: z.string(), level: z.string(), status: z.string(), issues: z.number(), projects: z.number(), children: z.number() }),
)
