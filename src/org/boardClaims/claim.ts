// The claim of the instance: while it has no administrator, a server prints a URL, and the person who opens it becomes the first one.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { LOCAL_BOARD } from '../../auth/personSessions.ts'
import { hashToken } from '../../auth/tokens.ts'
import { boardClaims } from '../../model/boardClaims.ts'
import { companies, memberships } from '../../model/companies.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { instanceAdministrators } from '../../model/people.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changedIfAny, changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Ctx, ReadDb, Store, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { accessChanged, endKeys, lockAdministration, makeAdministrator, promoted, sessionIdOf } from '../people/index.ts'
import { claimOffered, instanceClaimed } from './events.ts'
import type { boardClaimView, claimedView } from './views.ts'

type ClaimView = z.output<typeof boardClaimView>
type Claimed = z.output<typeof claimedView>

const ofInstance = { companyId: NO_COMPANY } as const

const hasAdministrator = sql`exists (select from ${instanceAdministrators}) as "hasAdministrator"`

const selectAdministered = statement<object, { hasAdministrator: boolean }>('board_claim_needed').read(sql`select ${hasAdministrator}`)

const insertClaim = statement<{ tokenHash: string; codeHash: string }, { id: string; expiresAt: Instant }>('board_claim_insert').write(sql`
  insert into ${boardClaims} (token_hash, code_hash, expires_at)
  values (${param('tokenHash')}, ${param('codeHash')}, now() + interval '1 day') returning id, expires_at as "expiresAt"`)

/**
 * Offers the instance to be claimed, where it has no administrator. Every start makes an offer of its own, and the first claim ends all of
 * them.
 * @returns the path of the page, once: only hashes of its secrets are kept; null for an instance that has an administrator
 */
export async function offerClaim(store: Store): Promise<string | null> {
  const token = randomBytes(24).toString('hex')
  const code = randomBytes(12).toString('hex')
  const ctx = systemCtx(store, null, 'board claim')
  return await mutate<string | null>(ctx, async (tx) => {
    await lockAdministration(tx)
    if (exactlyOne(await tx.run(selectAdministered, {})).hasAdministrator) return unchanged(null)
    const { id, expiresAt } = exactlyOne(await tx.run(insertClaim, { tokenHash: hashToken(token), codeHash: hashToken(code) }))
    return changed(`/board-claim/${token}?code=${code}`, claimOffered(id, { expiresAt }, ofInstance))
  })
}

interface ClaimRow {
  readonly id: string
  readonly codeHash: string
  readonly expiresAt: Instant
  readonly claimedByUserId: string | null
  readonly claimedAt: Instant | null
  readonly isOver: boolean
  readonly hasAdministrator: boolean
}

const claimColumns = sql`${columnsOf(boardClaims)}, ${boardClaims.expiresAt} <= now() as "isOver", ${hasAdministrator}`

const selectClaim = statement<{ hash: string }, ClaimRow>('board_claim_by_token').read(
  sql`select ${claimColumns} from ${boardClaims} where token_hash = ${param('hash')}`,
)

const lockClaim = statement<{ hash: string }, ClaimRow>('board_claim_lock').read(
  sql`select ${claimColumns} from ${boardClaims} where token_hash = ${param('hash')} for update`,
)

const refuseClaim = (): never => refuse('not_found', { message: 'Board claim not found' })

/** A claim by its token and code; one with another code is the same 404 as none. @throws Refusal `not_found` */
function requireCode(row: ClaimRow | undefined, code: string | undefined): ClaimRow {
  if (row === undefined || code === undefined) return refuseClaim()
  return timingSafeEqual(Buffer.from(row.codeHash), Buffer.from(hashToken(code))) ? row : refuseClaim()
}

/** An administrator who was made in another way ends every offer. */
const statusOf = ({ claimedAt, isOver, hasAdministrator: isAdministered }: ClaimRow): ClaimView['status'] =>
  claimedAt !== null ? 'claimed' : isOver || isAdministered ? 'expired' : 'available'

/** How far a claim is, for who has its URL. @throws Refusal `not_found` */
export async function readClaim(db: Pick<ReadDb, 'run'>, token: string, code: string | undefined): Promise<ClaimView> {
  const row = requireCode((await db.run(selectClaim, { hash: hashToken(token) }))[0], code)
  const { expiresAt, claimedByUserId } = row
  return { status: statusOf(row), requiresSignIn: true, expiresAt, claimedByUserId }
}

const useClaim = statement<{ id: string; userId: string }, { id: string }>('board_claim_use').write(sql`
  update ${boardClaims} set claimed_at = now(), claimed_by_user_id = ${param('userId')} where id = ${param('id', 'uuid')} returning id`)

const lockCompanies = lockingRead(
  'company',
  statement<object, { id: string }>('board_claim_companies').read(
    sql`select id from ${companies} where not ${isCompanyDeleted(companies.id)} order by id for no key update`,
  ),
)

const makeOwner = statement<{ userId: string; ids: readonly string[] }, { id: string }>('board_claim_own').write(sql`
  insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
  select id, 'user', ${param('userId')}, 'active', 'owner' from unnest(${param('ids', 'uuid[]')}) as t (id)
  on conflict (company_id, principal_type, principal_id)
    do update set status = 'active', membership_role = 'owner', updated_at = now()
  returning id`)

/** (tx) Makes a person the owner of every company. @returns their ids */
async function ownCompanies(tx: Tx, userId: string): Promise<string[]> {
  const ids = (await lockCompanies(tx, {})).map(({ id }) => id)
  if (ids.length > 0) await tx.run(makeOwner, { userId, ids })
  return ids
}

/**
 * Claims the instance: the person of the session administers it from now on and owns its companies, and the command lines that were let in
 * as the board of this machine end. Of two who claim at once the second finds an administrator. A repeat by the same person finds it done.
 * @throws Refusal `session_required`, `not_found`, `conflict` for a claim that was used or is over, or an instance that has an
 * administrator
 */
export async function claimInstance(ctx: Ctx, token: string, code: string): Promise<Claimed> {
  return await mutate<Claimed>(ctx, async (tx) => {
    await lockAdministration(tx)
    const row = requireCode((await tx.run(lockClaim, { hash: hashToken(token) }))[0], code)
    const { userId } = sessionIdOf(ctx)
    const claimed: Claimed = { claimed: true, userId }
    if (row.claimedByUserId === userId) return unchanged(claimed)
    if (row.claimedAt !== null) refuse('conflict', { message: 'The instance has been claimed' })
    if (row.hasAdministrator) refuse('conflict', { message: 'The instance has an administrator' })
    if (row.isOver) refuse('conflict', { message: 'Board claim expired' })
    const owned = await ownCompanies(tx, userId)
    await makeAdministrator(tx, userId)
    await tx.run(useClaim, { id: row.id, userId })
    return changedIfAny(claimed, [
      instanceClaimed(row.id, { userId, companies: owned.length }, ofInstance),
      promoted(userId, { role: 'instance_admin' }, ofInstance),
      ...owned.map((companyId) => accessChanged(userId, { added: [companyId], removed: [] }, { companyId })),
      ...(await endKeys(tx, LOCAL_BOARD, 'instance_claimed')),
    ])
  })
}
