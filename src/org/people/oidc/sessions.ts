// The part of better-auth that signs a person in whom a provider has proved: it makes the account, if asked to, and the session.

import { z } from 'zod'

// Not static imports: the bundle would load them at every start (src/launch/bundle.js), and most servers have no people.
const [{ createAuthEndpoint }, { setSessionCookie }] = await Promise.all([import('better-auth/api'), import('better-auth/cookies')])

/** The identity that a provider has proved, with the account that it has or will have here. */
const body = z.object({
  /** Null makes an account. */
  userId: z.string().nullable(),
  issuer: z.string(),
  subject: z.string(),
  name: z.string(),
  email: z.string(),
})

/**
 * The endpoint `signInByProvider`, which only this server calls. It checks nothing: `signIn.ts` has decided. The tokens of the provider are
 * not among what it stores.
 */
export const providerSessions = {
  id: 'paperclip-provider-sessions',
  endpoints: {
    signInByProvider: createAuthEndpoint(
      '/paperclip/sign-in-by-provider',
      { method: 'POST', body, metadata: { SERVER_ONLY: true } },
      async (ctx) => {
        const { internalAdapter } = ctx.context
        const { userId, issuer, subject, name, email } = ctx.body
        const login = { providerId: issuer, accountId: subject }
        const user =
          userId === null
            ? (await internalAdapter.createOAuthUser({ name, email, emailVerified: true }, login)).user
            : await internalAdapter.findUserById(userId)
        if (!user) throw new Error('invariant broken: the person of a login exists')
        const session = await internalAdapter.createSession(user.id)
        await setSessionCookie(ctx, { session, user })
        return ctx.json({ user: { id: user.id } })
      },
    ),
  },
}
