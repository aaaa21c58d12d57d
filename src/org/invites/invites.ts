// Making, reading and revoking invitations.

import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { powerIn, roleInvitedByAgents } from '../../auth/power.ts'
import { presentActor } from '../../auth/presentRights.ts'
import { isAtLeast } from '../../auth/roles.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { hashToken } from '../../auth/tokens.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { invites } from '../../model/invites.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import type { Actor, AgentActor, MemberRole } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { companyById, lockUnarchivedCompany } from '../companies/index.ts'
import { inviteCreated, inviteRevoked, promptCreated } from './events.ts'
import { inviteUrlOf, textPathOf } from './onboarding.ts'
import type { bootstrapInviteView, createdInviteView, createInviteBody, InviteView, promptBody } from './views.ts'

type CreatedInvite = z.output<typeof createdInviteView>

const newToken = (): string => `pcp_invite_${randomBytes(32).toString('base64url')}`

interface NewInvite {
  readonly companyId: string
  readonly tokenHash: string
  readonly allowedJoinTypes: InviteView['allowedJoinTypes']
  readonly memberRole: MemberRole
  readonly defaultsPayload: string | null
  readonly inviteMessage: string | null
  readonly invitedByUserId: string | null
  readonly invitedByAgentId: string | null
}

const insertInvite = statement<NewInvite, InviteView>('invite_insert').write(sql`
  insert into ${invites} (company_id, invite_type, token_hash, allowed_join_types, member_role, defaults_payload, invite_message,
    invited_by_user_id, invited_by_agent_id, expires_at)
  values (${param('companyId', 'uuid')}, 'company_join', ${param('tokenHash')}, ${param('allowedJoinTypes')}, ${param('memberRole')},
    ${param('defaultsPayload', 'jsonb')}, ${param('inviteMessage', 'text')}, ${param('invitedByUserId', 'text')},
    ${param('invitedByAgentId', 'uuid')}, now() + interval '72 hours')
  returning ${columnsOf(invites)}`)

interface Wanted extends Pick<z.output<typeof createInviteBody>, 'allowedJoinTypes' | 'defaultsPayload' | 'agentMessage'> {
  readonly memberRole: MemberRole
  readonly created: typeof inviteCreated
  readonly permission: 'invite.write' | 'invite.prompt'
}

/** Makes an invitation. Only this answer has its token. */
async function makeInvite(ctx: Ctx, origin: string, wanted: Wanted): Promise<CreatedInvite> {
  const companyId = companyOf(ctx)
  const { allowedJoinTypes, memberRole, defaultsPayload = null, agentMessage = null, created, permission } = wanted
  const token = newToken()
  const { userId: invitedByUserId, agentId: invitedByAgentId } = authorOf(ctx.actor)
  return await mutate(ctx, async (tx) => {
    const { name } = await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const actor = await presentActor(tx, ctx.actor, permission, companyId)
    if (actor.kind !== 'agent' && allowedJoinTypes !== 'agent') requireRole(actor, memberRole)
    const row = exactlyOne(
      await tx.run(insertInvite, {
        companyId,
        tokenHash: hashToken(token),
        allowedJoinTypes,
        memberRole,
        defaultsPayload: defaultsPayload === null ? null : JSON.stringify(defaultsPayload),
        inviteMessage: agentMessage,
        invitedByUserId,
        invitedByAgentId,
      }),
    )
    const { inviteType, expiresAt } = row
    const links = { inviteUrl: inviteUrlOf(token), onboardingTextPath: textPathOf(token), onboardingTextUrl: origin + textPathOf(token) }
    return changed({ ...row, token, companyName: name, ...links }, created(row.id, { inviteType, allowedJoinTypes, memberRole, expiresAt }))
  })
}

/** Refuses what an agent may not put into an invitation (I18, I21). @throws Refusal `above_own_role`, `approval_required` */
function requireNoPower(actor: AgentActor, invitation: Readonly<Record<string, unknown>>): void {
  const power = powerIn(actor, null, invitation)
  if (power.includes('memberRole')) refuse('above_own_role', { details: { role: null, invitesTo: roleInvitedByAgents } })
  if (power.length > 0) refuse('approval_required', { details: { fields: power } })
}

/** Refuses to give a role that is stronger than the actor's own. @throws Refusal `above_own_role` */
export function requireRole(actor: Actor, given: MemberRole): void {
  const own = actor.kind === 'board' ? actor.role : null
  if (!isAtLeast(own, given)) refuse('above_own_role', { details: { role: own } })
}

/**
 * Invites people or agents to a company. A person cannot invite to a stronger role than its own, an agent only to the weakest, and with
 * no configuration of who joins.
 * @throws Refusal `company_not_active`, `above_own_role`, `approval_required`
 */
export async function createInvite(ctx: Ctx, origin: string, input: z.output<typeof createInviteBody>): Promise<CreatedInvite> {
  const { actor } = ctx
  const memberRole = input.memberRole ?? (actor.kind === 'agent' ? roleInvitedByAgents : 'operator')
  if (actor.kind === 'agent') requireNoPower(actor, { memberRole, defaultsPayload: input.defaultsPayload ?? undefined })
  return await makeInvite(ctx, origin, { ...input, memberRole, created: inviteCreated, permission: 'invite.write' })
}

/** Invites an agent that runs behind a gateway. @throws Refusal `company_not_active` */
export const createPrompt = (ctx: Ctx, origin: string, { agentMessage }: z.output<typeof promptBody>): Promise<CreatedInvite> =>
  makeInvite(ctx, origin, {
    allowedJoinTypes: 'agent',
    memberRole: 'viewer',
    agentMessage,
    created: promptCreated,
    permission: 'invite.prompt',
  })

