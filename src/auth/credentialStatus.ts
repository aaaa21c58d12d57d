import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agentKeys, agents } from '../model/agents.ts'
import { runs } from '../model/runs.ts'
import { param } from '../platform/db/statement.ts'
import type { Actor } from '../platform/kernel/actor.ts'

const agentMayAct = sql`a.status not in ('terminated', 'pending_approval')`

/** Condition: key `k` of agent `a` is worth something (I16). */
export const isKeyUsable = sql`k.revoked_at is null and ${agentMayAct}`

/** Condition: the token of run `r` of agent `a` is worth something (I16). */
export const isRunTokenUsable = sql`r.status in ('queued', 'running') and r.lease_expires_at > now() and ${agentMayAct}`

/** What a request that goes on for long came with, by the id of the row that can end it. */
export interface CredentialRef {
  readonly kind: 'key' | 'run'
  readonly id: string
}

/** What the standing of an actor hangs on; null for a person, whose is looked at with every request. */
export function credentialRefOf(actor: Actor): CredentialRef | null {
  if (actor.kind !== 'agent') return null
  const { keyId, runId } = actor
  if (actor.via === 'key') return keyId === null ? null : { kind: 'key', id: keyId }
  return runId === null ? null : { kind: 'run', id: runId }
}

/** The parameters of `fallenStandings`. */
export interface CredentialIds {
  readonly keyIds: readonly string[]
  readonly runIds: readonly string[]
}

// One look by key for each: of `not exists` Postgres may make a join, for which it reads all keys and runs there are.
/** An array of those keys and runs (parameters `keyIds` and `runIds`) whose credential is worth nothing any more. */
export const revokedCredentials: SQL = sql`array(
  select asked.id from unnest(${param('keyIds', 'uuid[]')}) as asked (id) where (
    select true from ${agentKeys} k join ${agents} a on a.id = k.agent_id where k.id = asked.id and ${isKeyUsable}) is null
  union all
  select asked.id from unnest(${param('runIds', 'uuid[]')}) as asked (id) where (
    select true from ${runs} r join ${agents} a on a.id = r.agent_id and a.company_id = r.company_id where r.id = asked.id and ${isRunTokenUsable}) is null)`
