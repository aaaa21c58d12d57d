import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { memberships } from '../../model/companies.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import type { BoardProof } from '../../platform/kernel/actor.ts'
import type { meView } from './views.ts'

/** Maximum number of company ids in the answer. A person with more companies reads the list of companies. */
const MAX_COMPANIES = 1000

const companiesOf = statement<{ userId: string; limit: number }, { id: string }>('me_companies').read(sql`
  select company_id as id from ${memberships}
  where principal_type = 'user' and principal_id = ${param('userId')} and status = 'active'
  order by created_at, company_id limit ${param('limit', 'int')}`)

/** How Paperclip's API names the proofs of a person. */
const sources = {
  ambient: 'local_implicit',
  token: 'board_key',
  cookie: 'session',
  session: 'session',
  board_key: 'board_key',
} as const satisfies Record<BoardProof, string>

/** The identity of the calling person: one who signed in, or the user of this machine, who has no account. */
export async function readMe(ctx: Ctx): Promise<z.output<typeof meView>> {
  invariant(ctx.actor.kind === 'board', 'only the board has an identity here')
  const { userId, isAdmin, session } = ctx.actor
  const rows = await ctx.store.read.run(companiesOf, { userId, limit: MAX_COMPANIES })
  return {
    user: { id: userId, name: session?.name ?? 'Local board', email: session?.email ?? null },
    userId,
    isInstanceAdmin: isAdmin,
    companyIds: rows.map((row) => row.id),
    source: sources[ctx.actor.via],
    keyId: ctx.actor.via === 'board_key' ? (session?.id ?? null) : null,
  }
}
