// The login of a command line: it asks, a person approves in a browser, and the key that it has already begins to work.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { bySecret } from '../../auth/bySecret.ts'
import { partyOf } from '../../auth/guessLimit.ts'
import { hashToken } from '../../auth/tokens.ts'
import { boardKeys, cliChallenges } from '../../model/boardKeys.ts'
import { companies } from '../../model/companies.ts'
import { people, signIns } from '../../model/people.ts'
import type { Client } from '../../http/client.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { Actor, BoardActor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { boardKeyRevoked, countAttempt } from '../people/index.ts'
import { boardKeyCreated, loginCancelled, loginRequested } from './events.ts'
import type { approvalView, cancellationView, challengeView, createChallengeBody, createdChallengeView, revocationView } from './views.ts'

const ofInstance = { companyId: NO_COMPANY } as const
const POLL_MS = 1000
/** Logins that one address asks for within ten minutes. */
const MAX_CHALLENGES = 30
const WINDOW_SECONDS = 600

type Status = z.output<typeof challengeView>['status']

const insertChallenge = statement<
  {
    secretHash: string
    keyHash: string
    command: string
    clientName: string | null
    requestedAccess: string
    requestedCompanyId: string | null
  },
  { id: string; expiresAt: Instant }
>('cli_challenge_insert').write(sql`
  insert into ${cliChallenges} (secret_hash, pending_key_hash, command, client_name, requested_access, requested_company_id, expires_at)
  values (${param('secretHash')}, ${param('keyHash')}, ${param('command')}, ${param('clientName', 'text')}, ${param('requestedAccess')},
    ${param('requestedCompanyId', 'uuid')}, now() + interval '10 minutes')
  returning id, expires_at as "expiresAt"`)

/** Begins a login. The key is made now, and only its hash is kept until a person approves it. @throws Refusal `too_many_attempts` */
export async function createChallenge(
  ctx: Ctx,
  client: Client,
  input: z.output<typeof createChallengeBody>,
): Promise<z.output<typeof createdChallengeView>> {
  await countAttempt(ctx.store, [{ key: `cli-login:${partyOf(client.address)}`, max: MAX_CHALLENGES, seconds: WINDOW_SECONDS }])
  const token = `pcp_cli_auth_${randomBytes(24).toString('hex')}`
  const boardApiToken = `pcp_board_${randomBytes(24).toString('hex')}`
  const { command, clientName = null, requestedAccess, requestedCompanyId = null } = input
  return await mutate(bySecret(ctx), async (tx) => {
    const asked = { command, clientName, requestedAccess, requestedCompanyId }
    const { id, expiresAt } = exactlyOne(
      await tx.run(insertChallenge, { ...asked, secretHash: hashToken(token), keyHash: hashToken(boardApiToken) }),
    )
    const approvalPath = `/cli-auth/${id}?token=${token}`
    return changed(
      {
        id,
        token,
        boardApiToken,
        approvalPath,
        approvalUrl: client.origin + approvalPath,
        pollPath: `/cli-auth/challenges/${id}`,
        expiresAt,
        suggestedPollIntervalMs: POLL_MS,
      },
      loginRequested(id, { command, clientName, requestedAccess, address: client.address }, ofInstance),
    )
  })
}

interface ChallengeRow {
  readonly id: string
  readonly secretHash: string
  readonly pendingKeyHash: string
  readonly command: string
  readonly clientName: string | null
  readonly requestedAccess: z.output<typeof createChallengeBody>['requestedAccess']
  readonly requestedCompanyId: string | null
  readonly approvedByUserId: string | null
  readonly keyId: string | null
  readonly approvedAt: Instant | null
  readonly cancelledAt: Instant | null
  readonly expiresAt: Instant
  readonly isOver: boolean
}

const challengeColumns = sql`${columnsOf(cliChallenges)}, ${cliChallenges.expiresAt} <= now() as "isOver"`

const selectChallenge = statement<
  { id: string },
  ChallengeRow & { companyName: string | null; approverName: string | null; approverEmail: string | null }
>('cli_challenge_by_id').read(sql`
  select ${challengeColumns},
    (select c.name from ${companies} c where c.id = "cli_challenges"."requested_company_id") as "companyName",
    (select p.name from ${people} p where p.id = "cli_challenges"."approved_by_user_id") as "approverName",
    (select p.email from ${people} p where p.id = "cli_challenges"."approved_by_user_id") as "approverEmail"
  from ${cliChallenges} where id = ${param('id', 'uuid')}`)

