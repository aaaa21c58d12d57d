// Changing what a member may do. All of it happens under the lock of the company's row, so the last owner is found safely.

import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { grantsForAgents } from '../../auth/power.ts'
import { presentActor } from '../../auth/presentRights.ts'
import { decidesForHost, isAtLeast } from '../../auth/roles.ts'
import { grants, memberships } from '../../model/companies.ts'
import { people } from '../../model/people.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { grantKeys, memberRoles } from '../../platform/kernel/actor.ts'
import type { Actor, GrantKey, MemberRole } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { lockCompany } from '../companies/index.ts'
import { endKeysWithoutAccess } from '../people/index.ts'
import { agentGrantsChanged, permissionsChanged, roleChanged } from './events.ts'
import { memberById } from './queries.ts'
import type { memberPermissionsBody, MemberView, updateMemberBody } from './views.ts'

const isRole = (text: string | null): text is MemberRole => memberRoles.some((role) => role === text)
const isGrant = (text: string): text is GrantKey => grantKeys.some((key) => key === text)

/** (tx) The member under the lock of its company, and the caller as it is under that lock. @throws Refusal `not_found`, as `presentActor` */
async function lockMember(tx: Tx, ctx: Ctx, memberId: string): Promise<{ readonly member: MemberView; readonly actor: Actor }> {
  const companyId = companyOf(ctx)
  await lockCompany(tx, companyId)
  const actor = await presentActor(tx, ctx.actor, 'member.write', companyId)
  return { member: await memberById(tx, companyId, memberId), actor }
}

/** Refuses a change by a person whose own role is weaker than what it gives or takes. @throws Refusal `above_own_role` */
function requireAsStrong(actor: Actor, roles: readonly (MemberRole | null)[]): void {
  const own = actor.kind === 'board' ? actor.role : null
  if (roles.some((role) => role !== null && !isAtLeast(own, role))) refuse('above_own_role', { details: { role: own } })
}

const otherOwners = statement<{ companyId: string; principalId: string }, { count: number }>('member_other_owners').read(sql`
  select count(*)::int as count from ${memberships} m join ${people} p on p.id = m.principal_id
  where m.company_id = ${param('companyId', 'uuid')} and m.principal_type = 'user' and m.principal_id <> ${param('principalId')}
    and m.membership_role = 'owner' and m.status = 'active'`)

interface State {
  readonly membershipRole: MemberRole | null
  readonly status: MemberView['status']
}

const isActiveOwner = ({ membershipRole, status }: State): boolean => membershipRole === 'owner' && status === 'active'

const updateMembership = statement<State & { id: string }, { id: string }>('member_update').write(sql`
  update ${memberships} set membership_role = ${param('membershipRole', 'text')}, status = ${param('status', 'text')}, updated_at = now()
  where id = ${param('id', 'uuid')} returning id`)

/**
 * Changes the role or the status of a member. It counts at once here, and within a second on other servers (I16).
 * @throws Refusal `not_found`, `unprocessable`, `above_own_role`, `last_owner`
 */
export async function updateMember(ctx: Ctx, memberId: string, input: z.output<typeof updateMemberBody>): Promise<MemberView> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const { member, actor } = await lockMember(tx, ctx, memberId)
    if (member.principalType === 'agent') refuse('unprocessable', { message: 'An agent has no role among people' })
    const role = isRole(member.membershipRole) ? member.membershipRole : null
    const before: State = { membershipRole: role, status: member.status }
    const after: State = { membershipRole: input.role ?? role, status: input.status ?? member.status }
    requireAsStrong(actor, [before.membershipRole, after.membershipRole])
    if (before.membershipRole === after.membershipRole && before.status === after.status) return unchanged(member)
    const { principalId } = member
    if (isActiveOwner(before) && !isActiveOwner(after) && member.user !== null) {
      const [others] = await tx.run(otherOwners, { companyId, principalId })
      if ((others?.count ?? 0) === 0) refuse('last_owner', { details: { companyId } })
    }
    await tx.run(updateMembership, { ...after, id: memberId })
    const ended = after.status === 'active' ? [] : await endKeysWithoutAccess(tx, principalId)
    return changed(await memberById(tx, companyId, memberId), roleChanged(principalId, { ...after, _previous: before }), ...ended)
  })
}

