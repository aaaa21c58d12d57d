// Sessions of people: the cookie and its signature, and the look-up of the person who has it.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { boardKeys } from '../model/boardKeys.ts'
import { grants, memberships } from '../model/companies.ts'
import { instanceAdministrators, people, signIns } from '../model/people.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { grantKeys, memberRoles } from '../platform/kernel/actor.ts'
import type { BoardActor, GrantKey, MemberRole } from '../platform/kernel/actor.ts'
import type { Loaded } from './credentialCache.ts'

/** The person that governs this machine: the user of the account of the server, and the holder of the token of the board. */
export const LOCAL_BOARD = 'local-board'

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

// The texts are compared, not their bytes: a signature has one spelling (the last letter of base64 has bits that count for nothing).
const isSignedWith = (secret: string, token: string, signature: string): boolean =>
  timingSafeEqual(Buffer.from(createHmac('sha256', secret).update(token).digest('base64')), Buffer.from(signature))

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

/** The rights of a person, as `personFacts` reads them. */
export interface RightsRow {
  readonly isAdmin: boolean
  readonly roles: Readonly<Record<string, string>>
  readonly grants: Readonly<Record<string, readonly string[]>>
}

interface PersonRow extends RightsRow {
  /** Of the session or the key. */
  readonly id: string
  readonly userId: string
  readonly name: string
  readonly email: string | null
  readonly validForMs: number
}

/** The rights of person `p`. */
export const personFacts = sql`exists (select from ${instanceAdministrators} a where a.person_id = p.id) as "isAdmin",
    coalesce((select jsonb_object_agg(m.company_id, m.membership_role) from ${memberships} m
      where m.principal_type = 'user' and m.principal_id = p.id and m.status = 'active' and m.membership_role is not null), '{}') as roles,
    coalesce((select jsonb_object_agg(g.company_id, g.keys) from (
      select g.company_id, jsonb_agg(g.permission_key) as keys from ${grants} g
      where g.principal_type = 'user' and g.principal_id = p.id and exists (select from ${memberships} m
        where m.company_id = g.company_id and m.principal_type = 'user' and m.principal_id = p.id and m.status = 'active')
      group by g.company_id) g), '{}') as grants`

const personOfSession = statement<{ token: string }, PersonRow>('identify_session').read(sql`
  select s.id, p.id as "userId", p.name, p.email, (extract(epoch from s.expires_at - now()) * 1000)::float8 as "validForMs", ${personFacts}
  from ${signIns} s join ${people} p on p.id = s.person_id where s.token = ${param('token')} and s.expires_at > now()`)

const personOfBoardKey = statement<{ hash: string }, PersonRow>('identify_board_key').read(sql`
  select k.id, k.user_id as "userId", coalesce(p.name, 'Local Board') as name, p.email,
    (extract(epoch from k.expires_at - now()) * 1000)::float8 as "validForMs", ${personFacts}
  from ${boardKeys} k left join ${people} p on p.id = k.user_id
  where k.key_hash = ${param('hash')} and k.revoked_at is null and k.expires_at > now() and (p.id is not null or k.user_id = ${sql.raw(`'${LOCAL_BOARD}'`)})`)

const isRole = (text: string): text is MemberRole => (memberRoles as readonly string[]).includes(text)

/** The roles of a person by company. A role that this build does not know allows nothing. */
const rolesOf = (roles: RightsRow['roles']): ReadonlyMap<string, MemberRole> =>
  new Map(Object.entries(roles).filter((entry): entry is [string, MemberRole] => isRole(entry[1])))

const isGrant = (text: string): text is GrantKey => (grantKeys as readonly string[]).includes(text)

const grantsOf = (given: RightsRow['grants']): BoardActor['grants'] =>
  new Map(Object.entries(given).map(([companyId, keys]) => [companyId, keys.filter(isGrant)]))

/** The rights of a person, before it is known which company a request is about. */
export const rightsOf = ({ isAdmin, roles, grants: given }: RightsRow): Pick<BoardActor, 'isAdmin' | 'companies' | 'grants' | 'role'> => ({
  isAdmin,
  companies: isAdmin ? null : rolesOf(roles),
  grants: grantsOf(given),
  role: isAdmin ? 'owner' : null,
})

function loadedOf(via: 'session' | 'board_key', row: PersonRow | undefined): Loaded<BoardActor> | null {
  if (row === undefined) return null
  const { id, userId, name, email, validForMs } = row
  const rights = rightsOf({ ...row, isAdmin: row.isAdmin || userId === LOCAL_BOARD })
  return { actor: { kind: 'board', userId, via, uid: null, ...rights, session: { id, name, email } }, validForMs }
}

/** Looks up who has the token of a session; null when the session has ended. */
export const personOf = async (db: ReadDb, token: string): Promise<Loaded<BoardActor> | null> =>
  loadedOf('session', (await db.run(personOfSession, { token }))[0])

/** Looks up whose command line has a key, by the hash of the key; null when the key has ended. */
export const personOfKey = async (db: ReadDb, hash: string): Promise<Loaded<BoardActor> | null> =>
  loadedOf('board_key', (await db.run(personOfBoardKey, { hash }))[0])
