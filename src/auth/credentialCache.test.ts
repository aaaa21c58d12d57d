import { describe, expect, test } from 'vitest'
import type { AgentActor } from '../platform/kernel/actor.ts'
import type { CommitListener } from '../platform/db/types.ts'
import { createCredentialCache } from './credentialCache.ts'
import type { Loaded } from './credentialCache.ts'

type CommittedRow = Parameters<CommitListener>[0][number]

const actorOf = (agentId: string): AgentActor => ({
  kind: 'agent',
  via: 'key',
  agentId,
  companyId: 'company',
  role: 'general',
  canCreateAgents: false,
  grants: [],
  scopes: null,
  keyId: 'key',
  runId: null,
})

const loadedOf = (agentId: string, validForMs: number | null = null): Loaded => ({ actor: actorOf(agentId), validForMs })

const committed = (row: { action: string; entityType: string; entityId: string; agentId?: string | null }): CommittedRow =>
  ({ agentId: null, ...row }) as unknown as CommittedRow

const revocationOf = (agentId: string): CommittedRow => committed({ action: 'agent.key_revoked', entityType: 'agent', entityId: agentId })

describe('createCredentialCache', () => {
  test('A credential that was looked up is found again', async () => {
    const cache = createCredentialCache()
    const actor = actorOf('one')
    expect(await cache.load('hash', () => Promise.resolve({ actor, validForMs: null }))).toBe(actor)
    expect(cache.find('hash')).toBe(actor)
    expect(cache.find('another')).toBeUndefined()
  })

  test('A key is not trusted beyond its end, however shortly before it was looked up (I16)', async () => {
    const cache = createCredentialCache()
    await cache.load('ended', () => Promise.resolve(loadedOf('one', 0)))
    await cache.load('ending', () => Promise.resolve(loadedOf('one', 500)))
    expect(cache.find('ended')).toBeUndefined()
    expect(cache.find('ending')).toBeDefined()
  })

  test('A credential that is revoked while it is looked up is not kept (I16)', async () => {
    const cache = createCredentialCache()
    const actor = actorOf('one')
    let finishLookUp = (_found: Loaded): void => {}
    const loading = cache.load('hash', () => new Promise((resolve) => (finishLookUp = resolve)))
    // The look-up has read its row, and the commit that revokes the key comes before its answer.
    cache.onCommit([revocationOf('one')])
    finishLookUp({ actor, validForMs: null })
    expect(await loading).toBe(actor)
    expect(cache.find('hash')).toBeUndefined()
  })

  test('A revocation removes the credentials of its agent and of no other', async () => {
    const cache = createCredentialCache()
    for (const [hash, agentId] of [
      ['first', 'one'],
      ['second', 'one'],
      ['third', 'two'],
    ] as const)
      await cache.load(hash, () => Promise.resolve(loadedOf(agentId)))
    cache.onCommit([revocationOf('one')])
    expect(['first', 'second', 'third'].map((hash) => cache.find(hash)?.agentId)).toEqual([undefined, undefined, 'two'])
  })

  test('A deleted company empties the cache', async () => {
    const cache = createCredentialCache()
    await cache.load('hash', () => Promise.resolve(loadedOf('one')))
    cache.onCommit([committed({ action: 'company.deleted', entityType: 'company', entityId: 'company' })])
    expect(cache.find('hash')).toBeUndefined()
  })

  test('Decided approvals and archived companies leave the cache unchanged: no identity depends on them', async () => {
    const cache = createCredentialCache()
    await cache.load('hash', () => Promise.resolve(loadedOf('one')))
    cache.onCommit([
      committed({ action: 'approval.approved', entityType: 'approval', entityId: 'approval' }),
      committed({ action: 'approval.rejected', entityType: 'approval', entityId: 'approval' }),
      committed({ action: 'company.archived', entityType: 'company', entityId: 'company' }),
    ])
    expect(cache.find('hash')?.agentId).toBe('one')
  })

  test('A full cache makes room: the number of kept credentials stays within its limit', async () => {
    const cache = createCredentialCache({ maxEntries: 3 })
    const hashes = ['1', '2', '3', '4', '5', '6', '7']
    for (const hash of hashes) {
      await cache.load(hash, () => Promise.resolve(loadedOf(`agent ${hash}`)))
      expect(cache.find(hash)).toBeDefined()
      expect(hashes.filter((other) => cache.find(other) !== undefined).length).toBeLessThanOrEqual(3)
    }
  })
})
