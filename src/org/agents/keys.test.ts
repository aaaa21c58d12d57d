import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { keyScopes } from '../../platform/kernel/actor.ts'
import { permissions, scopePermissions } from '../../auth/permissions.ts'
import type { Permission } from '../../auth/permissions.ts'
import { createKeyUse } from '../../auth/keyUse.ts'
import { generateAgentKey, hashToken, isAgentKey, isDamagedAgentKey } from '../../auth/tokens.ts'
import { declaredRoutes, routeName } from '../../dev/testing/declaredRoutes.ts'
import { expectRefused } from '../../dev/testing/holds.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
let here: World
let agent: TestAgent

beforeAll(async () => {
  here = await world(server())
  agent = await here.agent()
})

const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()

async function mint(fields: Record<string, unknown> = {}) {
  const answer = await server().board.post(`/api/agents/${agent.id}/keys`, { name: 'limited', ...fields })
  expect(answer.status, answer.text).toBe(201)
  const key = answer.body as { id: string; token: string; expiresAt: string | null; scopes: string[] | null }
  return { ...key, client: server().bearer(key.token) }
}

const listed = async (id: string) => {
  const { body } = await server().board.get(`/api/agents/${agent.id}/keys`)
  return (body as { id: string }[]).find((key) => key.id === id)
}

/** Moves the end of a key into the past, as time does. */
const expire = (id: string) =>
  server().database.sql.query("update agent_api_keys set expires_at = now() - interval '1 second' where id = $1", [id])

