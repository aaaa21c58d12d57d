import { beforeAll, describe, expect, test } from 'vitest'
import { auditCount, lastAudit, TEST_BOARD_TOKEN, useServer, world } from '../../dev/testing/world.ts'
import type { Client, TestServer, World } from '../../dev/testing/world.ts'

const implicit = useServer()
const token = useServer({ boardMode: 'token' })
let here: World
beforeAll(async () => {
  here = await world(implicit())
})

const byToken = (server: TestServer): Client => server.bearer(TEST_BOARD_TOKEN)

/** Makes a link with the token and lets a browser use it. @returns the cookie that the browser keeps, and the answer */
async function signIn(server: TestServer, headers: Record<string, string> = {}) {
  const link = await byToken(server).post('/api/board/links')
  expect(link.status, link.text).toBe(201)
  const answer = await fetch(`${server.url}${link.body.path}`, { redirect: 'manual', headers })
  const setCookie = answer.headers.get('set-cookie') ?? ''
  return { path: link.body.path as string, answer, setCookie, cookie: setCookie.split(';')[0] ?? '' }
}

const samePage = { 'sec-fetch-site': 'same-origin' }

describe('GET /api/whoami', () => {
  test('It says for every kind of caller who it is and why', async () => {
    const server = implicit()
    const agent = await here.agent()
    const run = await here.run(agent)
    const { cookie } = await signIn(server)
    const unset = { userId: null, agentId: null, companyId: null, runId: null, mode: 'implicit' }
    const uid = process.geteuid?.()
    const ask = async (client: Client, headers: Record<string, string> = {}) => (await client.get('/api/whoami', headers)).body as object
    expect(await ask(server.board)).toMatchObject({ ...unset, kind: 'board', userId: 'local-board', credential: 'none', uid })
    expect(await ask(byToken(server))).toMatchObject({
      ...unset,
      kind: 'board',
      userId: 'local-board',
      credential: 'board_token',
      uid: null,
    })
    expect(await ask(server.board, { cookie })).toMatchObject({ kind: 'board', credential: 'board_cookie', uid })
    const agentFacts = { kind: 'agent', agentId: agent.id, companyId: here.company.id, userId: null }
    expect(await ask(agent.client)).toMatchObject({ ...agentFacts, credential: 'agent_key', runId: null })
    expect(await ask(run.client)).toMatchObject({ ...agentFacts, credential: 'run_token', runId: run.id })
    expect(await ask(server.board, { via: '1.1 proxy' })).toMatchObject({
      ...unset,
      kind: 'anonymous',
      credential: 'none',
      reason: 'the request came through a proxy and has no credential',
    })
    expect(await ask(token().board)).toMatchObject({ kind: 'anonymous', mode: 'token', modeReason: 'the test says so' })
  })
})

describe('the board in token mode', () => {
  test('A local request without a credential is refused everywhere but at public routes, and the sentence names the token', async () => {
    for (const path of ['/api/companies', '/api/cli-auth/me', `/api/companies/${here.company.id}/events/stream`]) {
      const answer = await token().board.get(path)
      expect(answer, path).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
      expect(answer.body.error).toContain('board-token')
    }
    expect(await token().board.get('/api/health')).toMatchObject({ status: 200 })
  })

  test('The bearer and the cookie are the board, under the name that the audit log has in both modes', async () => {
    const { cookie } = await signIn(token())
    expect(await token().board.get('/api/cli-auth/me', { cookie })).toMatchObject({ status: 200, body: { source: 'session' } })
    const company = await token().board.post('/api/companies', { name: 'By cookie' }, { cookie, ...samePage })
    expect(company.status, company.text).toBe(201)
    expect(await lastAudit(token(), company.body.id, 'company.created')).toMatchObject({ actorType: 'user', actorId: 'local-board' })
  })
})

