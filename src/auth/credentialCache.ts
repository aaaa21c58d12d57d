// Keeps looked-up credentials for a second, and forgets them with the commit that revokes them.

import type { AgentActor } from '../platform/kernel/actor.ts'
import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
import type { CommitListener } from '../platform/db/types.ts'

/** How long a looked-up credential is trusted. A revocation by another server takes effect within this time (I16). */
const CACHE_TTL_MS = 1000
/** Bounds memory against a flood of distinct tokens. */
const MAX_ENTRIES = 20_000

interface Entry {
  readonly actor: AgentActor
  readonly expiresAtMs: number
}

/** A credential that was looked up. */
export interface Loaded {
  readonly actor: AgentActor
  /** Milliseconds until it expires, by the database's clock at the look-up; null for one without an end. */
  readonly validForMs: number | null
}

/** Credentials that were looked up within the last second, by the hash of the token. */
export interface CredentialCache {
  find(hash: string): AgentActor | undefined
  /** Looks a credential up and keeps it, unless a revocation was committed during the look-up. */
  load(hash: string, loadActor: () => Promise<Loaded | null>): Promise<AgentActor | null>
  /** Forgets the credentials that a commit of this process revoked, before the answer to the commit is sent. */
  readonly onCommit: CommitListener
}

/**
 * Audit actions that may change or end the identity behind a credential. The status of a company is not part of an
 * identity. An approval that changes an agent records that change as an action of the agent, too.
 */
const invalidatingActions = new Set([
  'agent.updated',
  'agent.config_rolled_back',
  'agent.permissions_updated',
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
])

/** @param options `maxEntries` bounds the cache; tests make it small */
export function createCredentialCache({ maxEntries = MAX_ENTRIES }: { readonly maxEntries?: number } = {}): CredentialCache {
  // The hashes of the credentials of each agent, so that a revocation does not touch other agents.
  const hashesByAgent = new Map<string, Set<string>>()
  const entries = createBoundedCache<string, Entry>(maxEntries, (hash, { actor }) => {
    const hashes = hashesByAgent.get(actor.agentId)
    hashes?.delete(hash)
    if (hashes?.size === 0) hashesByAgent.delete(actor.agentId)
  })
  let revocations = 0

  const forgetAll = (): void => {
    entries.clear()
    hashesByAgent.clear()
  }

  const forgetAgent = (agentId: string): void => {
    for (const hash of hashesByAgent.get(agentId) ?? []) entries.delete(hash)
    hashesByAgent.delete(agentId)
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
      const hashes = hashesByAgent.get(actor.agentId) ?? new Set()
      hashesByAgent.set(actor.agentId, hashes.add(hash))
      return actor
    },
    onCommit(rows) {
      for (const row of rows) {
        if (!invalidatingActions.has(row.action)) continue
        revocations += 1
        const agentId = row.entityType === 'agent' ? row.entityId : row.agentId
        if (row.entityType === 'company' || agentId === null) forgetAll()
        else forgetAgent(agentId)
      }
    },
  }
}
