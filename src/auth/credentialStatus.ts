import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agentKeys, agents } from '../model/agents.ts'
import { boardKeys } from '../model/boardKeys.ts'
import { memberships } from '../model/companies.ts'
import { instanceAdministrators, signIns } from '../model/people.ts'
import { runs } from '../model/runs.ts'
import { isQuarantinedSql } from '../model/agentStatus.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import type { Actor } from '../platform/kernel/actor.ts'
import { LOCAL_BOARD } from './personSessions.ts'

const agentMayAct = sql`a.status not in ('terminated', 'pending_approval')`

/** Condition: key `k` of agent `a` could be used, had it not expired. */
export const isKeyUnrevoked = sql`k.revoked_at is null and ${agentMayAct}`

/** Condition: key `k` of agent `a` can be used (I16). */
const isKeyUsable = sql`${isKeyUnrevoked} and (k.expires_at is null or k.expires_at > now())`

/** Condition: the token of run `r` of agent `a` can be used (I16). */
export const isRunTokenUsable = sql`r.status in ('queued', 'running') and r.lease_expires_at > now() and ${agentMayAct}`

/**
 * Condition: the token of run `r` of agent `a` was usable until its run ended, and the agent has not lost its credentials. It
 * opens nothing but the answer to a request that it made before.
 */
export const isRunTokenEnded = sql`r.status not in ('queued', 'running') and ${agentMayAct} and not ${isQuarantinedSql('a')}`

/** The credential of a long-lived connection: a reference to the row whose end revokes it. */
export interface CredentialRef {
  readonly kind: 'key' | 'run' | 'session' | 'boardKey'
  /** Of a session or the key of a command line: its id, the company and the role, because the connection ends with them: what it shows depends on the role. */
  readonly id: string
}

/** In the place of a role: the person administers the instance. */
const ADMINISTRATOR = 'administrator'

/** The credential that a connection about a company depends on; null for the board of this machine and the holder of its token. */
export function credentialRefOf(actor: Actor, companyId: string): CredentialRef | null {
  if (actor.kind === 'board' && actor.session !== null) {
    const role = actor.isAdmin ? ADMINISTRATOR : actor.role
    return { kind: actor.via === 'board_key' ? 'boardKey' : 'session', id: `${actor.session.id}/${companyId}/${role}` }
  }
  if (actor.kind !== 'agent') return null
  const { keyId, runId } = actor
  if (actor.via === 'key') return keyId === null ? null : { kind: 'key', id: keyId }
  return runId === null ? null : { kind: 'run', id: runId }
}

const usableKey = statement<{ keyId: string }, { usable: true }>('key_usable').read(sql`
  select true as usable from ${agentKeys} k join ${agents} a on a.id = k.agent_id
  where k.id = ${param('keyId', 'uuid')} and ${isKeyUsable} and not ${isQuarantinedSql('a')}`)

/** Whether a key can be used: not revoked or expired, and its agent may act. */
export const isKeyIdUsable = async (db: ReadDb, keyId: string): Promise<boolean> => (await db.run(usableKey, { keyId })).length > 0

/** The parameters of `revokedCredentials`. */
export interface CredentialIds {
  readonly keyIds: readonly string[]
  readonly runIds: readonly string[]
  /** Each is `session/company/role`. */
  readonly sessionIds: readonly string[]
  /** Each is `key/company/role`. */
  readonly boardKeyIds: readonly string[]
}

/** Condition: a person still has the role in the company that `asked.id` names. */
const stillMay = (personId: SQL): SQL => sql`case when split_part(asked.id, '/', 3) = ${sql.raw(`'${ADMINISTRATOR}'`)}
  then exists (select from ${instanceAdministrators} a where a.person_id = ${personId})
  else exists (select from ${memberships} m where m.company_id = split_part(asked.id, '/', 2)::uuid and m.principal_type = 'user'
    and m.principal_id = ${personId} and m.status = 'active' and m.membership_role = split_part(asked.id, '/', 3)) end`

// One look-up by primary key for each id. Postgres may turn `not exists` into a join that reads all keys and runs.
/** SQL array of those keys, runs and sessions (parameters `keyIds`, `runIds`, `sessionIds`) whose credential can no longer be used. */
export const revokedCredentials: SQL = sql`array(
  select asked.id::text from unnest(${param('keyIds', 'uuid[]')}) as asked (id) where (
    select true from ${agentKeys} k join ${agents} a on a.id = k.agent_id where k.id = asked.id and ${isKeyUsable}) is null
  union all
  select asked.id::text from unnest(${param('runIds', 'uuid[]')}) as asked (id) where (
    select true from ${runs} r join ${agents} a on a.id = r.agent_id and a.company_id = r.company_id where r.id = asked.id and ${isRunTokenUsable}) is null
  union all
  select asked.id from unnest(${param('sessionIds', 'text[]')}) as asked (id) where (
    select true from ${signIns} s where s.id = split_part(asked.id, '/', 1)::uuid and s.expires_at > now() and ${stillMay(sql`s.person_id`)}) is null
  union all
  select asked.id from unnest(${param('boardKeyIds', 'text[]')}) as asked (id) where (
    select true from ${boardKeys} k where k.id = split_part(asked.id, '/', 1)::uuid and k.revoked_at is null and k.expires_at > now()
      and (k.user_id = ${sql.raw(`'${LOCAL_BOARD}'`)} or ${stillMay(sql`k.user_id`)})) is null)`
