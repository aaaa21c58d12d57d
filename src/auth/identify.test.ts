import { createHmac, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { sendRawRequest } from '../dev/testing/rawHttp.ts'
import { auditCount, expireLease, lastAudit, TEST_SECRET, useServer, world } from '../dev/testing/world.ts'
import type { TestAgent, TestRun, World } from '../dev/testing/world.ts'
import { generateAgentKey } from './tokens.ts'

const server = useServer()
let here: World
let agent: TestAgent
let run: TestRun

beforeAll(async () => {
  here = await world(server())
  agent = await here.agent()
  run = await here.run(agent)
})

const now = (): number => Math.floor(Date.now() / 1000)

interface Forgery {
  readonly secret?: string
  readonly alg?: string
  readonly issuer?: string | null
  readonly audience?: string | null
  readonly expiresAt?: number | null
  readonly claims?: Readonly<Record<string, unknown>>
  readonly sub?: string
}

/** A token that differs from a good one in what is said, and in nothing else. */
function forge(forgery: Forgery): Promise<string> {
  const claims = { company_id: here.company.id, adapter_type: 'process', run_id: run.id, ...forgery.claims }
  const token = new SignJWT(claims).setProtectedHeader({ alg: forgery.alg ?? 'HS256', typ: 'JWT' })
  token.setSubject(forgery.sub ?? agent.id).setIssuedAt(now())
  if (forgery.issuer !== null) token.setIssuer(forgery.issuer ?? 'paperclip')
  if (forgery.audience !== null) token.setAudience(forgery.audience ?? 'paperclip-api')
  if (forgery.expiresAt !== null) token.setExpirationTime(forgery.expiresAt ?? now() + 600)
  return token.sign(new TextEncoder().encode(forgery.secret ?? TEST_SECRET))
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** What `jose` would not sign: any header over the claims of a good token. */
function forgeByHand(header: object, signature: (text: string) => string): string {
  const claims = { company_id: here.company.id, adapter_type: 'process', run_id: run.id, sub: agent.id, iat: now(), exp: now() + 600 }
  const text = `${encode(header)}.${encode({ ...claims, iss: 'paperclip', aud: 'paperclip-api' })}`
  return `${text}.${signature(text)}`
}

const hmac = (hash: string) => (text: string) => createHmac(hash, TEST_SECRET).update(text).digest('base64url')

/** One route that only the board may ask, one for agents, one for both, one for everybody. */
const probedPaths = () => ['/api/companies', '/api/agents/me', `/api/companies/${here.company.id}`, '/api/health']

async function expectUnauthorized(authorization: string): Promise<void> {
  for (const path of probedPaths()) {
    const answer = await server().board.get(path, { authorization })
    expect({ door: path, status: answer.status, code: answer.body.code }).toEqual({ door: path, status: 401, code: 'unauthorized' })
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  }
}

describe('a credential that cannot be used is nobody, never the board (I16)', () => {
  test('the token that the forgeries differ from is good', async () => {
    const good = await forge({})
    expect(await server().bearer(good).get('/api/agents/me')).toMatchObject({ status: 200, body: { id: agent.id } })
    const byHand = forgeByHand({ alg: 'HS256', typ: 'JWT' }, hmac('sha256'))
    expect(await server().bearer(byHand).get('/api/agents/me')).toMatchObject({ status: 200 })
  })

  test.each([
    ['an empty header', ''],
    ['a scheme without a token', 'Bearer'],
    ['a scheme and spaces', 'Bearer    '],
    ['Basic', `Basic ${Buffer.from('local-board:').toString('base64')}`],
    ['no scheme', generateAgentKey()],
    ['two tokens', `Bearer ${generateAgentKey()} ${generateAgentKey()}`],
    ['an unknown key', `Bearer ${generateAgentKey()}`],
    ['a key of the wrong form', 'Bearer pcp_ABC'],
    ['a board key, which local mode has none of', `Bearer pcp_board_${'0'.repeat(48)}`],
    ['words', 'Bearer local-board'],
    ['three dots', 'Bearer ...'],
    ['a token of nothing', 'Bearer e30.e30.e30'],
    ['10,000 characters', `Bearer ${'x'.repeat(10_000)}`],
  ])('%s', async (_, authorization) => {
    await expectUnauthorized(authorization)
  })

  test.each<[string, () => Promise<string> | string]>([
    ['expired', () => forge({ expiresAt: now() - 1 })],
    ['without expiry', () => forge({ expiresAt: null })],
    ['signed with another secret', () => forge({ secret: `${TEST_SECRET}!` })],
    ['of another issuer', () => forge({ issuer: 'somebody' })],
    ['without issuer', () => forge({ issuer: null })],
    ['for another audience', () => forge({ audience: 'elsewhere' })],
    ['without audience', () => forge({ audience: null })],
    ['with HS512', () => forge({ alg: 'HS512' })],
    ['with HS384', () => forge({ alg: 'HS384' })],
    ['with alg none and no signature', () => forgeByHand({ alg: 'none', typ: 'JWT' }, () => '')],
    ['with alg none and a signature', () => forgeByHand({ alg: 'none' }, hmac('sha256'))],
    ['with an unknown critical header', () => forgeByHand({ alg: 'HS256', crit: ['b64'], b64: false }, hmac('sha256'))],
    ['without its run', () => forge({ claims: { run_id: undefined } })],
    ['of a run that is no id', () => forge({ claims: { run_id: 'run' } })],
    ['of an unknown run', () => forge({ claims: { run_id: randomUUID() } })],
    ['of another agent', () => forge({ sub: randomUUID() })],
    ['of another company', () => forge({ claims: { company_id: randomUUID() } })],
    ['without an adapter', () => forge({ claims: { adapter_type: undefined } })],
  ])('a token %s', async (_, token) => {
    await expectUnauthorized(`Bearer ${await token()}`)
  })

  test('a token whose signature was changed in one character', async () => {
    const good = await forge({})
    const last = good.at(-2) === 'A' ? 'B' : 'A'
    await expectUnauthorized(`Bearer ${good.slice(0, -2)}${last}${good.at(-1)}`)
  })

  test('two credentials in one request, even two good ones', async () => {
    const lines = (first: string, second: string) =>
      sendRawRequest(server().url, [
        'GET /api/agents/me HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${first}`,
        `Authorization: Bearer ${second}`,
      ])
    expect(await lines(agent.key, run.token)).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await lines(agent.key, agent.key)).toMatchObject({ status: 401 })
    expect(await lines(generateAgentKey(), agent.key)).toMatchObject({ status: 401 })
  })

  test('the scheme is read in any case', async () => {
    expect(await server().board.get('/api/agents/me', { authorization: `bEaReR ${agent.key}` })).toMatchObject({ status: 200 })
  })
})

/** Asks until the answer is 401, or the second is over in which another server may still believe. */
async function expectRefusedWithin(ms: number, ask: () => Promise<{ status: number }>): Promise<void> {
  const deadline = performance.now() + ms
  let status = 0
  while (performance.now() < deadline) {
    status = (await ask()).status
    if (status === 401) return
  }
  expect(status).toBe(401)
}

describe('what a credential stands for can end', () => {
  test('a revoked key is nobody at once here, and within a second on another server', async () => {
    const other = await server().startPeer()
    try {
      const somebody = await here.agent()
      const elsewhere = other.bearer(somebody.key)
      expect(await elsewhere.get('/api/agents/me')).toMatchObject({ status: 200 })
      expect(await somebody.client.get('/api/agents/me')).toMatchObject({ status: 200 })
      const [key] = (await server().board.get(`/api/agents/${somebody.id}/keys`)).body
      expect(await server().board.del(`/api/agents/${somebody.id}/keys/${key.id}`)).toMatchObject({ status: 200 })
      await expectUnauthorized(`Bearer ${somebody.key}`)
      await expectRefusedWithin(1500, () => elsewhere.get('/api/agents/me'))
    } finally {
      await other.stop()
    }
  })

  test('the token of a run that ended is nobody at once here, and within a second on another server', async () => {
    const other = await server().startPeer()
    try {
      const ending = await here.run(await here.agent())
      const elsewhere = other.bearer(ending.token)
      expect(await elsewhere.get('/api/agents/me')).toMatchObject({ status: 200 })
      expect(await ending.client.get('/api/agents/me')).toMatchObject({ status: 200 })
      const finish = await ending.client.post(`/api/heartbeat-runs/${ending.id}/finish`, { status: 'succeeded' })
      expect(finish.status, finish.text).toBe(200)
      await expectUnauthorized(`Bearer ${ending.token}`)
      await expectRefusedWithin(1500, () => elsewhere.get('/api/agents/me'))
    } finally {
      await other.stop()
    }
  })

  test('a server that still believes a dead token lets it change nothing', async () => {
    const other = await server().startPeer()
    try {
      const ending = await here.run(await here.agent())
      const elsewhere = other.bearer(ending.token)
      expect(await elsewhere.get('/api/agents/me')).toMatchObject({ status: 200 })
      await server().board.post(`/api/heartbeat-runs/${ending.id}/cancel`)
      const before = await auditCount(server())
      const write = await elsewhere.post(`/api/companies/${here.company.id}/issues`, { title: 'from beyond' })
      expect(write.status).toBe(401)
      expect(await auditCount(server())).toBe(before)
    } finally {
      await other.stop()
    }
  })

  test('the token of a run whose lease ran out is nobody within a second', async () => {
    const fading = await here.run(await here.agent())
    expect(await fading.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    await expireLease(server(), fading.id)
    await expectRefusedWithin(1500, () => fading.client.get('/api/agents/me'))
  })

  test('keys and tokens of a terminated agent are nobody at once', async () => {
    const doomed = await here.agent()
    const itsRun = await here.run(doomed)
    expect(await doomed.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await itsRun.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await server().board.post(`/api/agents/${doomed.id}/terminate`)).toMatchObject({ status: 200 })
    await expectUnauthorized(`Bearer ${doomed.key}`)
    await expectUnauthorized(`Bearer ${itsRun.token}`)
  })

  test('keys of a deleted agent are nobody at once', async () => {
    const doomed = await here.agent()
    expect(await doomed.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await server().board.del(`/api/agents/${doomed.id}`)).toMatchObject({ status: 200 })
    await expectUnauthorized(`Bearer ${doomed.key}`)
  })

  test('an agent that waits for approval can do nothing with a key', async () => {
    const waiting = await here.agent()
    await server().database.sql.query("update agents set status = 'pending_approval' where id = $1", [waiting.id])
    await expectUnauthorized(`Bearer ${waiting.key}`)
  })
})

describe('the acting run (lock-protocol §4)', () => {
  const write = (headers: Record<string, string>, client = agent.client) =>
    client.post(`/api/companies/${here.company.id}/issues`, { title: 'written in a run' }, headers)

  test.each(['not-a-uuid', '123', `${randomUUID()}, ${randomUUID()}`, `${randomUUID()}x`])('%j in the header is 400', async (value) => {
    expect(await write({ 'x-paperclip-run-id': value })).toMatchObject({ status: 400, body: { code: 'malformed_run_id' } })
  })

  test('a token beside a header that names another run is 422', async () => {
    const other = await here.run(agent)
    const answer = await write({ 'x-paperclip-run-id': other.id }, run.client)
    expect(answer).toMatchObject({ status: 422, body: { code: 'run_id_mismatch' } })
    expect(await run.client.get('/api/agents/me', { 'x-paperclip-run-id': other.id })).toMatchObject({ status: 422 })
  })

  test('a token beside a header that names its own run, in capitals too, is believed', async () => {
    expect(await write({ 'x-paperclip-run-id': run.id.toUpperCase() }, run.client)).toMatchObject({ status: 201 })
  })

  test('a run that is unknown, of another agent or of another company is 422, and all three look the same', async () => {
    const peer = await here.run(await here.agent())
    const abroad = await world(server())
    const foreign = await abroad.run(await abroad.agent())
    const before = await auditCount(server())
    const answers = await Promise.all([randomUUID(), peer.id, foreign.id].map((id) => write({ 'x-paperclip-run-id': id })))
    for (const answer of answers) {
      const { requestId: _, ...body } = answer.body
      expect({ status: answer.status, body }).toEqual({ status: 422, body: { error: 'Not a run of this agent', code: 'run_unknown' } })
    }
    expect(await auditCount(server())).toBe(before)
  })

  test('a dead run beside a key is 409 and changes nothing', async () => {
    const ended = await here.run(agent)
    await ended.client.post(`/api/heartbeat-runs/${ended.id}/finish`, { status: 'failed' })
    const faded = await here.run(agent)
    await expireLease(server(), faded.id)
    const before = await auditCount(server())
    for (const dead of [ended, faded])
      expect(await write({ 'x-paperclip-run-id': dead.id })).toMatchObject({ status: 409, body: { code: 'run_ended' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('reads with a key do not look at the header', async () => {
    for (const value of ['not-a-uuid', randomUUID(), run.id])
      expect(await agent.client.get('/api/agents/me', { 'x-paperclip-run-id': value })).toMatchObject({ status: 200 })
  })

  test('the board names no run', async () => {
    const answer = await write({ 'x-paperclip-run-id': run.id }, server().board)
    expect(answer.status).toBe(201)
    expect(await lastAudit(server(), answer.body.id, 'issue.created')).toMatchObject({
      actorType: 'user',
      actorId: 'local-board',
      runId: null,
    })
  })
})

describe('actor, run and company come from the credential, never from a body (I8)', () => {
  test('a body that claims to be somebody else is written as who sent it', async () => {
    const abroad = await world(server())
    const victim = await here.agent()
    const claims = {
      companyId: abroad.company.id,
      actorId: victim.id,
      actorType: 'user',
      agentId: victim.id,
      createdByAgentId: victim.id,
      createdByUserId: 'local-board',
      authorAgentId: victim.id,
      authorUserId: 'local-board',
      runId: randomUUID(),
      createdByRunId: randomUUID(),
      decidedByUserId: 'mallory',
    }
    const issue = await run.client.post(`/api/companies/${here.company.id}/issues`, { title: 'mine', ...claims })
    expect(issue.body).toMatchObject({ companyId: here.company.id, createdByAgentId: agent.id, createdByUserId: null })
    const comment = await run.client.post(`/api/issues/${issue.body.id}/comments`, { body: 'mine too', ...claims })
    expect(comment.body).toMatchObject({ authorAgentId: agent.id, authorUserId: null, createdByRunId: run.id })
    for (const action of ['issue.created', 'issue.comment_added'])
      expect(await lastAudit(server(), issue.body.id, action)).toMatchObject({
        companyId: here.company.id,
        actorType: 'agent',
        actorId: agent.id,
        agentId: agent.id,
        runId: run.id,
      })
  })

  test('a query that names another company does not move an agent there', async () => {
    const abroad = await world(server())
    const stranger = await abroad.agent({ name: 'Twin' })
    const name = (await server().board.get(`/api/agents/${stranger.id}`)).body.urlKey
    expect(await agent.client.get(`/api/agents/${name}?companyId=${abroad.company.id}`)).toMatchObject({ status: 404 })
  })
})

describe('the implicit board ends where somebody else may be speaking', () => {
  test.each([
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Host', 'localhost'],
    ['X-Forwarded-Proto', 'http'],
    ['Forwarded', 'for=127.0.0.1'],
    ['Via', '1.1 proxy'],
    ['X-Real-IP', '127.0.0.1'],
  ])('%s', async (name, value) => {
    expect(await server().board.get('/api/companies', { [name]: value })).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await server().board.post('/api/companies', { name: 'x' }, { [name]: value })).toMatchObject({ status: 401 })
  })

  test('an agent behind a proxy is still itself', async () => {
    expect(await agent.client.get('/api/agents/me', { 'X-Forwarded-For': '10.0.0.1' })).toMatchObject({ status: 200 })
  })
})
