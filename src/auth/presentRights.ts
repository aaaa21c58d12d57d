// The rights of a person at this moment, for changes that give rights: the caller was looked up before the change had its locks.

import { sql } from 'drizzle-orm'
import { boardKeys } from '../model/boardKeys.ts'
import { grants } from '../model/companies.ts'
import { instanceAdministrators, people, signIns } from '../model/people.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Tx } from '../platform/db/types.ts'
import type { Actor, AgentActor, BoardActor, GrantKey } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { authorize } from './authorize.ts'
import type { Permission } from './permissions.ts'
import { LOCAL_BOARD, personFacts, rightsOf } from './personSessions.ts'
import type { RightsRow } from './personSessions.ts'
import { grantsForAgents } from './power.ts'
import { actorIn } from './roles.ts'

interface SignedInAs {
  readonly userId: string
  readonly credentialId: string
}

/** Whether the session or the key of the request still lives. */
const isSignedInStill = sql`(exists (select from ${signIns} s where s.id = ${param('credentialId', 'uuid')} and s.expires_at > now())
  or exists (select from ${boardKeys} k where k.id = ${param('credentialId', 'uuid')} and k.revoked_at is null and k.expires_at > now()))`

const selectRights = statement<SignedInAs, RightsRow>('person_rights').read(
  sql`select ${personFacts} from ${people} p where p.id = ${param('userId')} and ${isSignedInStill}`,
)

const selectGrants = statement<{ agentId: string; companyId: string }, { key: GrantKey }>('agent_grants').read(sql`
  select permission_key as key from ${grants} where company_id = ${param('companyId', 'uuid')} and principal_type = 'agent'
    and principal_id = ${param('agentId', 'text')}`)

/** (tx) An agent with the grants that it has now. @throws Refusal as `authorize` */
async function presentAgent(tx: Tx, actor: AgentActor, permission: Permission): Promise<AgentActor> {
  if (actor.grants.length === 0) return actor
  const { agentId, companyId } = actor
  const keys = (await tx.run(selectGrants, { agentId, companyId })).map(({ key }) => key)
  const present = { ...actor, grants: grantsForAgents.filter((key) => keys.includes(key)) }
  authorize(permission, present)
  return present
}

type SignedIn = BoardActor & { readonly session: NonNullable<BoardActor['session']> }

/** Whether the caller is a person with rights that others withdraw. The board of this machine has no others. */
const isSignedIn = (actor: Actor): actor is SignedIn => actor.kind === 'board' && actor.session !== null && actor.userId !== LOCAL_BOARD

/**
 * (tx) The caller as it is now in a company. Call it behind the lock of the company, which every change of a role holds: a request that
 * waited for its own demotion must not undo it (I16).
 * @throws Refusal `unauthorized` for a session that has ended, `role_missing`; as `authorize` for an agent
 */
export async function presentActor(tx: Tx, actor: Actor, permission: Permission, companyId: string): Promise<Actor> {
  if (actor.kind === 'agent') return await presentAgent(tx, actor, permission)
  if (!isSignedIn(actor)) return actor
  const { userId, session } = actor
  const [row] = await tx.run(selectRights, { userId, credentialId: session.id })
  if (row === undefined) return refuse('unauthorized')
  return actorIn({ ...actor, ...rightsOf(row) }, permission, companyId)
}

const shareOwn = statement<SignedInAs, { id: string }>('administrator_share').read(
  sql`select id from ${instanceAdministrators} where person_id = ${param('userId')} and ${isSignedInStill} for share`,
)

/**
 * (tx) Refuses a person that administers the instance no longer or whose session has ended, and keeps it from being demoted until the commit. Call it before other
 * row locks. @throws Refusal `admin_required`
 */
export async function requirePresentAdministrator(tx: Tx, actor: Actor): Promise<void> {
  if (!isSignedIn(actor)) return
  const { userId, session } = actor
  if ((await tx.run(shareOwn, { userId, credentialId: session.id })).length === 0) refuse('admin_required')
}
