import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { hashToken, generateAgentKey } from '../../auth/tokens.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { isQuarantined } from '../../model/agentStatus.ts'
import { agentKeys } from '../../model/agents.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { keyCreated, keyRevoked } from './events.ts'
import { lockAgent } from './lock.ts'

/** The most unrevoked keys of one agent. More keys than this are a leak. */
const MAX_KEYS = 100

const insertKey = statement<{ id: string; companyId: string; agentId: string; name: string; hash: string }, { createdAt: Instant }>(
  'key_insert',
).write(sql`
  insert into ${agentKeys} (id, company_id, agent_id, name, key_hash)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('name')}, ${param('hash')}) returning created_at as "createdAt"`)

const countKeys = statement<{ agentId: string }, { count: number }>('key_count').read(
  sql`select count(*)::int as count from ${agentKeys} where agent_id = ${param('agentId')} and revoked_at is null`,
)

/**
 * Creates an API key. Only this answer contains the token; the database keeps its hash.
 * @throws Refusal `not_found`, `agent_terminated`, `agent_pending`, `agent_quarantined`, `unprocessable` beyond the limit
 */
export async function createKey(ctx: Ctx, agentId: string, name: string) {
  const token = generateAgentKey()
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Cannot create keys for terminated agents' })
    if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Cannot create keys for pending approval agents' })
    if (isQuarantined(agent)) refuse('agent_quarantined', { details: { next: 'ask_board' } })
    const { count } = exactlyOne(await tx.run(countKeys, { agentId }))
    if (count >= MAX_KEYS) refuse('unprocessable', { message: `An agent has at most ${MAX_KEYS} keys` })
    const id = randomUUID()
    const { createdAt } = exactlyOne(await tx.run(insertKey, { id, companyId: agent.companyId, agentId, name, hash: hashToken(token) }))
    return changed({ id, name, token, createdAt }, keyCreated(agentId, { keyId: id, name }, { agentId }))
  })
}

interface KeyRow {
  readonly id: string
  readonly name: string
  readonly createdAt: Instant
  readonly revokedAt: Instant | null
}

const selectKeys = statement<{ agentId: string; companyId: string }, KeyRow>('key_list').read(sql`
  select id, name, created_at as "createdAt", revoked_at as "revokedAt" from ${agentKeys}
  where agent_id = ${param('agentId')} and company_id = ${param('companyId')} order by created_at desc, id limit 1000`)

/** The keys of an agent, newest first, without their hashes. */
export const listKeys = (ctx: Ctx, agentId: string): Promise<KeyRow[]> =>
  ctx.store.read.run(selectKeys, { agentId, companyId: companyOf(ctx) })

const revokeKeyRow = statement<{ keyId: string; agentId: string }, { name: string }>('key_revoke').write(sql`
  update ${agentKeys} set revoked_at = now() where id = ${param('keyId')} and agent_id = ${param('agentId')} and revoked_at is null
  returning name`)

/** Revokes a key of an agent. A second call changes nothing. @throws Refusal `not_found` for the agent or the key */
export async function revokeKey(ctx: Ctx, agentId: string, keyId: string): Promise<{ ok: true }> {
  return await mutate(ctx, async (tx) => {
    await lockAgent(tx, companyOf(ctx), agentId)
    const keys = await tx.run(selectKeys, { agentId, companyId: companyOf(ctx) })
    const key = keys.find((row) => row.id === keyId)
    if (key === undefined) refuse('not_found', { message: 'Key not found' })
    if (key.revokedAt !== null) return unchanged({ ok: true as const })
    const { name } = exactlyOne(await tx.run(revokeKeyRow, { keyId, agentId }))
    return changed({ ok: true as const }, keyRevoked(agentId, { keyId, name }, { agentId }))
  })
}