describe('one-time links', () => {
  test('A link needs the token in every mode, and its record does not have its code', async () => {
    const server = implicit()
    const before = await auditCount(server)
    const { cookie } = await signIn(server)
    for (const headers of [{}, { cookie, ...samePage }])
      expect(await server.board.post('/api/board/links', undefined, headers)).toMatchObject({
        status: 403,
        body: { code: 'board_token_required' },
      })
    const agent = await here.agent()
    expect(await agent.client.post('/api/board/links')).toMatchObject({ status: 403, body: { code: 'board_required' } })
    expect(await auditCount(server)).toBeGreaterThan(before)
    const { path } = await signIn(server)
    const row = await lastAudit(server, 'board', 'board.link_created')
    expect(JSON.stringify(row)).not.toContain(new URL(path, server.url).searchParams.get('code'))
  })

  test('A link sets a cookie for this host only, sends the browser on, and works once', async () => {
    const { answer, setCookie, path } = await signIn(token())
    expect({ status: answer.status, to: answer.headers.get('location') }).toEqual({ status: 303, to: '/console/' })
    expect(setCookie).toMatch(/^paperclip_board_[0-9a-f]{8}=[^;]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/)
    expect(await token().board.get(path)).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  })

  test('Behind a proxy with TLS the cookie is Secure', async () => {
    expect((await signIn(token(), { 'x-forwarded-proto': 'https' })).setCookie).toMatch(/; Secure$/)
  })

  test('A browser that only looks ahead, and another method, do not use a link up', async () => {
    const link = await byToken(token()).post('/api/board/links')
    expect(await token().board.get(link.body.path, { 'sec-purpose': 'prefetch' })).toMatchObject({ status: 400 })
    expect(await token().board.post(link.body.path)).toMatchObject({ status: 405 })
    expect((await fetch(`${token().url}${link.body.path}`, { redirect: 'manual' })).status).toBe(303)
  })
})

describe('the cookie of the board', () => {
  test('A change needs the proof that a page of this server sent it; a read does not', async () => {
    const { cookie } = await signIn(implicit())
    const post = (headers: Record<string, string>) => implicit().board.post('/api/companies', { name: 'x' }, { cookie, ...headers })
    expect(await post({})).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
    expect(await post({ 'sec-fetch-site': 'none' })).toMatchObject({ status: 403 })
    expect(await post({ origin: 'http://localhost:1' })).toMatchObject({ status: 403 })
    expect(await post({ origin: implicit().url })).toMatchObject({ status: 201 })
    expect(await post(samePage)).toMatchObject({ status: 201 })
  })

  test('A cookie that was changed, given twice or signed out is refused and is not the board of this machine instead (I16)', async () => {
    const { cookie } = await signIn(implicit())
    const other = await signIn(implicit())
    for (const forged of [`${cookie}x`, cookie.replace(/=\d+/, '=9999999999999'), `${cookie}; ${other.cookie}`, `${cookie.split('=')[0]}=`])
      expect(await implicit().board.get('/api/companies', { cookie: forged }), forged).toMatchObject({ status: 401 })
    expect(await implicit().board.get('/api/companies', { cookie: `a=b; ${cookie}; c` })).toMatchObject({ status: 200 })
    const out = await fetch(`${implicit().url}/board/sign-out`, { method: 'POST', headers: { cookie, ...samePage } })
    expect(out.status).toBe(204)
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(await implicit().board.get('/api/companies', { cookie })).toMatchObject({ status: 401 })
  })

  test('A cookie that was made on this machine is refused from elsewhere, and the other way round', async () => {
    const local = await signIn(implicit())
    expect(await implicit().board.get('/api/companies', { cookie: local.cookie, via: '1.1 proxy' })).toMatchObject({ status: 401 })
    const remote = await signIn(implicit(), { via: '1.1 proxy' })
    expect(await implicit().board.get('/api/companies', { cookie: remote.cookie })).toMatchObject({ status: 401 })
    expect(await implicit().board.get('/api/companies', { cookie: remote.cookie, via: '1.1 proxy' })).toMatchObject({ status: 200 })
  })

  test('The cookie of another server of this host is ignored', async () => {
    expect(await implicit().board.get('/api/companies', { cookie: 'paperclip_board_00000000=1.2.3.4' })).toMatchObject({ status: 200 })
  })
})
