// Between the password and the code: a row that says whose password was right, and the cookie of the browser that sent it.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { challenges, logins, people } from '../../../model/people.ts'
import { secondFactors } from '../../../model/secondFactors.ts'
import { changed } from '../../../platform/db/mutate.ts'
import type { Outcome } from '../../../platform/db/mutate.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../../platform/db/types.ts'
import { refuse } from '../../../platform/kernel/errors.ts'
import { exactlyOne } from '../../../platform/kernel/exactlyOne.ts'
import type { z } from 'zod'
import { withCookies } from '../../../http/setCookies.ts'
import { ofInstance } from '../events.ts'
import { secondFactorAsked } from './events.ts'
import { factorColumns, factorOf } from './store.ts'
import type { Factor } from './store.ts'
import type { factorAskedView } from './views.ts'

/** How long the code is awaited. better-auth waits as long. */
const SECONDS = 600

/** A password that was right. */
export interface RightPassword {
  readonly userId: string
  /** The stored hash with which it was compared. A change of the password ends the challenge. */
  readonly hash: string
  /** Whether the session is to outlast the browser. */
  readonly rememberMe: boolean
  readonly address: string
}

/** A challenge whose cookie the browser has shown. */
export interface OpenChallenge extends Factor {
  readonly id: string
  readonly email: string
  readonly hash: string
  readonly rememberMe: boolean
}

export interface ChallengeCookies {
  readonly name: string
  /** Takes the cookie away. */
  readonly cleared: string
  cookieFor(id: string, password: Pick<RightPassword, 'userId' | 'hash'>): string
  /** Whether a signature is that of a challenge, made while the person had this password. */
  isSigned(signature: string, id: string, password: Pick<RightPassword, 'userId' | 'hash'>): boolean
}

/**
 * @param secrets the secret that signs, and those before it
 * @param isSecure whether people reach this server over https
 */
export function createChallengeCookies(secrets: readonly [string, ...string[]], isSecure: boolean): ChallengeCookies {
  const name = `${isSecure ? '__Secure-' : ''}better-auth.two_factor`
  const attributes = `HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  const sign = (secret: string, id: string, userId: string, hash: string): Buffer =>
    Buffer.from(
      createHmac('sha256', secret)
        .update(JSON.stringify(['second factor', id, userId, hash]))
        .digest('base64url'),
    )
  return {
    name,
    cleared: `${name}=; Path=/; Max-Age=0; ${attributes}`,
    cookieFor(id, { userId, hash }) {
      return `${name}=${id}.${sign(secrets[0], id, userId, hash).toString()}; Path=/; Max-Age=${SECONDS}; ${attributes}`
    },
    isSigned(signature, id, { userId, hash }) {
      // The texts are compared: several of them decode to the same bytes.
      const given = Buffer.from(signature)
      return secrets.some((secret) => timingSafeEqual(sign(secret, id, userId, hash), given))
    },
  }
}

const identifierOf = (userId: string): string => `second-factor:${userId}`

const insertChallenge = statement<{ identifier: string; value: string }, { id: string }>('second_factor_ask').write(sql`
  insert into ${challenges} (id, identifier, value, expires_at)
  values (gen_random_uuid(), ${param('identifier')}, ${param('value')}, now() + ${sql.raw(`interval '${SECONDS} seconds'`)}) returning id`)

/** (tx) Asks for the code of a person who has a second factor; null for a person who has none. The person is locked by the caller. */
export async function askForCode(
  tx: Tx,
  cookies: ChallengeCookies,
  password: RightPassword,
): Promise<Outcome<z.output<typeof factorAskedView>> | null> {
  const { userId, rememberMe, address } = password
  const factor = await factorOf(tx, userId)
  if (factor === null || factor.confirmedAt === null) return null
  const value = rememberMe ? 'remember' : 'forget'
  const { id } = exactlyOne(await tx.run(insertChallenge, { identifier: identifierOf(userId), value }))
  const answer = { twoFactorRedirect: true as const, twoFactorMethods: ['totp' as const] }
  return changed(withCookies(answer, [cookies.cookieFor(id, password)]), secondFactorAsked(userId, { address }, ofInstance))
}

type ChallengeRow = Factor & Pick<OpenChallenge, 'id' | 'email' | 'hash'> & { readonly value: string }

const selectChallenge = statement<{ id: string }, ChallengeRow>('second_factor_asked').read(sql`
  select c.id, c.value, p.email, l.password as hash, ${factorColumns} from ${challenges} c
  join ${people} p on p.id = substr(c.identifier, 15)
  join ${logins} l on l.person_id = p.id and l.provider_id = 'credential' and l.account_id = p.id and l.password is not null
  join ${secondFactors} f on f.person_id = p.id and f.confirmed_at is not null
  where c.id = ${param('id', 'uuid')} and c.identifier like 'second-factor:%' and c.expires_at > now()`)

const cookieValue = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([\w-]{43})$/

/** The challenge of a cookie. @throws Refusal `second_factor_not_asked` */
export async function challengeOf(db: ReadDb, cookies: ChallengeCookies, cookie: string | null): Promise<OpenChallenge> {
  const [, id, signature] = cookieValue.exec(cookie ?? '') ?? []
  if (id === undefined || signature === undefined) return refuse('second_factor_not_asked')
  const [row] = await db.run(selectChallenge, { id })
  if (row === undefined || !cookies.isSigned(signature, id, row)) return refuse('second_factor_not_asked')
  const { value, ...challenge } = row
  return { ...challenge, rememberMe: value === 'remember' }
}

const deleteChallenge = statement<{ id: string }, { id: string }>('second_factor_answer').write(
  sql`delete from ${challenges} where id = ${param('id', 'uuid')} and expires_at > now() returning id`,
)

/** (tx) Ends a challenge, whose code was right. @throws Refusal `second_factor_not_asked` when another request has ended it */
export async function endChallenge(tx: Tx, { id }: OpenChallenge): Promise<void> {
  if ((await tx.run(deleteChallenge, { id })).length === 0) refuse('second_factor_not_asked')
}
