// Accepting an invitation: a person or an agent asks to join, or the first administrator is made.

import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { bySecret } from '../../auth/bySecret.ts'
import { hashToken } from '../../auth/tokens.ts'
import { memberships } from '../../model/companies.ts'
import { invites, joinRequests } from '../../model/invites.ts'
import type { Client } from '../../http/client.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { Actor, PersonSession } from '../../platform/kernel/actor.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { lockAdministration, makeAdministrator, promoted } from '../people/index.ts'
import { bootstrapAccepted, joinRequested } from './events.ts'
import { lockOpenInvite, refuseInvite, useInvite } from './invites.ts'
import { claimPathOf, onboardingOf } from './onboarding.ts'
import type { acceptBody, acceptedView, InviteView, JoinRequest } from './views.ts'

type Accepted = z.output<typeof acceptedView>
type Input = z.output<typeof acceptBody>

/** The columns of a request that are served: everything but the hash of its secret. */
export const requestColumns = columnsOf(joinRequests, ['claimSecretHash'])

const insertRequest = statement<
  {
    inviteId: string
    companyId: string
    requestType: 'human' | 'agent'
    requestIp: string
    userId: string | null
    email: string | null
    agentName: string | null
    adapterType: string | null
    capabilities: string | null
    payload: string | null
    secretHash: string | null
  },
  JoinRequest
>('join_request_insert').write(sql`
  insert into ${joinRequests} (invite_id, company_id, request_type, request_ip, requesting_user_id, request_email_snapshot, agent_name,
    adapter_type, capabilities, agent_defaults_payload, claim_secret_hash, claim_secret_expires_at)
  values (${param('inviteId', 'uuid')}, ${param('companyId', 'uuid')}, ${param('requestType')}, ${param('requestIp')},
    ${param('userId', 'text')}, ${param('email', 'text')}, ${param('agentName', 'text')}, ${param('adapterType', 'text')},
    ${param('capabilities', 'text')}, ${param('payload', 'jsonb')}, ${param('secretHash', 'text')},
    case when ${param('secretHash', 'text')} is null then null else now() + interval '7 days' end)
  returning ${requestColumns}`)

const activeMember = statement<{ companyId: string; userId: string }, { id: string }>('invite_active_member').read(sql`
  select id from ${memberships} where company_id = ${param('companyId', 'uuid')} and principal_type = 'user'
    and principal_id = ${param('userId')} and status = 'active'`)

interface Person {
  readonly userId: string
  readonly session: PersonSession
}

/** The person who accepts. @throws Refusal `unauthorized`, `session_required` */
function personOf(actor: Actor): Person {
  if (actor.kind !== 'board') return refuse('unauthorized', { message: 'Unauthorized: sign in to accept the invitation as a person' })
  if (actor.via !== 'session' || actor.session === null) return refuse('session_required')
  return { userId: actor.userId, session: actor.session }
}

/** (tx) The first administrator of the instance, or one more. */
async function acceptBootstrap(tx: Tx, invite: InviteView, { userId }: Person): Promise<Outcome<Accepted>> {
  await lockAdministration(tx)
  await makeAdministrator(tx, userId)
  await useInvite(tx, invite.id)
  return changed(
    { inviteId: invite.id, inviteType: 'bootstrap_ceo' as const, bootstrapAccepted: true as const, userId },
    bootstrapAccepted(invite.id, { userId }, { companyId: NO_COMPANY }),
    promoted(userId, { role: 'instance_admin' }, { companyId: NO_COMPANY }),
  )
}

const nothingOfAgent = { agentName: null, adapterType: null, capabilities: null, payload: null, secretHash: null }

/** (tx) A person asks to join. @throws Refusal `conflict` for a member */
async function acceptAsPerson(tx: Tx, invite: InviteView, { userId, session }: Person, address: string): Promise<Outcome<Accepted>> {
  const { id: inviteId, companyId } = invite
  invariant(companyId !== null, 'an invitation to join has a company')
  if ((await tx.run(activeMember, { companyId, userId })).length > 0) refuse('conflict', { message: 'Already a member of the company' })
  await useInvite(tx, inviteId)
  const row = exactlyOne(
    await tx.run(insertRequest, {
      inviteId,
      companyId,
      requestType: 'human',
      requestIp: address,
      userId,
      email: session.email,
      ...nothingOfAgent,
    }),
  )
  return changed(row, joinRequested(row.id, { inviteId, requestType: 'human', address }, { companyId }))
}

