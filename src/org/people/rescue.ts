// Help for people who cannot sign in, by the holder of the token of the board: a link for a new password.

import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { bySecret } from '../../auth/bySecret.ts'
import { hashToken } from '../../auth/tokens.ts'
import { challenges, logins, signIns } from '../../model/people.ts'
import type { Client } from '../../http/client.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { ofInstance, passwordReset, resetLinkCreated, sessionsEnded } from './events.ts'
import { endKeys } from './keys.ts'
import { countAttempt, resetLimits } from './limits.ts'
import { personById } from './queries.ts'
import type { PersonView, resetLinkView } from './views.ts'

const identifierOf = (userId: string): string => `reset:${userId}`

const insertLink = statement<{ identifier: string; value: string }, { expiresAt: Instant }>('reset_link_insert').write(sql`
  with gone as (delete from ${challenges} where identifier = ${param('identifier')})
  insert into ${challenges} (id, identifier, value, expires_at)
  values (gen_random_uuid(), ${param('identifier')}, ${param('value')}, now() + interval '1 hour') returning expires_at as "expiresAt"`)

/** Makes a link with which a person sets a new password, once, within an hour. A link of before ends. @throws Refusal `not_found` */
export async function createResetLink(ctx: Ctx, userId: string, { origin }: Client): Promise<z.output<typeof resetLinkView>> {
  const token = `pcp_reset_${randomBytes(32).toString('base64url')}`
  return await mutate(ctx, async (tx) => {
    await personById(tx, userId)
    const { expiresAt } = exactlyOne(await tx.run(insertLink, { identifier: identifierOf(userId), value: hashToken(token) }))
    const path = `/reset-password?token=${token}`
    return changed({ token, path, url: origin + path, expiresAt }, resetLinkCreated(userId, { expiresAt }, ofInstance))
  })
}

const takeLink = statement<{ value: string }, { userId: string }>('reset_link_take').write(sql`
  delete from ${challenges} where value = ${param('value')} and identifier like 'reset:%' and expires_at > now()
  returning substr(identifier, 7) as "userId"`)

const setPassword = statement<{ userId: string; hash: string }, { id: string }>('reset_password').write(sql`
  insert into ${logins} (id, account_id, provider_id, person_id, password)
  values (gen_random_uuid(), ${param('userId')}, 'credential', ${param('userId')}, ${param('hash')})
  on conflict (provider_id, account_id) do update set password = excluded.password, updated_at = now() returning id`)

const endSessions = statement<{ userId: string }, { id: string }>('reset_end_sessions').write(
  sql`delete from ${signIns} where person_id = ${param('userId')} returning id`,
)

interface Reset {
  readonly token: string
  readonly newPassword: string
  /** Hashes a password. */
  readonly hashed: (password: string) => Promise<string>
}

/**
 * Sets a new password by a link, and ends every session of the person and every key of its command lines: the reason may be that another has them.
 * @throws Refusal `not_found`, `too_many_attempts`, `busy`
 */
export async function resetPassword(ctx: Ctx, client: Client, reset: Reset): Promise<{ success: true; user: PersonView }> {
  await countAttempt(ctx.store, resetLimits(client.address))
  const hash = await reset.hashed(reset.newPassword)
  return await mutate(bySecret(ctx), async (tx) => {
    const [link] = await tx.run(takeLink, { value: hashToken(reset.token) })
    if (link === undefined) return refuse('not_found', { message: 'The link has been used or is too old' })
    const { userId } = link
    await tx.run(setPassword, { userId, hash })
    const sessionIds = (await tx.run(endSessions, { userId })).map(({ id }) => id)
    const keysEnded = await endKeys(tx, userId, 'password_changed')
    const keyIds = keysEnded.map(({ details }) => String(details['keyId']))
    const ended: DomainEvent[] =
      sessionIds.length === 0 ? [] : [sessionsEnded(userId, { sessionIds, reason: 'password_changed' }, ofInstance)]
    const user = await personById(tx, userId)
    return changed({ success: true as const, user }, passwordReset(userId, { keyIds }, ofInstance), ...ended, ...keysEnded)
  })
}
