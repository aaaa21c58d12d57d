import type { AgentActor } from '../platform/kernel/actor.ts'
import type { CommitListener } from '../platform/db/types.ts'

/** How long a looked-up credential is believed; a revocation elsewhere is honoured within this (I16). */
const CACHE_TTL_MS = 1000
/** Bounds memory against a flood of distinct tokens; a full cache is simply emptied. */
const MAX_ENTRIES = 20_000

interface Entry {
  readonly actor: AgentActor
  readonly expiresAtMs: number
}

/** Credentials looked up within the last second, by the hash of the token. */
export interface CredentialCache {
  find(hash: string): AgentActor | undefined
  /** Looks up and keeps, unless something was revoked meanwhile. */
  load(hash: string, loadActor: () => Promise<AgentActor | null>): Promise<AgentActor | null>
  /** Forgets what a commit of this process revoked; at once, before its answer goes out. */
  readonly onCommit: CommitListener
}

/** Audit rows after which a credential may be worth less than before. */
const invalidatingActions = new Set([
  'agent.updated',
  'agent.config_rolled_back',
  'agent.permissions_updated',
  'agent.paused',
  'agent.resumed',
  'agent.terminated',
  'agent.deleted',
  'agent.key_revoked',
  'company.deleted',
  'company.archived',
  'heartbeat.run_finished',
  'approval.approved',
  'approval.rejected',
])

export function createCredentialCache(): CredentialCache {
  const entries = new Map<string, Entry>()
  // Which hashes speak for an agent, so that a revocation touches no others.
  const byAgent = new Map<string, Set<string>>()
  let revocations = 0

  const clear = (): void => {
    entries.clear()
    byAgent.clear()
  }

  return {
    find(hash) {
      const entry = entries.get(hash)
      return entry !== undefined && entry.expiresAtMs > performance.now() ? entry.actor : undefined
    },
    async load(hash, loadActor) {
      const revocationsBefore = revocations
      const expiresAtMs = performance.now() + CACHE_TTL_MS
      const actor = await loadActor()
      if (actor === null || revocationsBefore !== revocations) return actor
      if (entries.size >= MAX_ENTRIES) clear()
      entries.set(hash, { actor, expiresAtMs })
      const hashes = byAgent.get(actor.agentId) ?? new Set()
      byAgent.set(actor.agentId, hashes.add(hash))
      return actor
    },
    onCommit(rows) {
      for (const row of rows) {
        if (!invalidatingActions.has(row.action)) continue
        revocations += 1
        if (row.entityType === 'company') clear()
        const agentId = row.entityType === 'agent' ? row.entityId : row.agentId
        if (agentId === null) {
          clear()
          continue
        }
        for (const hash of byAgent.get(agentId) ?? []) entries.delete(hash)
        byAgent.delete(agentId)
      }
    },
  }
}
