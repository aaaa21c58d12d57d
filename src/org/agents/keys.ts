import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { hashToken, generateAgentKey } from '../../auth/tokens.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { isQuarantined } from '../../model/agentStatus.ts'
import { agentKeys } from '../../model/agents.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { keyScopes } from '../../platform/kernel/actor.ts'
import type { KeyScope } from '../../platform/kernel/actor.ts'
import { keyCreated, keyRevoked } from './events.ts'
import { lockAgent } from './lock.ts'
import type { AgentRow } from './lock.ts'
import type { CreateKey } from './views.ts'

/** The most unrevoked keys of one agent. More keys than this are a leak. */
const MAX_KEYS = 100

/** The latest end of a key. */
const MAX_YEARS = 10

interface NewKey {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  readonly name: string
  readonly hash: string
  readonly expiresAt: Instant | null
  /** JSON. */
  readonly scopes: string | null
}

// No row for an end that is past or too far away: only the clock of the database knows.
const insertKey = statement<NewKey, { createdAt: Instant; expiresAt: Instant | null }>('key_insert').write(sql`
  insert into ${agentKeys} (id, company_id, agent_id, name, key_hash, expires_at, scopes)
  select ${param('id', 'uuid')}, ${param('companyId', 'uuid')}, ${param('agentId', 'uuid')}, ${param('name', 'text')}, ${param('hash', 'text')},
    ${param('expiresAt', 'timestamptz')}, ${param('scopes', 'jsonb')}
  where ${param('expiresAt', 'timestamptz')} is null
    or ${param('expiresAt', 'timestamptz')} between now() and now() + interval '${sql.raw(String(MAX_YEARS))} years'
  returning created_at as "createdAt", expires_at as "expiresAt"`)

const countKeys = statement<{ agentId: string }, { count: number }>('key_count').read(
  sql`select count(*)::int as count from ${agentKeys} where agent_id = ${param('agentId')} and revoked_at is null
    and (expires_at is null or expires_at > now())`,
)

/** The scopes in their order, each once; null for none. */
const normalScopes = (given: readonly KeyScope[] | null): readonly KeyScope[] | null =>
  given === null ? null : keyScopes.filter((scope) => given.includes(scope))

/**
 * Creates an API key. Only this answer contains the token; the database keeps its hash.
 * @throws Refusal `not_found`, `agent_terminated`, `agent_pending`, `agent_quarantined`, `unprocessable` beyond the limit of
 *   keys and for an end that is past or more than ten years away
 */
export async function createKey(ctx: Ctx, agentId: string, request: CreateKey) {
  const { name } = request
  const scopes = normalScopes(request.scopes ?? null)
  const token = generateAgentKey()
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Cannot create keys for terminated agents' })
    if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Cannot create keys for pending approval agents' })
    if (isQuarantined(agent)) refuse('agent_quarantined', { details: { next: 'ask_board' } })
    const { count } = exactlyOne(await tx.run(countKeys, { agentId }))
    if (count >= MAX_KEYS) refuse('unprocessable', { message: `An agent has at most ${MAX_KEYS} keys` })
    const id = randomUUID()
    const [key] = await tx.run(insertKey, {
      id,
      companyId: agent.companyId,
      agentId,
      name,
      hash: hashToken(token),
      expiresAt: request.expiresAt ?? null,
      scopes: scopes === null ? null : JSON.stringify(scopes),
    })
    if (key === undefined) refuse('unprocessable', { message: `expiresAt must be in the future, and at most ${MAX_YEARS} years away` })
    const { createdAt, expiresAt } = key
    const limits = { ...(expiresAt === null ? {} : { expiresAt }), ...(scopes === null ? {} : { scopes }) }
    return changed({ id, name, token, createdAt, expiresAt, scopes }, keyCreated(agentId, { keyId: id, name, ...limits }, { agentId }))
  })
}

/** (tx) Makes a key without an end and without scopes for a locked agent that has none yet. @returns its token, which is shown once */
export async function insertPlainKey(
  tx: Tx,
  { id: agentId, companyId }: Pick<AgentRow, 'id' | 'companyId'>,
  name: string,
): Promise<{ readonly id: string; readonly token: string; readonly createdAt: Instant }> {
  const [id, token] = [randomUUID(), generateAgentKey()]
  const { createdAt } = exactlyOne(
    await tx.run(insertKey, { id, companyId, agentId, name, hash: hashToken(token), expiresAt: null, scopes: null }),
  )
  return { id, token, createdAt }
}

interface KeyRow {
  readonly id: string
  readonly name: string
  readonly createdAt: Instant
  readonly revokedAt: Instant | null
  readonly expiresAt: Instant | null
  readonly lastUsedAt: Instant | null
  readonly scopes: readonly KeyScope[] | null
}

const selectKeys = statement<{ agentId: string; companyId: string }, KeyRow>('key_list').read(sql`
  select id, name, created_at as "createdAt", revoked_at as "revokedAt", expires_at as "expiresAt",
    last_used_at as "lastUsedAt", scopes from ${agentKeys}
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