const lockChallenge = statement<{ id: string }, ChallengeRow>('cli_challenge_lock').read(
  sql`select ${challengeColumns} from ${cliChallenges} where id = ${param('id', 'uuid')} for update`,
)

const refuseChallenge = (): never => refuse('not_found', { message: 'CLI auth challenge not found' })

const statusOf = ({ approvedAt, cancelledAt, isOver }: ChallengeRow): Status =>
  cancelledAt !== null ? 'cancelled' : approvedAt !== null ? 'approved' : isOver ? 'expired' : 'pending'

/** A challenge by its id and secret; one with another secret is the same 404. @throws Refusal `not_found` */
function requireSecret<R extends ChallengeRow>(row: R | undefined, secret: string | undefined): R {
  if (row === undefined || secret === undefined) return refuseChallenge()
  return timingSafeEqual(Buffer.from(row.secretHash), Buffer.from(hashToken(secret))) ? row : refuseChallenge()
}

/** Whether the caller may give a command line its own rights. The board by its account alone needs the token (T1.4). */
function mayApprove(actor: Actor, { requestedAccess }: Pick<ChallengeRow, 'requestedAccess'>): boolean {
  if (actor.kind !== 'board' || (actor.via !== 'session' && actor.via !== 'token')) return false
  return requestedAccess === 'board' || actor.isAdmin
}

/** The state of a login, for the command line that polls and the page that approves. @throws Refusal `not_found` */
export async function readChallenge(ctx: Ctx, id: string, secret: string | undefined): Promise<z.output<typeof challengeView>> {
  const [found] = await ctx.store.read.run(selectChallenge, { id })
  const row = requireSecret(found, secret)
  const { actor } = ctx
  const approver = row.approvedByUserId
  return {
    id: row.id,
    status: statusOf(row),
    command: row.command,
    clientName: row.clientName,
    requestedAccess: row.requestedAccess,
    requestedCompanyId: row.requestedCompanyId,
    requestedCompanyName: row.companyName,
    approvedAt: row.approvedAt,
    cancelledAt: row.cancelledAt,
    expiresAt: row.expiresAt,
    approvedByUser: approver === null ? null : { id: approver, name: row.approverName ?? 'Local Board', email: row.approverEmail },
    requiresSignIn: actor.kind !== 'board',
    canApprove: mayApprove(actor, row),
    currentUserId: actor.kind === 'board' ? actor.userId : null,
  }
}

const insertKey = statement<{ userId: string; name: string; keyHash: string }, { id: string; expiresAt: Instant }>('board_key_insert')
  .write(sql`
  insert into ${boardKeys} (user_id, name, key_hash, expires_at)
  values (${param('userId')}, ${param('name')}, ${param('keyHash')}, now() + interval '30 days') returning id, expires_at as "expiresAt"`)

const approve = statement<{ id: string; userId: string; keyId: string }, { id: string }>('cli_challenge_approve').write(sql`
  update ${cliChallenges} set approved_at = now(), approved_by_user_id = ${param('userId')}, key_id = ${param('keyId', 'uuid')}
  where id = ${param('id', 'uuid')} returning id`)

const selectKeyEnd = statement<{ id: string }, { expiresAt: Instant }>('board_key_end').read(
  sql`select expires_at as "expiresAt" from ${boardKeys} where id = ${param('id', 'uuid')}`,
)

/** (tx) The companies in whose records a new key of a person stands: its own, or those that the login was for. */
const recordedIn = (actor: BoardActor, requestedCompanyId: string | null): readonly string[] =>
  actor.companies === null ? (requestedCompanyId === null ? [] : [requestedCompanyId]) : [...actor.companies.keys()].toSorted()

async function answerAgain(tx: Tx, row: ChallengeRow, actor: BoardActor): Promise<z.output<typeof approvalView>> {
  const status = statusOf(row)
  const [key] = row.keyId === null ? [] : await tx.run(selectKeyEnd, { id: row.keyId })
  return {
    approved: status === 'approved',
    status,
    userId: row.approvedByUserId ?? actor.userId,
    keyId: row.keyId,
    expiresAt: key?.expiresAt ?? null,
  }
}