interface Grant {
  readonly id: string
  readonly companyId: string
  readonly principalType: MemberView['principalType']
  readonly principalId: string
  readonly permissionKey: GrantKey
  readonly scope: string | null
  readonly grantedByUserId: string | null
}

const insertGrant = statement<Grant, { id: string }>('member_grant').write(sql`
  insert into ${grants} (id, company_id, principal_type, principal_id, permission_key, scope, granted_by_user_id)
  values (${param('id', 'uuid')}, ${param('companyId', 'uuid')}, ${param('principalType')}, ${param('principalId')}, ${param('permissionKey')},
    ${param('scope', 'jsonb')}, ${param('grantedByUserId', 'text')}) returning id`)

const deleteGrants = statement<Pick<Grant, 'companyId' | 'principalType' | 'principalId'> & { keys: readonly string[] }, { id: string }>(
  'member_revoke',
).write(sql`
  delete from ${grants} where company_id = ${param('companyId', 'uuid')} and principal_type = ${param('principalType')}
    and principal_id = ${param('principalId')} and permission_key = any(${param('keys', 'text[]')}) returning id`)

/** Whether an actor may give a grant: who decides about the company may give all of them, others what they have themselves. */
const mayGrant = (actor: Actor, companyId: string, key: GrantKey): boolean =>
  decidesForHost(actor) || (actor.kind === 'board' && (actor.grants.get(companyId) ?? []).includes(key))

const isForAgents = (key: GrantKey): boolean => grantsForAgents.some((each) => each === key)

/** Refuses a change of what an agent does not get here. @throws Refusal `unprocessable` */
function requireForAgents(keys: readonly GrantKey[]): void {
  const others = keys.filter((key) => !isForAgents(key))
  if (others.length === 0) return
  refuse('unprocessable', {
    message: `An agent is granted ${grantsForAgents.join(' and ')} here; PATCH /api/agents/:id/permissions changes what else it may do`,
    details: { grants: others },
  })
}

/**
 * Sets what a member is granted beyond its role: the full set. Of an agent those change that `auth/power.ts` lets agents have, and the set
 * names the others as they are.
 * @throws Refusal `not_found`, `unprocessable` for a grant that an agent does not get, `above_own_role`
 */
export async function setMemberPermissions(ctx: Ctx, memberId: string, input: z.output<typeof memberPermissionsBody>): Promise<MemberView> {
  const companyId = companyOf(ctx)
  const wanted = new Map(input.grants.map(({ permissionKey, scope }) => [permissionKey, scope ?? null]))
  return await mutate(ctx, async (tx) => {
    const { member, actor } = await lockMember(tx, ctx, memberId)
    const { principalId, principalType } = member
    const held = member.grants.map(({ permissionKey }) => permissionKey).filter(isGrant)
    const added = [...wanted.keys()].filter((key) => !held.includes(key))
    const removed = held.filter((key) => !wanted.has(key))
    if (principalType === 'agent') requireForAgents([...added, ...removed])
    if (![...added, ...removed].every((key) => mayGrant(actor, companyId, key))) refuse('above_own_role')
    if (added.length === 0 && removed.length === 0) return unchanged(member)
    if (removed.length > 0) await tx.run(deleteGrants, { companyId, principalType, principalId, keys: removed })
    for (const permissionKey of added) {
      const scope = wanted.get(permissionKey) ?? null
      const grantedByUserId = ctx.actor.kind === 'board' ? ctx.actor.userId : null
      const scopeText = scope === null ? null : JSON.stringify(scope)
      const grant = { id: randomUUID(), companyId, principalType, principalId, permissionKey, scope: scopeText, grantedByUserId }
      await tx.run(insertGrant, grant)
    }
    const changes = { added, removed }
    const event =
      principalType === 'agent'
        ? agentGrantsChanged(principalId, changes, { agentId: principalId })
        : permissionsChanged(principalId, changes)
    return changed(await memberById(tx, companyId, memberId), event)
  })
}
