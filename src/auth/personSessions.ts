// Sessions of people: the cookie and its signature, and the look-up of the person who has it.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { memberships } from '../model/companies.ts'
import { instanceAdministrators, people, signIns } from '../model/people.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { memberRoles } from '../platform/kernel/actor.ts'
import type { BoardActor, MemberRole } from '../platform/kernel/actor.ts'
import type { Loaded } from './credentialCache.ts'

/** How long a session lasts. */
export const PERSON_SESSION_SECONDS = 7 * 86_400

/** The cookies of sessions. better-auth writes them, and a request is read without it. */
export interface PersonSessions {
  readonly cookieName: string
  /** Whether browsers send the cookie over TLS only. */
  readonly isSecure: boolean
  /** The token in the value of a cookie; null for a value that none of the secrets signed. */
  tokenOf(value: string): string | null
}

/** better-auth's form: the token, a dot, the HMAC-SHA256 in base64, all of it escaped. */
const cookieValue = /^([A-Za-z0-9_-]{16,128})\.([A-Za-z0-9+/]{43}=)$/

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return ''
  }
}

const isSignedWith = (secret: string, token: string, signature: string): boolean =>
  timingSafeEqual(createHmac('sha256', secret).update(token).digest(), Buffer.from(signature, 'base64'))

/**
 * @param secrets the secret that signs, and those before it, whose cookies stay valid until their sessions end
 * @param isSecure whether people reach this server over https
 */
export function createPersonSessions(secrets: readonly string[], isSecure: boolean): PersonSessions {
  return {
    cookieName: `${isSecure ? '__Secure-' : ''}better-auth.session_token`,
    isSecure,
    tokenOf(value) {
      const [, token, signature] = cookieValue.exec(unescaped(value)) ?? []
      if (token === undefined || signature === undefined) return null
      return secrets.some((secret) => isSignedWith(secret, token, signature)) ? token : null
    },
  }
}

interface SessionRow {
  readonly sessionId: string
  readonly userId: string
  readonly name: string
  readonly email: string
  readonly validForMs: number
  readonly isAdmin: boolean
  readonly roles: Readonly<Record<string, string>>
}

const personOfSession = statement<{ token: string }, SessionRow>('identify_session').read(sql`
  select s.id as "sessionId", p.id as "userId", p.name, p.email,
    (extract(epoch from s.expires_at - now()) * 1000)::float8 as "validForMs",
    exists (select from ${instanceAdministrators} a where a.person_id = p.id) as "isAdmin",
    coalesce((select jsonb_object_agg(m.company_id, m.membership_role) from ${memberships} m
      where m.principal_type = 'user' and m.principal_id = p.id and m.status = 'active' and m.membership_role is not null), '{}') as roles
  from ${signIns} s join ${people} p on p.id = s.person_id where s.token = ${param('token')} and s.expires_at > now()`)

const isRole = (text: string): text is MemberRole => (memberRoles as readonly string[]).includes(text)

/** The roles of a person by company. A role that this build does not know allows nothing. */
const rolesOf = (roles: SessionRow['roles']): ReadonlyMap<string, MemberRole> =>
  new Map(Object.entries(roles).filter((entry): entry is [string, MemberRole] => isRole(entry[1])))

/** Looks up who has the token of a session; null when the session has ended. */
export async function personOf(db: ReadDb, token: string): Promise<Loaded<BoardActor> | null> {
  const [row] = await db.run(personOfSession, { token })
  if (row === undefined) return null
  const { sessionId, userId, name, email, isAdmin, validForMs, roles } = row
  const companies = isAdmin ? null : rolesOf(roles)
  const session = { id: sessionId, name, email }
  return {
    actor: { kind: 'board', userId, isAdmin, via: 'session', uid: null, companies, role: isAdmin ? 'owner' : null, session },
    validForMs,
  }
}