const shareSession = statement<{ id: string }, { id: string }>('cli_challenge_session').read(
  sql`select id from ${signIns} where id = ${param('id', 'uuid')} and expires_at > now() for share`,
)

/**
 * (tx) Refuses a person whose session has ended meanwhile. Every change that ends sessions waits for this lock and ends the keys behind it,
 * so no session makes a key that outlives the change of a password.
 * @throws Refusal `unauthorized`
 */
async function requireLiveSession(tx: Tx, { via, session }: BoardActor): Promise<void> {
  if (via === 'session' && session !== null && (await tx.run(shareSession, { id: session.id })).length === 0) refuse('unauthorized')
}

/**
 * Lets the command line act as the caller, for thirty days. A repeat has the same result.
 * @throws Refusal `not_found`, `board_token_required` for the board by its account alone, `admin_required`
 */
export async function approveChallenge(ctx: Ctx, id: string, secret: string): Promise<z.output<typeof approvalView>> {
  const { actor } = ctx
  if (actor.kind !== 'board') return refuse('unauthorized')
  return await mutate(ctx, async (tx) => {
    const [found] = await tx.run(lockChallenge, { id })
    const row = requireSecret(found, secret)
    if (statusOf(row) !== 'pending') return unchanged(await answerAgain(tx, row, actor))
    if (!mayApprove(actor, row)) refuse(actor.via === 'session' || actor.via === 'token' ? 'admin_required' : 'board_token_required')
    await requireLiveSession(tx, actor)
    const { userId } = actor
    const name = `paperclipai cli (${row.clientName ?? row.command})`.slice(0, 120)
    const key = exactlyOne(await tx.run(insertKey, { userId, name, keyHash: row.pendingKeyHash }))
    await tx.run(approve, { id, userId, keyId: key.id })
    const details = { keyId: key.id, name, expiresAt: key.expiresAt, challengeId: id }
    return changed(
      { approved: true, status: 'approved' as const, userId, keyId: key.id, expiresAt: key.expiresAt },
      boardKeyCreated(userId, details, ofInstance),
      ...recordedIn(actor, row.requestedCompanyId).map((companyId) => boardKeyCreated(userId, details, { companyId })),
    )
  })
}

const cancel = statement<{ id: string }, { id: string }>('cli_challenge_cancel').write(
  sql`update ${cliChallenges} set cancelled_at = now() where id = ${param('id', 'uuid')} returning id`,
)

/** Ends a login that waits. @throws Refusal `not_found` */
export async function cancelChallenge(ctx: Ctx, id: string, secret: string): Promise<z.output<typeof cancellationView>> {
  return await mutate(bySecret(ctx), async (tx) => {
    const [found] = await tx.run(lockChallenge, { id })
    const row = requireSecret(found, secret)
    const status = statusOf(row)
    if (status !== 'pending') return unchanged({ status, cancelled: status === 'cancelled' })
    await tx.run(cancel, { id })
    return changed({ status: 'cancelled' as const, cancelled: true }, loginCancelled(id, {}, ofInstance))
  })
}

const revoke = statement<{ id: string }, { id: string }>('board_key_revoke').write(
  sql`update ${boardKeys} set revoked_at = now() where id = ${param('id', 'uuid')} and revoked_at is null returning id`,
)

/** Ends the key with which the caller asks, at once. @throws Refusal `bad_request` for every other credential */
export async function revokeCurrentKey(ctx: Ctx): Promise<z.output<typeof revocationView>> {
  const { actor } = ctx
  if (actor.kind !== 'board' || actor.via !== 'board_key' || actor.session === null)
    return refuse('bad_request', { message: 'Current board API key context is required' })
  const { userId, companies } = actor
  const keyId = actor.session.id
  return await mutate(ctx, async (tx) => {
    if ((await tx.run(revoke, { id: keyId })).length === 0) refuse('unauthorized')
    const own = companies === null ? [] : [...companies.keys()].toSorted()
    const details = { keyId, reason: 'logged_out' as const }
    return changed(
      { revoked: true as const, keyId },
      boardKeyRevoked(userId, details, ofInstance),
      ...own.map((companyId) => boardKeyRevoked(userId, details, { companyId })),
    )
  })
}
