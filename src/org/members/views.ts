import { z } from 'zod'
import { grantKeys, memberRoles } from '../../platform/kernel/actor.ts'
import { instant } from '../../platform/kernel/time.ts'

const grantView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  principalType: z.enum(['user', 'agent']),
  principalId: z.string(),
  permissionKey: z.string(),
  scope: z.record(z.string(), z.unknown()).nullable(),
  grantedByUserId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

/** A member of a company: a person or an agent. */
export const memberView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  principalType: z.enum(['user', 'agent']),
  principalId: z.string(),
  status: z.enum(['pending', 'active', 'suspended']),
  membershipRole: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
  /** Null for an agent, and for the local board, which has no account. */
  user: z.strictObject({ id: z.string(), name: z.string(), email: z.string() }).nullable(),
  grants: z.array(grantView),
})
export type MemberView = z.output<typeof memberView>

export const updateMemberBody = z.object({
  role: z.enum(memberRoles).optional(),
  status: z.enum(['active', 'suspended']).optional(),
})

export const memberPermissionsBody = z.object({
  grants: z
    .array(z.object({ permissionKey: z.enum(grantKeys), scope: z.record(z.string(), z.unknown()).nullable().optional() }))
    .max(grantKeys.length),
})
