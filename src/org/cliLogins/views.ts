import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'

const access = z.enum(['board', 'instance_admin_required'])

export const createChallengeBody = z.object({
  command: z.string().trim().min(1).max(240),
  clientName: z.string().trim().max(120).nullable().optional(),
  requestedAccess: access.default('board'),
  requestedCompanyId: z.uuid().nullable().optional(),
})

export const createdChallengeView = z.strictObject({
  id: z.uuid(),
  token: z.string(),
  boardApiToken: z.string(),
  approvalPath: z.string(),
  approvalUrl: z.string(),
  pollPath: z.string(),
  expiresAt: instant,
  suggestedPollIntervalMs: z.int(),
})

export const challengeQuery = z.object({ token: z.string().max(200).optional() })

const statuses = z.enum(['pending', 'approved', 'cancelled', 'expired'])

export const challengeView = z.strictObject({
  id: z.uuid(),
  status: statuses,
  command: z.string(),
  clientName: z.string().nullable(),
  requestedAccess: access,
  requestedCompanyId: z.uuid().nullable(),
  requestedCompanyName: z.string().nullable(),
  approvedAt: instant.nullable(),
  cancelledAt: instant.nullable(),
  expiresAt: instant,
  approvedByUser: z.strictObject({ id: z.string(), name: z.string(), email: z.string().nullable() }).nullable(),
  requiresSignIn: z.boolean(),
  canApprove: z.boolean(),
  currentUserId: z.string().nullable(),
})

export const secretBody = z.object({ token: z.string().max(200) })

export const approvalView = z.strictObject({
  approved: z.boolean(),
  status: statuses,
  userId: z.string(),
  keyId: z.uuid().nullable(),
  expiresAt: instant.nullable(),
})
export const cancellationView = z.strictObject({ status: statuses, cancelled: z.boolean() })
export const revocationView = z.strictObject({ revoked: z.literal(true), keyId: z.uuid() })
