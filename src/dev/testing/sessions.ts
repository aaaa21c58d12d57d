import { createHmac, randomUUID } from 'node:crypto'

/** Signs the sessions of people in tests. */
export const TEST_AUTH_SECRET = 'a secret for the sessions of people, of thirty-two characters'

export const TEST_PASSWORD = 'correct horse battery'

/** The stored form of the password. A hash takes 60 ms, and tests make hundreds of people. */
export const TEST_PASSWORD_HASH =
  '6e98eddcd797769bec0f7398324609cc:' +
  'd46ff2b2549669a6826af25b887122792ba4ad6fb1341738d50a74870d7a96d8' +
  '1ac0a7471422c521bd75ef3288e5bd51c8e9b2408b8621d7bbfbe752df64f7e9'

/** A token for a session that a test inserts, in the form of better-auth. */
export const newSessionToken = (): string => randomUUID().replaceAll('-', '')

/** The cookie of a session, as a browser sends it. */
export const sessionCookie = (token: string): string =>
  `better-auth.session_token=${encodeURIComponent(`${token}.${createHmac('sha256', TEST_AUTH_SECRET).update(token).digest('base64')}`)}`