/** Condition: invitation `i` can still be used. */
const isOpen = sql`i.revoked_at is null and i.accepted_at is null and i.expires_at > now()
  and (i.company_id is null or not ${isCompanyDeleted(sql.raw('i.company_id'))})`

export interface OpenInvite extends InviteView {
  readonly companyName: string | null
}

const inviteColumns = sql`${columnsOf(invites)}`

const selectOpen = statement<{ hash: string }, InviteView>('invite_open').read(sql`
  select ${inviteColumns} from ${invites} where id = (select i.id from ${invites} i where i.token_hash = ${param('hash')} and ${isOpen})`)

const lockOpen = statement<{ hash: string }, InviteView>('invite_lock_open').read(sql`
  select ${inviteColumns} from ${invites}
  where id = (select i.id from ${invites} i where i.token_hash = ${param('hash')} and ${isOpen}) and accepted_at is null and revoked_at is null
  for update`)

export const refuseInvite = (): never => refuse('not_found', { message: 'Invite not found' })

/** An invitation that can still be used, by its token. One that is used, revoked or over is the same 404. @throws Refusal `not_found` */
export async function openInvite(db: Pick<ReadDb, 'run'>, token: string): Promise<OpenInvite> {
  const [invite] = await db.run(selectOpen, { hash: hashToken(token) })
  if (invite === undefined) return refuseInvite()
  return { ...invite, companyName: invite.companyId === null ? null : (await companyById(db, invite.companyId)).name }
}

/** (tx) The same under its lock, so that one of two who accept it at once finds it used; undefined for one that cannot be used. */
export const lockOpenInvite = async (tx: Tx, token: string): Promise<InviteView | undefined> =>
  (await tx.run(lockOpen, { hash: hashToken(token) }))[0]

const useUp = statement<{ id: string }, { id: string }>('invite_use').write(
  sql`update ${invites} set accepted_at = now(), updated_at = now() where id = ${param('id', 'uuid')} returning id`,
)

/** (tx) Uses a locked invitation up. */
export const useInvite = async (tx: Tx, id: string): Promise<void> => void (await tx.run(useUp, { id }))

const lockById = statement<{ id: string }, InviteView>('invite_lock').read(
  sql`select ${inviteColumns} from ${invites} where id = ${param('id', 'uuid')} for update`,
)

const revoke = statement<{ id: string }, InviteView>('invite_revoke').write(sql`
  update ${invites} set revoked_at = now(), updated_at = now() where id = ${param('id', 'uuid')} returning ${inviteColumns}`)

/**
 * Revokes an invitation. A repeat finds it done. For an agent there are only those that it made itself.
 * @throws Refusal `not_found`, `conflict` for one that was used, `admin_required` for one that makes an administrator
 */
export async function revokeInvite(ctx: Ctx, id: string): Promise<InviteView> {
  return await mutate(ctx, async (tx) => {
    const [invite] = await tx.run(lockById, { id })
    if (invite === undefined || invite.companyId !== ctx.companyId) return refuseInvite()
    if (ctx.actor.kind === 'agent' && invite.invitedByAgentId !== ctx.actor.agentId) return refuseInvite()
    await requireActingRun(tx, ctx)
    if (invite.companyId === null && !(ctx.actor.kind === 'board' && ctx.actor.isAdmin)) refuse('admin_required')
    if (invite.acceptedAt !== null) refuse('conflict', { message: 'Invite already consumed' })
    if (invite.revokedAt !== null) return unchanged(invite)
    const revoked = exactlyOne(await tx.run(revoke, { id }))
    return changed(revoked, inviteRevoked(id, {}, { companyId: invite.companyId ?? NO_COMPANY }))
  })
}

const revokeBootstraps = statement<object, { id: string }>('invite_revoke_bootstraps').write(sql`
  update ${invites} set revoked_at = now(), updated_at = now()
  where invite_type = 'bootstrap_ceo' and revoked_at is null and accepted_at is null returning id`)

const insertBootstrap = statement<{ tokenHash: string; hours: number; userId: string | null }, InviteView>('invite_bootstrap').write(sql`
  insert into ${invites} (invite_type, token_hash, allowed_join_types, invited_by_user_id, expires_at)
  values ('bootstrap_ceo', ${param('tokenHash')}, 'human', ${param('userId', 'text')}, now() + ${param('hours', 'int')} * interval '1 hour')
  returning ${inviteColumns}`)

/** Invites an administrator of the instance. Earlier invitations of this kind end. */
export async function createBootstrapInvite(ctx: Ctx, origin: string, hours: number): Promise<z.output<typeof bootstrapInviteView>> {
  const token = `pcp_bootstrap_${randomBytes(24).toString('hex')}`
  return await mutate(ctx, async (tx) => {
    const earlier = await tx.run(revokeBootstraps, {})
    const invited = { tokenHash: hashToken(token), hours, userId: authorOf(ctx.actor).userId }
    const { id, inviteType, allowedJoinTypes, memberRole, expiresAt } = exactlyOne(await tx.run(insertBootstrap, invited))
    const inviteUrl = inviteUrlOf(token)
    return changed(
      { id, token, inviteUrl, url: origin + inviteUrl, expiresAt },
      inviteCreated(id, { inviteType, allowedJoinTypes, memberRole, expiresAt }, { companyId: NO_COMPANY }),
      ...earlier.map((revoked) => inviteRevoked(revoked.id, {}, { companyId: NO_COMPANY })),
    )
  })
}
