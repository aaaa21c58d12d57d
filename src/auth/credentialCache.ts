// Keeps looked-up credentials for a second, and forgets them with the commit that revokes them.

import type { AgentActor, BoardActor } from '../platform/kernel/actor.ts'
import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
import type { ActivityRow, CommitListener } from '../platform/db/types.ts'

/** How long a looked-up credential is trusted. A revocation by another server takes effect within this time (I16). */
const CACHE_TTL_MS = 1000
/** Bounds memory against a flood of distinct tokens. */
const MAX_ENTRIES = 20_000

/** The parties whose credentials are kept: an agent by its key or token, a person by a session. */
type Kept = AgentActor | BoardActor

interface Entry<A extends Kept> {
  readonly actor: A
  readonly expiresAtMs: number
}

/** A credential that was looked up. */
export interface Loaded<A extends Kept = AgentActor> {
  readonly actor: A
  /** Milliseconds until it expires, by the database's clock at the look-up; null for one without an end. */
  readonly validForMs: number | null
}

/** Credentials that were looked up within the last second, by the hash of the token. */
export interface CredentialCache<A extends Kept = AgentActor> {
  find(hash: string): A | undefined
  /** Looks a credential up and keeps it, unless a revocation was committed during the look-up. */
  load(hash: string, loadActor: () => Promise<Loaded<A> | null>): Promise<A | null>
  /** Forgets the credentials that a commit of this process revoked, before the answer to the commit is sent. */
  readonly onCommit: CommitListener
}

/**
 * Audit actions that may change or end the identity behind a credential. The status of a company is not part of an
 * identity. An approval that changes an agent records that change as an action of the agent, too. Of a person the companies
 * and roles are part of the identity.
 */
const invalidatingActions = new Set([
  'agent.updated',
  'agent.config_rolled_back',
  'agent.permissions_updated',
  'agent.grants_changed',
  'agent.paused',
  'agent.quarantined',
  'agent.resumed',
  'agent.terminated',
  'agent.deleted',
  'agent.deletion_begun',
  'agent.key_revoked',
  'company.deleted',
  'company.deletion_begun',
  'heartbeat.run_finished',
  'company.created',
  'person.sessions_ended',
  'board_api_key.revoked',
  'person.promoted',
  'person.demoted',
  'person.access_changed',
  'person.role_changed',
  'person.permissions_changed',
])

const ownerOf = (actor: Kept): string => (actor.kind === 'agent' ? `agent:${actor.agentId}` : `person:${actor.userId}`)

/** The party whose credentials a row is about; null for a whole company. */
function subjectOf({ entityType, entityId, agentId, action, actorType, actorId }: ActivityRow): string | null {
  if (entityType === 'person') return `person:${entityId}`
  // The person who made the company is its owner from now on.
  if (action === 'company.created') return actorType === 'user' ? `person:${actorId}` : 'none'
  const agent = entityType === 'agent' ? entityId : agentId
  return entityType === 'company' || agent === null ? null : `agent:${agent}`
}

/** @param options `maxEntries` bounds the cache; tests make it small */
export function createCredentialCache<A extends Kept = AgentActor>({
  maxEntries = MAX_ENTRIES,
}: { readonly maxEntries?: number } = {}): CredentialCache<A> {
  // The hashes of the credentials of each owner, so that a revocation does not touch others.
  const hashesByOwner = new Map<string, Set<string>>()
  const entries = createBoundedCache<string, Entry<A>>(maxEntries, (hash, { actor }) => {
    const hashes = hashesByOwner.get(ownerOf(actor))
    hashes?.delete(hash)
    if (hashes?.size === 0) hashesByOwner.delete(ownerOf(actor))
  })
  let revocations = 0

  const forgetAll = (): void => {
    entries.clear()
    hashesByOwner.clear()
  }

  const forgetOwner = (owner: string): void => {
    for (const hash of hashesByOwner.get(owner) ?? []) entries.delete(hash)
    hashesByOwner.delete(owner)
  }

  return {
    find(hash) {
      const entry = entries.get(hash)
      return entry !== undefined && entry.expiresAtMs > performance.now() ? entry.actor : undefined
    },
    async load(hash, loadActor) {
      const revocationsBefore = revocations
      const askedAtMs = performance.now()
      const loaded = await loadActor()
      if (loaded === null) return null
      const { actor, validForMs } = loaded
      if (revocationsBefore !== revocations) return actor
      // Counted from before the look-up: a key is never trusted beyond its end (I16).
      entries.set(hash, { actor, expiresAtMs: askedAtMs + Math.min(CACHE_TTL_MS, validForMs ?? CACHE_TTL_MS) })
      const hashes = hashesByOwner.get(ownerOf(actor)) ?? new Set()
      hashesByOwner.set(ownerOf(actor), hashes.add(hash))
      return actor
    },
    onCommit(rows) {
      for (const row of rows) {
        if (!invalidatingActions.has(row.action)) continue
        revocations += 1
        const owner = subjectOf(row)
        if (owner === null) forgetAll()
        else forgetOwner(owner)
      }
    },
  }
}
