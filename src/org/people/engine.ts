// better-auth as this server uses it: it makes people, logins and sessions, and signs the cookie of a session.

import { PERSON_SESSION_SECONDS } from '../../auth/personSessions.ts'
import { peopleDatabase, presentFlow } from './adapter.ts'
import { providerSessions } from './oidc/sessions.ts'

// Not a static import: the bundle would load it at every start (src/launch/bundle.js), and most servers have no people.
const { betterAuth } = await import('better-auth/minimal')

export interface EngineSettings {
  /** The secret that signs cookies. */
  readonly secret: string
  /** The address by which people reach this server. */
  readonly publicUrl: string
  readonly isSecure: boolean
}

/** The header by which better-auth learns the address of a client. */
const ADDRESS_HEADER = 'x-paperclip-client'

/** The facts of a request that better-auth stores with a session. */
export const headersFor = ({ address, userAgent }: { readonly address: string; readonly userAgent: string | null }): Headers =>
  new Headers({ [ADDRESS_HEADER]: address, ...(userAgent === null ? {} : { 'user-agent': userAgent }) })

/**
 * Creates it. Origins, limits of attempts and sessions of requests are this server's own business: its checks come before, and
 * better-auth sees no request.
 */
export function createEngine({ secret, publicUrl, isSecure }: EngineSettings) {
  return betterAuth({
    appName: 'paperclip-server',
    baseURL: publicUrl,
    basePath: '/api/auth',
    secret,
    database: peopleDatabase,
    emailAndPassword: {
      enabled: true,
      minPasswordLength: 1,
      // The hash is computed before the transaction begins, in which better-auth runs.
      password: {
        hash: () => Promise.resolve(presentFlow().password.hash),
        verify: ({ hash }) => {
          const { password } = presentFlow()
          return Promise.resolve(password.isRight && password.hash === hash)
        },
      },
    },
    session: { expiresIn: PERSON_SESSION_SECONDS, disableSessionRefresh: true },
    rateLimit: { enabled: false },
    plugins: [providerSessions],
    telemetry: { enabled: false },
    advanced: {
      useSecureCookies: isSecure,
      disableCSRFCheck: true,
      disableOriginCheck: true,
      ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
    },
    logger: { disabled: true },
  })
}

export type Engine = ReturnType<typeof createEngine>
