// The sessions of a person: its list, and their end.

import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { signIns } from '../../model/people.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { withCookies } from '../../http/setCookies.ts'
import type { PersonSessions } from '../../auth/personSessions.ts'
import { ofInstance, sessionsEnded } from './events.ts'
import type { EndReason } from './events.ts'
import { endKeys } from './keys.ts'
import { sessionIdOf } from './queries.ts'
import type { endedView, sessionView } from './views.ts'

type Ended = z.output<typeof endedView>

/** Sessions in the list. Each lasts a week, so a person with more has a program that signs in again and again. */
const MAX_SESSIONS = 200

const selectSessions = statement<{ userId: string; limit: number }, Omit<z.output<typeof sessionView>, 'isCurrent'>>('sessions_of_person')
  .read(sql`
  select id, ip_address as "ipAddress", user_agent as "userAgent", created_at as "createdAt", expires_at as "expiresAt" from ${signIns}
  where person_id = ${param('userId')} and expires_at > now() order by created_at desc, id limit ${param('limit', 'int')}`)

/** The sessions of the caller, newest first. @throws Refusal `session_required` */
export async function listSessions(ctx: Ctx): Promise<z.output<typeof sessionView>[]> {
  const { userId, sessionId } = sessionIdOf(ctx)
  const rows = await ctx.store.read.run(selectSessions, { userId, limit: MAX_SESSIONS })
  return rows.map((row) => ({ ...row, isCurrent: row.id === sessionId }))
}

interface Choice {
  readonly userId: string
  /** The one session to end; null for all of them. */
  readonly onlyId: string | null
  /** The session that stays; null for none. */
  readonly keepId: string | null
}

/** The end of sessions, and whether the keys of command lines end with them. */
interface End extends Choice {
  readonly endsKeys: boolean
}

const lockSessions = statement<Choice, { id: string }>('sessions_lock').read(sql`
  select id from ${signIns} where person_id = ${param('userId')}
    and (${param('onlyId', 'uuid')} is null or id = ${param('onlyId', 'uuid')}) and id is distinct from ${param('keepId', 'uuid')}
  order by id for update`)

const deleteSessions = statement<{ ids: readonly string[] }, { id: string }>('sessions_end').write(
  sql`delete from ${signIns} where id = any(${param('ids', 'uuid[]')}) returning id`,
)

/** (tx) Ends sessions of one person. @returns their ids */
export async function endSessionsIn(tx: Tx, choice: Choice): Promise<string[]> {
  const sessionIds = (await tx.run(lockSessions, choice)).map(({ id }) => id)
  if (sessionIds.length > 0) await tx.run(deleteSessions, { ids: sessionIds })
  return sessionIds
}

/** Ends sessions of one person at once: here with the commit, on other servers within a second (I16). */
const endSessions = (ctx: Ctx, { endsKeys, ...choice }: End, reason: EndReason, answer: (ended: number) => Ended): Promise<Ended> =>
  mutate(ctx, async (tx) => {
    const { userId } = choice
    const sessionIds = await endSessionsIn(tx, choice)
    if (sessionIds.length === 0 && choice.onlyId !== null) refuse('not_found', { message: 'Session not found' })
    const sessions = sessionIds.length === 0 ? [] : [sessionsEnded(userId, { sessionIds, reason }, ofInstance)]
    const keys = endsKeys ? await endKeys(tx, userId, 'signed_out') : []
    return changedIfAny(answer(sessionIds.length + keys.length), [...sessions, ...keys])
  })

const plainAnswer = (ended: number): Ended => ({ success: true, ended })

/** Takes the cookie of the session from the browser. */
const removalOf = ({ cookieName, isSecure }: PersonSessions): string =>
  `${cookieName}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`

/** Ends the session of the caller, and takes the cookie from its browser. @throws Refusal `session_required` */
export async function signOut(ctx: Ctx, sessions: PersonSessions): Promise<Ended> {
  const { userId, sessionId } = sessionIdOf(ctx)
  return await endSessions(ctx, { userId, onlyId: sessionId, keepId: null, endsKeys: false }, 'signed_out', (ended) =>
    withCookies(plainAnswer(ended), [removalOf(sessions)]),
  )
}

/** Ends the sessions of the caller on all devices, and takes the cookie from its browser. @throws Refusal `session_required` */
export const signOutEverywhere = async (ctx: Ctx, sessions: PersonSessions): Promise<Ended> =>
  withCookies(await endAllSessions(ctx, false), [removalOf(sessions)])

/** Ends one session of the caller. @throws Refusal `session_required`, `not_found` for a session of another person as well */
export async function endSession(ctx: Ctx, id: string): Promise<Ended> {
  const { userId } = sessionIdOf(ctx)
  return await endSessions(ctx, { userId, onlyId: id, keepId: null, endsKeys: false }, 'revoked', plainAnswer)
}

/**
 * Ends the sessions of the caller on all devices, or on all but this one, and the keys of its command lines: each is a device that signed
 * in.
 * @throws Refusal `session_required`
 */
export async function endAllSessions(ctx: Ctx, keepsThis: boolean): Promise<Ended> {
  const { userId, sessionId } = sessionIdOf(ctx)
  const choice = { userId, onlyId: null, keepId: keepsThis ? sessionId : null, endsKeys: true }
  return await endSessions(ctx, choice, 'revoked', plainAnswer)
}
