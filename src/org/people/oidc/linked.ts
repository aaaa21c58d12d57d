// The ways in which a person signs in: its list, and the end of one.

import { sql } from 'drizzle-orm'
import { logins, people } from '../../../model/people.ts'
import { changed, mutate } from '../../../platform/db/mutate.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../../platform/db/types.ts'
import { refuse } from '../../../platform/kernel/errors.ts'
import { loginRemoved, ofInstance } from '../events.ts'
import { sessionIdOf } from '../queries.ts'

interface LoginRow {
  readonly id: string
  /** `credential` is the password. */
  readonly provider: string
}

const selectLogins = statement<{ userId: string }, LoginRow>('oidc_logins_of_person').read(
  sql`select id, provider_id as provider from ${logins} where person_id = ${param('userId')} order by created_at, id limit 100`,
)

/** How a person can sign in. */
export interface WaysIn {
  readonly hasPassword: boolean
  /** The identities at providers. */
  readonly linked: readonly LoginRow[]
}

const waysOf = (rows: readonly LoginRow[]): WaysIn => ({
  hasPassword: rows.some(({ provider }) => provider === 'credential'),
  linked: rows.filter(({ provider }) => provider !== 'credential'),
})

/** How the caller can sign in. @throws Refusal `session_required` */
export async function waysIn(ctx: Ctx): Promise<WaysIn> {
  return waysOf(await readLogins(ctx.store.read, sessionIdOf(ctx).userId))
}

const readLogins = (db: Pick<ReadDb, 'run'>, userId: string): Promise<LoginRow[]> => db.run(selectLogins, { userId })

// Of two that take a login away at once the second waits, and finds the last one.
const lockPerson = statement<{ userId: string }, { id: string }>('oidc_lock_person').read(
  sql`select id from ${people} where id = ${param('userId')} for no key update`,
)

const deleteLogin = statement<{ id: string }, { id: string }>('oidc_login_delete').write(
  sql`delete from ${logins} where id = ${param('id', 'uuid')} returning id`,
)

/**
 * Takes an identity of a provider away from the account of the caller. Its sessions go on.
 * @param isUsable whether a provider is one at which people sign in here; an identity at another one opens nothing
 * @throws Refusal `session_required`, `not_found`, `conflict` for the last way to sign in
 */
export async function unlinkIdentity(ctx: Ctx, id: string, isUsable: (provider: string) => boolean): Promise<void> {
  const { userId } = sessionIdOf(ctx)
  await mutate(ctx, async (tx) => {
    await tx.run(lockPerson, { userId })
    const { hasPassword, linked } = waysOf(await readLogins(tx, userId))
    const removed = linked.find((login) => login.id === id)
    if (removed === undefined) return refuse('not_found', { message: 'Not an identity of your account' })
    if (!hasPassword && !linked.some((login) => login !== removed && isUsable(login.provider)))
      refuse('conflict', { message: 'The last way to sign in cannot be removed. Ask an administrator for a link to set a password first' })
    await tx.run(deleteLogin, { id })
    return changed(undefined, loginRemoved(userId, { provider: removed.provider }, ofInstance))
  })
}