describe('API keys: their end', () => {
  test('A key with an end is accepted before it, and refused afterwards with a sentence that names it', async () => {
    const expiresAt = inHours(1)
    const key = await mint({ expiresAt })
    expect(key.expiresAt).toBe(expiresAt)
    expect(await lastAudit(server(), agent.id, 'agent.key_created')).toMatchObject({ details: { keyId: key.id, expiresAt } })
    expect(await listed(key.id)).toMatchObject({ expiresAt, revokedAt: null })
    await expire(key.id)
    const answer = await key.client.get('/api/agents/me')
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(answer.body.error).toMatch(/^Unauthorized: the API key expired at \d{4}-.*The board makes a new one$/)
  })

  test('A server that trusts a key for its second of memory does not trust it beyond its end (I16)', async () => {
    const key = await mint({ expiresAt: new Date(Date.now() + 700).toISOString() })
    expect(await key.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    await server().database.sql.query('select pg_sleep(extract(epoch from expires_at - now())) from agent_api_keys where id = $1', [key.id])
    expect(await key.client.get('/api/agents/me')).toMatchObject({ status: 401 })
  })

  test.each([
    ['in the past', () => inHours(-1), 422],
    ['in eleven years', () => inHours(11 * 366 * 24), 422],
    ['in the year 0', () => '0000-01-01T00:00:00Z', 400],
    ['in the year 9999, which another zone would call 10000', () => '9999-12-31T23:59:59-14:00', 400],
    ['without a form', () => 'tomorrow', 400],
  ])('An end %s is refused, and nothing is recorded', async (_, end, status) => {
    const before = await auditCount(server())
    expect(await server().board.post(`/api/agents/${agent.id}/keys`, { expiresAt: end() })).toMatchObject({ status })
    expect(await auditCount(server())).toBe(before)
  })
})

describe('API keys: their last use', () => {
  test('It is recorded once a minute and not by the request that uses the key', async () => {
    const key = await mint()
    await server().keyUse.flush(server().store)
    for (let at = 0; at < 20; at += 1) expect(await key.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await listed(key.id)).toMatchObject({ lastUsedAt: null })
    await server().keyUse.flush(server().store)
    const first = await listed(key.id)
    expect(first).toMatchObject({ lastUsedAt: expect.stringMatching(/Z$/) as string })
    await server().keyUse.flush(server().store)
    expect(await listed(key.id)).toEqual(first)
  })

  test('Servers that record the same keys at once, beside a revocation, wait for nothing, and the newest use stays', async () => {
    const keys = await Promise.all([mint(), mint(), mint()])
    const recorders = [createKeyUse(), createKeyUse(), createKeyUse()]
    for (const recorder of recorders) for (const { id } of keys.toReversed()) recorder.note(id)
    const [revoked] = keys
    await Promise.all([
      ...recorders.map((recorder) => recorder.flush(server().store)),
      server().board.del(`/api/agents/${agent.id}/keys/${revoked?.id}`),
    ])
    for (const { id } of keys.slice(1)) expect(await listed(id)).toMatchObject({ lastUsedAt: expect.any(String) as string })
    const before = await listed(keys[1]?.id ?? '')
    const late = createKeyUse()
    late.note(keys[1]?.id ?? '')
    await server().database.sql.query("update agent_api_keys set last_used_at = now() + interval '1 hour' where id = $1", [keys[1]?.id])
    await late.flush(server().store)
    expect((await listed(keys[1]?.id ?? '')) as object).not.toEqual(before)
    const [row] = (
      await server().database.sql.query('select last_used_at > now() as later from agent_api_keys where id = $1', [keys[1]?.id])
    ).rows as { later: boolean }[]
    expect(row?.later).toBe(true)
  })
})

describe('API keys: their scopes', () => {
  test('A key for reading reads what its agent reads, and changes nothing', async () => {
    const key = await mint({ scopes: ['read'] })
    const issue = await here.issue()
    expect(await listed(key.id)).toMatchObject({ scopes: ['read'] })
    expect(await key.client.get(`/api/issues/${issue.id}`)).toMatchObject({ status: 200 })
    const comment = () => key.client.post(`/api/issues/${issue.id}/comments`, { body: 'hello' })
    await expectRefused(server(), comment, 403, 'key_scope_missing')
    expect((await comment()).body.details).toEqual({
      scopes: ['read'],
      sufficientScopes: ['comment', 'work'],
      permission: 'issue.comment',
    })
  })

  test('A key for comments comments, and a key for work opens a run and takes an issue', async () => {
    const issue = await here.issue()
    const commenting = await mint({ scopes: ['comment', 'read', 'comment'] })
    expect(commenting.scopes).toEqual(['read', 'comment'])
    expect(await commenting.client.post(`/api/issues/${issue.id}/comments`, { body: 'hello' })).toMatchObject({ status: 201 })
    await expectRefused(server(), () => commenting.client.post(`/api/agents/${agent.id}/runs`, {}), 403, 'key_scope_missing')
    const working = await mint({ scopes: ['work'] })
    const opened = await working.client.post(`/api/agents/${agent.id}/runs`, {})
    expect(opened.status, opened.text).toBe(201)
    const run = server().bearer(opened.body.token as string)
    const checkout = { agentId: agent.id, expectedStatuses: ['todo', 'backlog'] }
    expect(await run.post(`/api/issues/${issue.id}/checkout`, checkout)).toMatchObject({ status: 200 })
  })

  test('The token of a run has the scopes of the key that opened it, so no key widens itself', async () => {
    const key = await mint({ scopes: ['work'] })
    const opened = await key.client.post(`/api/agents/${agent.id}/runs`, {})
    const run = server().bearer(opened.body.token as string)
    for (const client of [key.client, run])
      await expectRefused(server(), () => client.patch(`/api/agents/${agent.id}`, { title: 'CEO' }), 403, 'key_scope_missing')
    expect(await agent.client.patch(`/api/agents/${agent.id}`, { title: 'Plain' })).toMatchObject({ status: 200 })
  })

  test.each([
    ['an unknown one', ['admin']],
    ['none, which would allow nothing', []],
    ['a text', 'read'],
  ])('Scopes that are %s are refused', async (_, scopes) => {
    expect(await server().board.post(`/api/agents/${agent.id}/keys`, { scopes })).toMatchObject({ status: 400 })
  })

  test('The scope `read` has every GET route that an agent may ask, and no other', () => {
    const agentRoutes = declaredRoutes().filter(({ permission }) =>
      permissions[permission].some((holder) => !['board', 'admin', 'token'].includes(holder)),
    )
    const allowed = new Set<Permission>(scopePermissions.read)
    const names = (routes: typeof agentRoutes): string[] => routes.map(routeName).toSorted()
    expect(names(agentRoutes.filter(({ permission }) => allowed.has(permission)))).toEqual(
      names(agentRoutes.filter(({ method }) => method === 'get')),
    )
    for (const scope of keyScopes) expect(scopePermissions[scope]).toEqual(expect.arrayContaining([...scopePermissions.read]))
  })
})

describe('API keys: their checksum', () => {
  test('A key that was mistyped or cut differs from an unknown one by its text alone', () => {
    const key = generateAgentKey()
    expect([isAgentKey(key), isDamagedAgentKey(key)]).toEqual([true, false])
    for (let at = 'pcp_agent_'.length; at < key.length; at += 1) {
      const mistyped = key.slice(0, at) + (key[at] === '0' ? '1' : '0') + key.slice(at + 1)
      const swapped = key.slice(0, at) + (key[at + 1] ?? '') + (key[at] ?? '') + key.slice(at + 2)
      for (const damaged of [mistyped, key.slice(0, at), ...(swapped === key ? [] : [swapped])])
        expect([damaged, isAgentKey(damaged), isDamagedAgentKey(damaged)]).toEqual([damaged, false, true])
    }
  })

  test('A damaged key is refused with a sentence that says so, and an unknown one is not', async () => {
    const key = await mint()
    const damaged = await server().bearer(key.token.slice(0, -1)).get('/api/agents/me')
    expect(damaged).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(damaged.body.error).toContain('incomplete or mistyped')
    const unknown = await server().bearer(generateAgentKey()).get('/api/agents/me')
    expect(unknown).toMatchObject({ status: 401, body: { error: 'Unauthorized' } })
  })

  test('A key that was made before keys had a checksum stays valid, without limits', async () => {
    const old = `pcp_${randomBytes(24).toString('hex')}`
    const insert = 'insert into agent_api_keys (company_id, agent_id, name, key_hash) values ($1, $2, $3, $4)'
    await server().database.sql.query(insert, [here.company.id, agent.id, 'old', hashToken(old)])
    expect(await server().bearer(old).get('/api/agents/me')).toMatchObject({ status: 200 })
    const { body } = await server().board.get(`/api/agents/${agent.id}/keys`)
    expect((body as { name: string }[]).find(({ name }) => name === 'old')).toMatchObject({
      expiresAt: null,
      lastUsedAt: null,
      scopes: null,
    })
  })
})
