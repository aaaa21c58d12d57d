import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agentKeys, agents } from '../model/agents.ts'
import { runs } from '../model/runs.ts'
import { isQuarantinedSql } from '../model/agentStatus.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import type { Actor } from '../platform/kernel/actor.ts'

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
  readonly kind: 'key' | 'run'
  readonly id: string
}

/** The credential that an actor depends on; null for a person, who is identified again with every request. */
export function credentialRefOf(actor: Actor): CredentialRef | null {
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
}

// One look-up by primary key for each id. Postgres may turn `not exists` into a join that reads all keys and runs.
/** SQL array of those keys and runs (parameters `keyIds` and `runIds`) whose credential can no longer be used. */
export const revokedCredentials: SQL = sql`array(
  select asked.id from unnest(${param('keyIds', 'uuid[]')}) as asked (id) where (
    select true from ${agentKeys} k join ${agents} a on a.id = k.agent_id where k.id = asked.id and ${isKeyUsable}) is null
  union all
  select asked.id from unnest(${param('runIds', 'uuid[]')}) as asked (id) where (
    select true from ${runs} r join ${agents} a on a.id = r.agent_id and a.company_id = r.company_id where r.id = asked.id and ${isRunTokenUsable}) is null)`
