// Accounts on a server where people do not simply make one: an invitation that people can accept lets one account be made with it.

import { sql } from 'drizzle-orm'
import { hashToken } from '../../auth/tokens.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { invites } from '../../model/invites.ts'
import { challenges } from '../../model/people.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { MAX_INVITATION } from './views.ts'

const INVITE_PAGE = /^\/invite\/([\w-]+)$/

/** The token of the invitation to whose page a path of this server leads; null for another page. */
export function invitationOf(path: string): string | null {
  const token = INVITE_PAGE.exec(path)?.[1] ?? null
  return token === null || token.length > MAX_INVITATION ? null : token
}

/** Condition: people can accept invitation `i` now. */
const isOpenToPeople = sql`i.revoked_at is null and i.accepted_at is null and i.expires_at > now()
  and i.allowed_join_types in ('human', 'both') and (i.company_id is null or not ${isCompanyDeleted(sql.raw('i.company_id'))})`

/** The mark that an account was made with invitation `i`. It lives as long as the invitation, and is tidied away like other challenges. */
const markOf = sql`'invited:' || i.id`
const hasMadeOne = sql`exists (select 1 from ${challenges} c where c.identifier = ${markOf})`

const selectInvite = statement<{ hash: string }, { id: string }>('people_open_invite').read(sql`
  select i.id from ${invites} i where i.token_hash = ${param('hash')} and ${isOpenToPeople} and not ${hasMadeOne}`)

/**
 * Refuses, before the password is hashed, who has no invitation with which an account can be made.
 * @throws Refusal `sign_up_disabled`
 */
export async function requireInvitation(db: Pick<ReadDb, 'run'>, token: string): Promise<void> {
  if ((await db.run(selectInvite, { hash: hashToken(token) })).length === 0) refuse('sign_up_disabled')
}

// The conditions stand outside, too: a statement that waited for the lock looks at them again.
const lockInvite = statement<{ hash: string }, { id: string }>('people_lock_invite').read(sql`
  select id from ${invites} where id = (select i.id from ${invites} i where i.token_hash = ${param('hash')} and ${isOpenToPeople})
    and revoked_at is null and accepted_at is null for update`)

const markInvite = statement<{ id: string }, { id: string }>('people_mark_invite').write(sql`
  insert into ${challenges} (id, identifier, value, expires_at)
  select gen_random_uuid(), ${markOf}, 'account made', i.expires_at from ${invites} i where i.id = ${param('id', 'uuid')} and not ${hasMadeOne}
  returning id`)

/**
 * (tx) Lets one account be made with an invitation. The invitation itself is used up when the person accepts it. Of two that come with one at
 * once the second waits for the lock, and its next statement sees the mark of the first.
 * @returns the id of the invitation; null for one that is unknown, over, for agents only, or has made an account
 */
export async function takeInvitation(tx: Tx, token: string): Promise<string | null> {
  const [invite] = await tx.run(lockInvite, { hash: hashToken(token) })
  if (invite === undefined) return null
  return (await tx.run(markInvite, { id: invite.id })).length === 0 ? null : invite.id
}
