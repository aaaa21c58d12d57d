// The rights of a person at this moment, for changes that give rights: the caller was looked up before the change had its locks.

import { sql } from 'drizzle-orm'
import { boardKeys } from '../model/boardKeys.ts'
import { instanceAdministrators, people, signIns } from '../model/people.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Tx } from '../platform/db/types.ts'
import type { Actor, BoardActor } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import type { Permission } from './permissions.ts'
import { LOCAL_BOARD, personFacts, rightsOf } from './personSessions.ts'
import type { RightsRow } from './personSessions.ts'
import { actorIn } from './roles.ts'

const selectRights = statement<{ userId: string; credentialId: string }, RightsRow>('person_rights').read(sql`
  select ${personFacts} from ${people} p where p.id = ${param('userId')} and (
    exists (select from ${signIns} s where s.id = ${param('credentialId', 'uuid')} and s.expires_at > now())
    or exists (select from ${boardKeys} k where k.id = ${param('credentialId', 'uuid')} and k.revoked_at is null and k.expires_at > now()))`)

type SignedIn = BoardActor & { readonly session: NonNullable<BoardActor['session']> }

/** Whether the caller has rights that others withdraw. Those of the board of this machine and of agents are decided elsewhere. */
const isSignedIn = (actor: Actor): actor is SignedIn => actor.kind === 'board' && actor.session !== null && actor.userId !== LOCAL_BOARD

/**
 * (tx) The caller as it is now in a company. Call it behind the lock of the company, which every change of a role holds: a request that
 * waited for its own demotion must not undo it (I16).
 * @throws Refusal `unauthorized` for a session that has ended, `role_missing`
 */
export async function presentActor<A extends Actor>(tx: Tx, actor: A, permission: Permission, companyId: string): Promise<A | BoardActor> {
  if (!isSignedIn(actor)) return actor
  const { userId, session } = actor
  const [row] = await tx.run(selectRights, { userId, credentialId: session.id })
  if (row === undefined) return refuse('unauthorized')
  const present: BoardActor = { ...(actor as BoardActor), ...rightsOf(row) }
  return actorIn(present, permission, companyId) as BoardActor
}

const shareOwn = statement<{ userId: string }, { id: string }>('administrator_share').read(
  sql`select id from ${instanceAdministrators} where person_id = ${param('userId')} for share`,
)

/**
 * (tx) Refuses a person that administers the instance no longer, and keeps it from being demoted until the commit. Call it before other
 * row locks. @throws Refusal `admin_required`
 */
export async function requirePresentAdministrator(tx: Tx, actor: Actor): Promise<void> {
  if (isSignedIn(actor) && (await tx.run(shareOwn, { userId: actor.userId })).length === 0) refuse('admin_required')
}
