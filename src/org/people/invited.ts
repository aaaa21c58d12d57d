import { sql } from 'drizzle-orm'
import { hashToken } from '../../auth/tokens.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { invites } from '../../model/invites.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'

const selectInvite = statement<{ hash: string }, { id: string }>('people_open_invite').read(sql`
  select i.id from ${invites} i
  where i.token_hash = ${param('hash')} and i.revoked_at is null and i.accepted_at is null and i.expires_at > now()
    and i.allowed_join_types in ('human', 'both') and (i.company_id is null or not ${isCompanyDeleted(sql.raw('i.company_id'))})`)

/**
 * Whether a person comes from the page of an invitation that people can accept. Where accounts cannot be made it lets the person make one.
 * It is used up when the person accepts it.
 * @param next the path to which the person goes on
 */
export async function isInvited(db: Pick<ReadDb, 'run'>, next: string): Promise<boolean> {
  const [, token] = /^\/invite\/([\w-]+)$/.exec(next) ?? []
  return token !== undefined && (await db.run(selectInvite, { hash: hashToken(token) })).length > 0
}
