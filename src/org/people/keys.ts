// The keys with which the command lines of a person act, and when they end: with what let them in.

import { sql } from 'drizzle-orm'
import { boardKeys } from '../../model/boardKeys.ts'
import { memberships } from '../../model/companies.ts'
import { instanceAdministrators } from '../../model/people.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { boardKeyRevoked, ofInstance } from './events.ts'
import type { KeyEndReason } from './events.ts'

const lockAll = statement<{ userId: string }, { id: string }>('board_keys_lock').read(sql`
  select id from ${boardKeys} where user_id = ${param('userId')} and revoked_at is null and expires_at > now() order by id for update`)

const lockWithoutAccess = statement<{ userId: string }, { id: string }>('board_keys_lock_without_access').read(sql`
  select id from ${boardKeys} where user_id = ${param('userId')} and revoked_at is null and expires_at > now()
    and not exists (select from ${instanceAdministrators} a where a.person_id = ${param('userId')})
    and not exists (select from ${memberships} m
      where m.principal_type = 'user' and m.principal_id = ${param('userId')} and m.status = 'active')
  order by id for update`)

const revoke = statement<{ ids: readonly string[] }, { id: string }>('board_keys_revoke').write(
  sql`update ${boardKeys} set revoked_at = now() where id = any(${param('ids', 'uuid[]')}) returning id`,
)

/** (tx) Ends locked keys. Without one nothing is written. */
async function end(tx: Tx, userId: string, keys: readonly { readonly id: string }[], reason: KeyEndReason): Promise<DomainEvent[]> {
  if (keys.length > 0) await tx.run(revoke, { ids: keys.map(({ id }) => id) })
  return keys.map(({ id }) => boardKeyRevoked(userId, { keyId: id, reason }, ofInstance))
}

/**
 * (tx) Ends every key of a person: here with the commit, on other servers within a second (I16).
 * @returns the events, none without a key
 */
export const endKeys = async (tx: Tx, userId: string, reason: KeyEndReason): Promise<DomainEvent[]> =>
  await end(tx, userId, await tx.run(lockAll, { userId }), reason)

/**
 * (tx) Ends every key of a person who enters no company any more and administers nothing: a later membership must not bring an old command
 * line back. Call it behind the change.
 */
export const endKeysWithoutAccess = async (tx: Tx, userId: string): Promise<DomainEvent[]> =>
  await end(tx, userId, await tx.run(lockWithoutAccess, { userId }), 'access_ended')
