// Requests to join: the list, the decision of a person, and the one time at which an agent takes its key.

import { timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { bySecret } from '../../auth/bySecret.ts'
import { powerIn } from '../../auth/power.ts'
import { presentActor } from '../../auth/presentRights.ts'
import { decidesForHost } from '../../auth/roles.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { hashToken } from '../../auth/tokens.ts'
import { agents } from '../../model/agents.ts'
import type { AdapterType } from '../../model/adapterTypes.ts'
import { grants, memberships } from '../../model/companies.ts'
import { invites, joinRequests } from '../../model/invites.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams } from '../../platform/db/keyset.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import type { Actor, MemberRole } from '../../platform/kernel/actor.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { agentCreated, createAgentBody, insertAgent, insertPlainKey, lockAgent } from '../agents/index.ts'
import type { CreateAgent } from '../agents/index.ts'
import { companyById, lockUnarchivedCompany } from '../companies/index.ts'
import { accessChanged } from '../people/index.ts'
import { requestColumns } from './accept.ts'
import { joinApproved, joinRejected, keyClaimed } from './events.ts'
import { requireRole } from './invites.ts'
import type { claimedKeyView, JoinRequest, joinRequestsQuery } from './views.ts'

const listOrder = byCreation('desc')
type ListParams = KeysetParams & { companyId: string; status: string | null; requestType: string | null }
const listStatement = dynamicRead<ListParams, JoinRequest>('join_request_list')

/**
 * The requests to join a company, newest first. An agent decides about agents only, so it sees no request of a person, which has its mail
 * address.
 */
export async function listJoinRequests(ctx: Ctx, query: z.output<typeof joinRequestsQuery>): Promise<Page<JoinRequest>> {
  const page = listOrder.page(query)
  const { status = null, requestType = null } = query
  const onlyAgents = ctx.actor.kind === 'agent'
  const filter = (name: 'status' | 'requestType', column: SQL): SQL =>
    query[name] === undefined ? sql`` : sql`and ${column} = ${param(name, 'text')}`
  return await page.read(
    ctx.store.read,
    listStatement(
      JSON.stringify([page.hasCursor, status !== null, requestType !== null, onlyAgents]),
      () => sql`select ${requestColumns} from ${joinRequests} where company_id = ${param('companyId', 'uuid')}
        ${filter('status', sql`status`)} ${filter('requestType', sql`request_type`)}
        ${onlyAgents ? sql`and request_type = 'agent'` : sql``} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { ...page.params, companyId: companyOf(ctx), status, requestType },
  )
}

/** A request, with what its invitation says. */
interface Locked extends JoinRequest {
  readonly memberRole: MemberRole
  readonly inviterAgentId: string | null
}

/** A request that waits, and the caller as it is under the lock of the company. */
interface Pending {
  readonly request: Locked
  readonly actor: Actor
}

const lockById = statement<{ id: string; companyId: string }, Locked>('join_request_lock').read(sql`
  select ${requestColumns}, (select i.member_role from ${invites} i where i.id = "join_requests"."invite_id") as "memberRole",
    (select i.invited_by_agent_id from ${invites} i where i.id = "join_requests"."invite_id") as "inviterAgentId"
  from ${joinRequests} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} for update`)

const refuseRequest = (): never => refuse('not_found', { message: 'Join request not found' })

/**
 * (tx) A request that waits for its decision, under the locks of its company and its own. It is as it was asked for: nothing changes a
 * request before its decision, so the decision is about what was shown (I20).
 * @throws Refusal `not_found`, `conflict`; `board_required` for an agent that decides about a person
 */
async function lockPending(tx: Tx, ctx: Ctx, id: string): Promise<Pending> {
  const companyId = companyOf(ctx)
  await lockUnarchivedCompany(tx, companyId)
  const actor = await presentActor(tx, ctx.actor, 'join.decide', companyId)
  const [request] = await tx.run(lockById, { id, companyId })
  if (request === undefined) return refuseRequest()
  if (ctx.actor.kind === 'agent' && request.requestType === 'human') refuse('board_required')
  if (request.status !== 'pending_approval') refuse('conflict', { message: 'Join request is not pending' })
  return { request, actor }
}

interface Decision {
  readonly id: string
  readonly status: 'approved' | 'rejected'
  /** The one that decided: a person or an agent. */
  readonly userId: string | null
  readonly agentId: string | null
  readonly createdAgentId: string | null
}

const isStatus = (status: Decision['status']): SQL => sql`${param('status', 'text')} = ${sql.raw(`'${status}'`)}`

const decide = statement<Decision, JoinRequest>('join_request_decide').write(sql`
  update ${joinRequests} set status = ${param('status', 'text')}, updated_at = now(), created_agent_id = ${param('createdAgentId', 'uuid')},
    approved_at = case when ${isStatus('approved')} then now() end,
    approved_by_user_id = case when ${isStatus('approved')} then ${param('userId', 'text')} end,
    approved_by_agent_id = case when ${isStatus('approved')} then ${param('agentId', 'uuid')} end,
    rejected_at = case when ${isStatus('rejected')} then now() end,
    rejected_by_user_id = case when ${isStatus('rejected')} then ${param('userId', 'text')} end,
    rejected_by_agent_id = case when ${isStatus('rejected')} then ${param('agentId', 'uuid')} end
  where id = ${param('id', 'uuid')} returning ${requestColumns}`)

// A person whose membership was not active comes back with what its invitation says, and not with what it was granted before.
const insertMembership = statement<{ companyId: string; userId: string; role: MemberRole }, { id: string }>('join_member_insert').write(sql`
  with ended as (delete from ${grants} g where g.company_id = ${param('companyId', 'uuid')} and g.principal_type = 'user'
    and g.principal_id = ${param('userId')} and not exists (select from ${memberships} m where m.company_id = g.company_id
      and m.principal_type = 'user' and m.principal_id = g.principal_id and m.status = 'active'))
  insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
  values (${param('companyId', 'uuid')}, 'user', ${param('userId')}, 'active', ${param('role')})
  on conflict (company_id, principal_type, principal_id)
    do update set status = 'active', updated_at = now(),
      membership_role = case when ${memberships}.status = 'active' then ${memberships}.membership_role else excluded.membership_role end
  returning id`)

const selectCeo = statement<{ companyId: string }, { id: string }>('join_ceo').read(sql`
  select id from ${agents} where company_id = ${param('companyId', 'uuid')} and role = 'ceo' and status not in ('terminated', 'pending_approval')
  order by created_at, id limit 1`)

/** Adapters whose configuration says where a request goes, and starts nothing on this host. */
const requestAdapters: ReadonlySet<string> = new Set(['http', 'openclaw_gateway'] satisfies AdapterType[])

/**
 * (tx) Refuses who lets an agent in beyond what it decides: with what decides where this host connects to, or in a company whose board
 * approves new agents (I18, I21). A person that was granted the decision about joins has no more of this than an agent; only an agent
 * may not use its own invitation. @throws Refusal `own_request`, `approval_required`
 */
async function requireWithinPower(tx: Tx, actor: Actor, { companyId, inviterAgentId }: Locked, input: CreateAgent): Promise<void> {
  if (decidesForHost(actor) || (actor.kind !== 'agent' && actor.kind !== 'board')) return
  if (actor.kind === 'agent' && inviterAgentId === actor.agentId)
    refuse('own_request', { message: 'An agent lets no other in by its own invitation' })
  const { requireBoardApprovalForNewAgents } = await companyById(tx, companyId)
  if (requireBoardApprovalForNewAgents) refuse('approval_required', { message: 'The board of this company approves new agents' })
  const fields = powerIn(actor, null, { ...input })
  if (fields.length > 0) refuse('approval_required', { details: { fields } })
}

/** (tx) The agent that asked to join. Commands that it asked for are left out: a person configures them. @throws Refusal `conflict`, as `requireWithinPower` */
async function makeAgent(tx: Tx, ctx: Ctx, { request, actor }: Pending): Promise<{ agentId: string; event: DomainEvent }> {
  const [ceo] = await tx.run(selectCeo, { companyId: request.companyId })
  if (ceo === undefined) return refuse('conflict', { message: 'The company has no CEO to whom the agent would report' })
  const { agentName: name, adapterType, capabilities, agentDefaultsPayload } = request
  const input = createAgentBody.parse({
    name,
    role: 'general',
    reportsTo: ceo.id,
    capabilities,
    ...(adapterType === null ? {} : { adapterType }),
    ...(adapterType !== null && requestAdapters.has(adapterType) ? { adapterConfig: agentDefaultsPayload ?? {} } : {}),
  })
  await requireWithinPower(tx, actor, request, input)
  const agent = await insertAgent(tx, ctx, input, 'idle')
  const details = { name: agent.name, role: agent.role, adapterType: agent.adapterType, reportsTo: agent.reportsTo }
  return { agentId: agent.id, event: agentCreated(agent.id, details, { agentId: agent.id }) }
}

/**
 * Lets a person or an agent in. A person lets no other in with a stronger role than its own, and an agent lets in agents only.
 * @throws Refusal `not_found`, `conflict`, `above_own_role`, `company_not_active`, `board_required`, those of `requireWithinPower`
 */
export async function approveJoin(ctx: Ctx, id: string): Promise<JoinRequest> {
  const companyId = companyOf(ctx)
  const decision = { id, status: 'approved', ...authorOf(ctx.actor) } as const
  return await mutate(ctx, async (tx) => {
    const pending = await lockPending(tx, ctx, id)
    const { request, actor } = pending
    const { inviteId, requestType, requestingUserId, memberRole } = request
    if (requestType === 'agent') {
      const { agentId: createdAgentId, event } = await makeAgent(tx, ctx, pending)
      await requireActingRun(tx, ctx)
      const approved = exactlyOne(await tx.run(decide, { ...decision, createdAgentId }))
      return changed(approved, joinApproved(id, { inviteId, requestType, createdAgentId }), event)
    }
    invariant(requestingUserId !== null, 'a person asked to join')
    requireRole(actor, memberRole)
    await tx.run(insertMembership, { companyId, userId: requestingUserId, role: memberRole })
    const approved = exactlyOne(await tx.run(decide, { ...decision, createdAgentId: null }))
    return changed(
      approved,
      joinApproved(id, { inviteId, requestType, createdAgentId: null }),
      accessChanged(requestingUserId, { added: [companyId], removed: [] }),
    )
  })
}

/**
 * Refuses a request to join. @throws Refusal `not_found`, `conflict`, `company_not_active`; `board_required` for an agent about a person
 */
export async function rejectJoin(ctx: Ctx, id: string): Promise<JoinRequest> {
  return await mutate(ctx, async (tx) => {
    const { inviteId, requestType } = (await lockPending(tx, ctx, id)).request
    await requireActingRun(tx, ctx)
    const decision = { id, status: 'rejected', ...authorOf(ctx.actor), createdAgentId: null } as const
    const rejected = exactlyOne(await tx.run(decide, decision))
    return changed(rejected, joinRejected(id, { inviteId, requestType }))
  })
}

interface Claim {
  readonly companyId: string
  readonly status: JoinRequest['status']
  readonly secretHash: string | null
  readonly agentId: string | null
  readonly isOver: boolean
  readonly isConsumed: boolean
}

const lockClaim = statement<{ id: string }, Claim>('join_claim_lock').read(sql`
  select company_id as "companyId", status, claim_secret_hash as "secretHash", created_agent_id as "agentId",
    coalesce(claim_secret_expires_at <= now(), true) as "isOver", claim_secret_consumed_at is not null as "isConsumed"
  from ${joinRequests} where id = ${param('id', 'uuid')} for update`)

const consume = statement<{ id: string }, { id: string }>('join_claim_consume').write(sql`
  update ${joinRequests} set claim_secret_consumed_at = now(), updated_at = now() where id = ${param('id', 'uuid')} returning id`)

const isSecret = (hash: string | null, secret: string): boolean =>
  hash !== null && timingSafeEqual(Buffer.from(hash), Buffer.from(hashToken(secret)))

/**
 * Gives an agent that was let in its key, once. The secret proves that it is the agent that asked.
 * @throws Refusal `not_found`, `claim_secret_wrong`, `conflict` for a request that was not approved, or a secret that is used or over
 */
export async function claimKey(ctx: Ctx, id: string, secret: string): Promise<z.output<typeof claimedKeyView>> {
  return await mutate(bySecret(ctx), async (tx) => {
    const [claim] = await tx.run(lockClaim, { id })
    if (claim === undefined) return refuseRequest()
    if (!isSecret(claim.secretHash, secret)) refuse('claim_secret_wrong')
    const { companyId, agentId } = claim
    if (claim.status !== 'approved' || agentId === null) refuse('conflict', { message: 'Join request must be approved before key claim' })
    if (claim.isConsumed) refuse('conflict', { message: 'Claim secret already used' })
    if (claim.isOver) refuse('conflict', { message: 'Claim secret expired' })
    const agent = await lockAgent(tx, companyId, agentId)
    const key = await insertPlainKey(tx, agent, 'initial-join-key')
    await tx.run(consume, { id })
    return changed(
      { keyId: key.id, token: key.token, agentId, createdAt: key.createdAt },
      keyClaimed(id, { keyId: key.id, agentId }, { companyId, agentId }),
    )
  })
}
