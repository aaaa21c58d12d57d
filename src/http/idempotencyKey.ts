import { z } from 'zod'

/** The field of a body that the mount reads as an `Idempotency-Key` (`keyInBody` of a route). */
export const idempotencyKey = z.string().min(1).max(255).nullish()
