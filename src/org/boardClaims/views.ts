import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'

const code = z.string().max(200)

export const claimQuery = z.object({ code: code.optional() })
export const claimBody = z.object({ code })

/** How far the claim of the instance is. */
export const boardClaimView = z.strictObject({
  status: z.enum(['available', 'claimed', 'expired']),
  requiresSignIn: z.literal(true),
  expiresAt: instant.nullable(),
  claimedByUserId: z.string().nullable(),
})

export const claimedView = z.strictObject({ claimed: z.literal(true), userId: z.string() })
