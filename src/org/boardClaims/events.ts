import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** A server that has no administrator printed a URL with which a person becomes it; the URL is not recorded. */
export const claimOffered = event('board_claim.offered', 'board_claim', z.object({ expiresAt: z.string() }))
/** A person took the instance over: it administers the instance and owns its companies. */
export const instanceClaimed = event('board_claim.claimed', 'board_claim', z.object({ userId: z.string(), companies: z.int() }))
