// The administrators of the instance, and the companies that a person enters.

import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { requirePresentAdministrator } from '../../auth/presentRights.ts'
import { companies, grants, memberships } from '../../model/companies.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { instanceAdministrators, people } from '../../model/people.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { accessChanged, demoted, ofInstance, promoted } from './events.ts'
import { endKeys, endKeysWithoutAccess } from './keys.ts'
import { personById } from './queries.ts'
import type { administratorView, membershipView } from './views.ts'

type Administrator = z.output<typeof administratorView>
type AdministratorRow = Omit<Administrator, 'role'>
type Membership = z.output<typeof membershipView>

const withRole = (row: AdministratorRow): Administrator => {
  const { id, userId, createdAt, updatedAt } = row
  return { id, userId, role: 'instance_admin', createdAt, updatedAt }
}

const insertAdministrator = statement<{ userId: string }, AdministratorRow>('administrator_insert').write(sql`
  insert into ${instanceAdministrators} (person_id) values (${param('userId')})
  on conflict (person_id) do update set updated_at = now() returning ${columnsOf(instanceAdministrators)}`)

/** (tx) Makes a person an administrator of the instance. A person who is one already stays it. */
export const makeAdministrator = async (tx: Tx, userId: string): Promise<AdministratorRow> =>
  exactlyOne(await tx.run(insertAdministrator, { userId }))

const lockAll = statement<object, { locked: string }>('administration_lock').read(
  sql`select pg_advisory_xact_lock(hashtextextended('administrators', 18))::text as locked`,
)

/**
 * (tx) Waits for others that make an administrator or claim the instance: while there is none, there is no row to lock. Call it before row
 * locks.
 */
export const lockAdministration = async (tx: Tx): Promise<void> => void (await tx.run(lockAll, {}))

const selectAdministrator = statement<{ userId: string }, AdministratorRow>('administrator_of_person').read(
  sql`select ${columnsOf(instanceAdministrators)} from ${instanceAdministrators} where person_id = ${param('userId')}`,
)

const lockById = statement<{ userId: string }, { id: string }>('lock_person').read(
  sql`select id from ${people} where id = ${param('userId')} for no key update`,
)

/** (tx) Locks a person's row, so that two changes of its rights wait for each other. @throws Refusal `not_found` */
export async function lockPerson(tx: Tx, userId: string): Promise<void> {
  if ((await tx.run(lockById, { userId })).length === 0) refuse('not_found', { message: 'Person not found' })
}

/** Makes a person an administrator of the instance. A repeat finds it done. @throws Refusal `not_found` */
export async function promote(ctx: Ctx, userId: string): Promise<Administrator> {
  return await mutate(ctx, async (tx) => {
    await lockAdministration(tx)
    await requirePresentAdministrator(tx, ctx.actor)
    await lockPerson(tx, userId)
    const [existing] = await tx.run(selectAdministrator, { userId })
    if (existing !== undefined) return unchanged(withRole(existing))
    const made = await makeAdministrator(tx, userId)
    return changed(withRole(made), promoted(userId, { role: 'instance_admin' }, ofInstance))
  })
}

// All of them are locked, in one order: of two who demote each other at once, the second finds one administrator left.
const lockAdministrators = statement<object, AdministratorRow>('administrators_lock').read(
  sql`select ${columnsOf(instanceAdministrators)} from ${instanceAdministrators} order by person_id for update`,
)

const deleteAdministrator = statement<{ userId: string }, { id: string }>('administrator_delete').write(
  sql`delete from ${instanceAdministrators} where person_id = ${param('userId')} returning id`,
)

/**
 * Takes the administration of the instance from a person, and ends the keys of its command lines: a later promotion must not make an old
 * one an administrator again.
 * @throws Refusal `not_found`, `last_administrator`
 */
export async function demote(ctx: Ctx, userId: string): Promise<Administrator> {
  return await mutate(ctx, async (tx) => {
    const all = await tx.run(lockAdministrators, {})
    await requirePresentAdministrator(tx, ctx.actor)
    const found = all.find((row) => row.userId === userId)
    if (found === undefined) return refuse('not_found', { message: 'Not an administrator of the instance' })
    if (all.length === 1) refuse('last_administrator')
    await tx.run(deleteAdministrator, { userId })
    const ended = await endKeys(tx, userId, 'access_ended')
    return changed(withRole(found), demoted(userId, { role: 'instance_admin' }, ofInstance), ...ended)
  })
}

const membershipsOf = statement<{ userId: string }, Membership>('memberships_of_person').read(sql`
  select ${columnsOf(memberships)} from ${memberships}
  where principal_type = 'user' and principal_id = ${param('userId')} and not ${isCompanyDeleted(memberships.companyId)}
  order by created_at, company_id limit 1000`)

/** The memberships of a person. @throws Refusal `not_found` */
export async function companyAccessOf(ctx: Ctx, userId: string): Promise<Membership[]> {
  await personById(ctx.store.read, userId)
  return await membershipsIn(ctx.store.read, userId)
}

