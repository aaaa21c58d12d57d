import { z } from 'zod'
import { instant } from '../../../platform/kernel/time.ts'
import { givenPassword, signedInView } from '../views.ts'

/** Six digits of an app, or a recovery code, with or without spaces. */
const code = z.string().trim().min(1).max(64)

export const codeBody = z.object({ code })
export const passwordBody = z.object({ password: givenPassword })
export const passwordAndCodeBody = z.object({ password: givenPassword, code })

/** The second factor of the caller. */
export const factorStateView = z.strictObject({ enabled: z.boolean(), enabledAt: instant.nullable(), backupCodesLeft: z.int() })

/** A second factor that waits for its first code. No other answer has its secret or its codes. */
export const begunFactorView = z.strictObject({ method: z.literal('totp'), totpURI: z.string(), backupCodes: z.array(z.string()) })

/** New recovery codes. No other answer has them. */
export const newCodesView = z.strictObject({ status: z.literal(true), backupCodes: z.array(z.string()) })

export const factorRemovedView = z.strictObject({ status: z.literal(true) })

/** The password was right, and a code is needed. It says nothing else about the account. */
export const factorAskedView = z.strictObject({ twoFactorRedirect: z.literal(true), twoFactorMethods: z.array(z.literal('totp')) })

/** The answer to a password: a session, or the question for a code. */
export const signInView = z.union([signedInView, factorAskedView])
