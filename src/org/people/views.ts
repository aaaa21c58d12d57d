import { z } from 'zod'
import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { instant } from '../../platform/kernel/time.ts'

const email = z.string().trim().max(254).pipe(z.email())

/** The length that better-auth's other servers take. */
const newPassword = z.string().min(8).max(128)
export const givenPassword = z.string().min(1).max(128)

const isOneLine = (text: string): boolean => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)

const name = z.string().trim().min(1).max(120).refine(isOneLine, 'A name is one line').refine(isVisible, NOTHING_VISIBLE)

/** The longest token of an invitation that is looked up; tokens have about half of it. */
export const MAX_INVITATION = 100

export const signUpBody = z.object({ name, email, password: newPassword, invitation: z.string().max(MAX_INVITATION).optional() })
export const signInBody = z.object({ email, password: givenPassword, rememberMe: z.boolean().optional() })
export const changePasswordBody = z.object({
  currentPassword: givenPassword,
  newPassword,
  revokeOtherSessions: z.boolean().optional(),
})
export const endSessionBody = z.object({ id: z.uuid() })

/** A person. */
export const personView = z.strictObject({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  emailVerified: z.boolean(),
  image: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})
export type PersonView = z.output<typeof personView>

/** A person who has signed in. The session is in the cookie, which scripts do not see, so there is no token. */
export const signedInView = z.strictObject({ redirect: z.literal(false), token: z.null(), user: personView })

/** The session of the caller. */
export const callerSessionView = z.strictObject({
  session: z.strictObject({ id: z.string(), userId: z.string() }),
  user: z.strictObject({ id: z.string(), name: z.string(), email: z.string().nullable() }),
})

/** One session of a person. */
export const sessionView = z.strictObject({
  id: z.uuid(),
  isCurrent: z.boolean(),
  ipAddress: z.string().nullable(),
  userAgent: z.string().nullable(),
  createdAt: instant,
  expiresAt: instant,
})

export const resetPasswordBody = z.object({ token: z.string().min(16).max(200), newPassword })

/** A link with which a person sets a new password. */
export const resetLinkView = z.strictObject({ token: z.string(), path: z.string(), url: z.string(), expiresAt: instant })

export const endedView = z.strictObject({ success: z.literal(true), ended: z.int() })

/** A person, as administrators see it. */
export const accountView = z.strictObject({ ...personView.shape, isInstanceAdmin: z.boolean(), hasSecondFactor: z.boolean() })

/** An administrator of the instance. */
export const administratorView = z.strictObject({
  id: z.uuid(),
  userId: z.string(),
  role: z.literal('instance_admin'),
  createdAt: instant,
  updatedAt: instant,
})

export const membershipView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  principalType: z.enum(['user', 'agent']),
  principalId: z.string(),
  status: z.enum(['pending', 'active', 'suspended']),
  membershipRole: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const companyAccessBody = z.object({ companyIds: z.array(z.uuid()).max(1000) })