const membershipsIn = (db: Pick<ReadDb, 'run'>, userId: string): Promise<Membership[]> => db.run(membershipsOf, { userId })

const lockCompanies = lockingRead(
  'company',
  statement<{ ids: readonly string[] }, { id: string }>('lock_companies').read(sql`
    select id from ${companies} where id = any(${param('ids', 'uuid[]')}) and not ${isCompanyDeleted(companies.id)} order by id for no key update`),
)

/** Companies of which the person is the only owner who can sign in. */
const ownedAlone = statement<{ userId: string; ids: readonly string[] }, { id: string }>('companies_owned_alone').read(sql`
  select m.company_id as id from ${memberships} m
  where m.company_id = any(${param('ids', 'uuid[]')}) and m.principal_type = 'user' and m.principal_id = ${param('userId')}
    and m.membership_role = 'owner' and m.status = 'active' and not exists (
      select from ${memberships} o join ${people} p on p.id = o.principal_id
      where o.company_id = m.company_id and o.principal_type = 'user' and o.principal_id <> m.principal_id
        and o.membership_role = 'owner' and o.status = 'active')`)

// The grants of a person go with its membership: a later one must not bring it back unseen.
const deleteMemberships = statement<{ userId: string; ids: readonly string[] }, { id: string }>('memberships_delete').write(sql`
  with granted as (delete from ${grants} where principal_type = 'user' and principal_id = ${param('userId')}
    and company_id = any(${param('ids', 'uuid[]')}))
  delete from ${memberships} where principal_type = 'user' and principal_id = ${param('userId')}
    and company_id = any(${param('ids', 'uuid[]')}) returning id`)

/**
 * A new member is an operator: it works, and decides nothing about this host. A suspended member is active again. Grants without a membership are
 * of a release that left them behind, and end.
 */
const insertMemberships = statement<{ userId: string; ids: readonly string[] }, { id: string }>('memberships_insert').write(sql`
  with left_behind as (delete from ${grants} g where g.principal_type = 'user' and g.principal_id = ${param('userId')}
    and g.company_id = any(${param('ids', 'uuid[]')}) and not exists (select from ${memberships} m where m.company_id = g.company_id
      and m.principal_type = 'user' and m.principal_id = g.principal_id))
  insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
  select id, 'user', ${param('userId')}, 'active', 'operator' from unnest(${param('ids', 'uuid[]')}) as t (id)
  on conflict (company_id, principal_type, principal_id) do update set status = 'active', updated_at = now() returning id`)

/**
 * Sets the companies that a person enters: the others end, new ones begin as operator, and those that stay keep their role.
 * @throws Refusal `not_found`, `unknown_reference` for a company that does not exist, `last_owner`
 */
export async function setCompanyAccess(ctx: Ctx, userId: string, companyIds: readonly string[]): Promise<Membership[]> {
  const wanted = new Set(companyIds.map((id) => id.toLowerCase()))
  return await mutate(ctx, async (tx) => {
    await requirePresentAdministrator(tx, ctx.actor)
    await lockPerson(tx, userId)
    const before = await lockAffected(tx, userId, wanted)
    const removed = before.filter(({ companyId }) => !wanted.has(companyId)).map(({ companyId }) => companyId)
    const active = new Set(before.filter(({ status }) => status === 'active').map(({ companyId }) => companyId))
    const added = [...wanted].filter((id) => !active.has(id)).toSorted()
    if (removed.length === 0 && added.length === 0) return unchanged(await membershipsIn(tx, userId))
    const [alone] = await tx.run(ownedAlone, { userId, ids: removed })
    if (alone !== undefined) refuse('last_owner', { details: { companyId: alone.id } })
    await tx.run(deleteMemberships, { userId, ids: removed })
    await tx.run(insertMemberships, { userId, ids: added })
    const ofCompanies = [...removed, ...added].map((companyId) => {
      const isAdded = added.includes(companyId)
      return accessChanged(userId, { added: isAdded ? [companyId] : [], removed: isAdded ? [] : [companyId] }, { companyId })
    })
    const ended = removed.length === 0 ? [] : await endKeysWithoutAccess(tx, userId)
    return changed(await membershipsIn(tx, userId), accessChanged(userId, { added, removed }, ofInstance), ...ofCompanies, ...ended)
  })
}

/** (tx) Locks the companies of before and those that are wanted, and reads the memberships under their locks. */
async function lockAffected(tx: Tx, userId: string, wanted: ReadonlySet<string>): Promise<Membership[]> {
  const ids = new Set([...wanted, ...(await membershipsIn(tx, userId)).map(({ companyId }) => companyId)])
  const locked = new Set((await lockCompanies(tx, { ids: [...ids] })).map(({ id }) => id))
  const unknown = [...wanted].filter((id) => !locked.has(id))
  if (unknown.length > 0) refuse('unknown_reference', { details: { companyIds: unknown } })
  // A company that the person made meanwhile is not locked, and is none of those that the request is about.
  return (await membershipsIn(tx, userId)).filter(({ companyId }) => locked.has(companyId))
}