interface ForAgent {
  readonly input: Input
  readonly client: Client
  readonly token: string
  readonly claimSecret: string
}

/** (tx) An agent asks to join. Only this answer has the secret with which it takes its key. */
async function acceptAsAgent(tx: Tx, invite: InviteView, { input, client, token, claimSecret }: ForAgent): Promise<Outcome<Accepted>> {
  const { id: inviteId, companyId } = invite
  invariant(companyId !== null, 'an invitation to join has a company')
  await useInvite(tx, inviteId)
  const payload = input.agentDefaultsPayload ?? invite.defaultsPayload
  const row = exactlyOne(
    await tx.run(insertRequest, {
      inviteId,
      companyId,
      requestType: 'agent',
      requestIp: client.address,
      userId: null,
      email: null,
      agentName: input.agentName ?? null,
      adapterType: input.adapterType ?? null,
      capabilities: input.capabilities ?? null,
      payload: payload === null ? null : JSON.stringify(payload),
      secretHash: hashToken(claimSecret),
    }),
  )
  const more = { claimSecret, claimApiKeyPath: claimPathOf(row.id), onboarding: onboardingOf(token, client.origin), diagnostics: [] }
  return changed({ ...row, ...more }, joinRequested(row.id, { inviteId, requestType: 'agent', address: client.address }, { companyId }))
}

/** Refuses a request of a kind that the invitation does not allow. @throws Refusal `bad_request` */
function requireAllowed({ inviteType, allowedJoinTypes }: InviteView, { requestType, agentName }: Input): void {
  if (inviteType === 'bootstrap_ceo' && requestType !== 'human')
    refuse('bad_request', { message: 'Bootstrap invite requires human request type' })
  if (allowedJoinTypes !== 'both' && allowedJoinTypes !== requestType)
    refuse('bad_request', { message: `Invite does not allow ${requestType} joins` })
  if (requestType === 'agent' && agentName === undefined)
    refuse('bad_request', { message: 'agentName is required for agent join requests' })
}

const ownRequest = statement<{ hash: string; userId: string }, JoinRequest>('join_request_own').read(sql`
  select ${requestColumns} from ${joinRequests} where requesting_user_id = ${param('userId')}
    and invite_id = (select id from ${invites} where token_hash = ${param('hash')})`)

/**
 * (tx) The request that a person made with an invitation before: a repeat finds it. An agent has no proof that it is the one that asked.
 */
async function ownRequestOf(tx: Tx, actor: Actor, token: string, { requestType }: Input): Promise<JoinRequest | undefined> {
  if (requestType !== 'human' || actor.kind !== 'board' || actor.via !== 'session') return undefined
  return (await tx.run(ownRequest, { hash: hashToken(token), userId: actor.userId }))[0]
}

/**
 * Accepts an invitation, which uses it up. A person that repeats it gets its request as it is now.
 * @throws Refusal `not_found`, `bad_request`, `unauthorized`, `session_required`, `conflict`
 */
export async function acceptInvite(ctx: Ctx, client: Client, token: string, input: Input): Promise<Accepted> {
  const claimSecret = `pcp_claim_${randomBytes(24).toString('hex')}`
  return await mutate<Accepted>(bySecret(ctx), async (tx) => {
    const invite = await lockOpenInvite(tx, token)
    if (invite === undefined) return unchanged((await ownRequestOf(tx, ctx.actor, token, input)) ?? refuseInvite())
    requireAllowed(invite, input)
    if (input.requestType === 'agent') return await acceptAsAgent(tx, invite, { input, client, token, claimSecret })
    const person = personOf(ctx.actor)
    return invite.inviteType === 'bootstrap_ceo'
      ? await acceptBootstrap(tx, invite, person)
      : await acceptAsPerson(tx, invite, person, client.address)
  })
}
