// The state of a sign-in between its two requests. The browser keeps it, sealed, so a request that begins one writes nothing.

import { createHmac } from 'node:crypto'
import { compactDecrypt, CompactEncrypt } from 'jose'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { hashToken } from '../../../auth/tokens.ts'
import { authAttempts } from '../../../model/people.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import type { ReadDb, Store } from '../../../platform/db/types.ts'
import { writeUnaudited } from '../../../platform/db/unaudited.ts'
import { exactlyOne } from '../../../platform/kernel/exactlyOne.ts'
import { fail } from './failures.ts'

/** A person needs a minute, or some more with a second factor. */
const SECONDS = 600

const signInState = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  /** The address to which the provider sends the browser back; it is sent again with the code. */
  redirectUri: z.string(),
  /** The path to show at the end. */
  next: z.string(),
  /** The end by the clock of Postgres, in milliseconds. */
  endsAtMs: z.number(),
  /** The session that links the identity to its account; null for a sign-in. */
  link: z.strictObject({ userId: z.string(), sessionId: z.uuid() }).nullable(),
})
export type SignInState = z.output<typeof signInState>

export interface States {
  readonly cookieName: string
  /** A `Set-Cookie` with the state, which lasts for ten minutes and is read by no script. */
  cookieFor(state: SignInState): Promise<string>
  /** A `Set-Cookie` that takes the state away. */
  readonly cleared: string
  /** The state in a cookie; null for one that another secret sealed, that was changed, or that has another form. */
  open(value: string | null): Promise<SignInState | null>
}

/**
 * @param secrets the secret that seals, and those before it, which still open
 * @param isSecure whether people reach this server over https
 */
export function createStates(secrets: readonly [string, ...string[]], isSecure: boolean): States {
  const keyOf = (secret: string): Uint8Array => createHmac('sha256', secret).update('state of a sign-in by a provider').digest()
  // A browser lets no other host and no page without TLS set a cookie with this prefix, so none can give it the state of a stranger.
  const cookieName = isSecure ? '__Host-paperclip_oidc' : 'paperclip_oidc'
  const cookie = (value: string, seconds: number): string =>
    `${cookieName}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  return {
    cookieName,
    cleared: cookie('', 0),
    async cookieFor(state) {
      const sealed = new CompactEncrypt(Buffer.from(JSON.stringify(state))).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      return cookie(await sealed.encrypt(keyOf(secrets[0])), SECONDS)
    },
    async open(value) {
      if (value === null || value === '') return null
      for (const secret of secrets) {
        const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
        const opened = await compactDecrypt(value, keyOf(secret), options).catch(() => null)
        // A server of another version may have sealed a state of another form; the sign-in begins anew then.
        if (opened !== null) return signInState.safeParse(JSON.parse(Buffer.from(opened.plaintext).toString())).data ?? null
      }
      return null
    },
  }
}

const selectEnd = statement<{ seconds: number }, { endsAtMs: number }>('oidc_state_end').read(
  sql`select (extract(epoch from now() + ${param('seconds', 'int')} * interval '1 second') * 1000)::float8 as "endsAtMs"`,
)

/** When a state that begins now ends, by the clock of Postgres. */
export const endOfState = async (db: ReadDb): Promise<number> => exactlyOne(await db.run(selectEnd, { seconds: SECONDS })).endsAtMs

// The row stays until the state has ended by its own time. It is the count of a single attempt.
const useUp = statement<{ key: string; endsAtMs: number }, { key: string }>('oidc_state_use').unaudited(sql`
  insert into ${authAttempts} (key, count, ends_at)
  select ${param('key')}, 1, t.ends_at from (select to_timestamp(${param('endsAtMs', 'float8')} / 1000) as ends_at) t where t.ends_at > now()
  on conflict (key) do nothing returning key`)

/** Uses a state up, on all servers. @throws ProviderSignInFailed `state_used` for one that was used or has ended */
export async function useState(store: Store, { state, endsAtMs }: SignInState): Promise<void> {
  const used = await writeUnaudited(store, useUp, { key: `state:${hashToken(state)}`, endsAtMs })
  if (used.length === 0) fail('state_used')
}
