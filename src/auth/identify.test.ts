import fc from 'fast-check'
import { createHmac, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { outcomeOf, startTestRun } from '../adapters/testKit.ts'
import { sendRawRequest } from '../dev/testing/rawHttp.ts'
import { isLate } from '../dev/testing/slowness.ts'
import { auditCount, expireLease, lastAudit, TEST_BOARD_TOKEN, TEST_SECRET, useServer, world } from '../dev/testing/world.ts'
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

/** A token that differs from a valid one only in the given parts. */
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

/** A token that `jose` would not sign: the claims of a valid token under any header. */
function forgeByHand(header: object, signature: (text: string) => string): string {
  const claims = { company_id: here.company.id, adapter_type: 'process', run_id: run.id, sub: agent.id, iat: now(), exp: now() + 600 }
  const text = `${encode(header)}.${encode({ ...claims, iss: 'paperclip', aud: 'paperclip-api' })}`
  return `${text}.${signature(text)}`
}

const hmac = (hash: string) => (text: string) => createHmac(hash, TEST_SECRET).update(text).digest('base64url')

/** One route for the board only, one for agents, one for both, and one that is public. */
const probedPaths = () => ['/api/companies', '/api/agents/me', `/api/companies/${here.company.id}`, '/api/health']

async function expectUnauthorized(authorization: string): Promise<void> {
  for (const path of probedPaths()) {
    const answer = await server().board.get(path, { authorization })
    expect({ path, status: answer.status, code: answer.body.code }).toEqual({ path, status: 401, code: 'unauthorized' })
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  }
}

describe('identify: a credential that cannot be used is refused and never becomes the board (I16)', () => {
  test('The valid token that the forged tokens differ from is accepted', async () => {
    const validToken = await forge({})
    expect(await server().bearer(validToken).get('/api/agents/me')).toMatchObject({ status: 200, body: { id: agent.id } })
    const byHand = forgeByHand({ alg: 'HS256', typ: 'JWT' }, hmac('sha256'))
    expect(await server().bearer(byHand).get('/api/agents/me')).toMatchObject({ status: 200 })
  })

  test.each([
    ['An empty header', ''],
    ['A scheme without a token', 'Bearer'],
    ['A scheme with spaces', 'Bearer    '],
    ['The scheme Basic', `Basic ${Buffer.from('local-board:').toString('base64')}`],
    ['A key without a scheme', generateAgentKey()],
    ['A header with two tokens', `Bearer ${generateAgentKey()} ${generateAgentKey()}`],
    ['An unknown key', `Bearer ${generateAgentKey()}`],
    ['A malformed key', 'Bearer pcp_ABC'],
    ['A board key, which does not exist in local mode', `Bearer pcp_board_${'0'.repeat(48)}`],
    ['The user id of the board', 'Bearer local-board'],
    ['A token of three dots', 'Bearer ...'],
    ['A token of three empty objects', 'Bearer e30.e30.e30'],
    ['A token of 10,000 characters', `Bearer ${'x'.repeat(10_000)}`],
  ])('%s is refused with 401 on every route', async (_, authorization) => {
    await expectUnauthorized(authorization)
  })

  test.each<[string, () => Promise<string> | string]>([
    ['expired', () => forge({ expiresAt: now() - 1 })],
    ['without expiry', () => forge({ expiresAt: null })],
    ['signed with another secret', () => forge({ secret: `${TEST_SECRET}!` })],
    ['of another issuer', () => forge({ issuer: 'another' })],
    ['without issuer', () => forge({ issuer: null })],
    ['for another audience', () => forge({ audience: 'elsewhere' })],
    ['without audience', () => forge({ audience: null })],
    ['with HS512', () => forge({ alg: 'HS512' })],
    ['with HS384', () => forge({ alg: 'HS384' })],
    ['with alg none and no signature', () => forgeByHand({ alg: 'none', typ: 'JWT' }, () => '')],
    ['with alg none and a signature', () => forgeByHand({ alg: 'none' }, hmac('sha256'))],
    ['with an unknown critical header', () => forgeByHand({ alg: 'HS256', crit: ['b64'], b64: false }, hmac('sha256'))],
    ['without its run', () => forge({ claims: { run_id: undefined } })],
    ['of a run id that is not a UUID', () => forge({ claims: { run_id: 'run' } })],
    ['of an unknown run', () => forge({ claims: { run_id: randomUUID() } })],
    ['of another agent', () => forge({ sub: randomUUID() })],
    ['of another company', () => forge({ claims: { company_id: randomUUID() } })],
    ['without an adapter', () => forge({ claims: { adapter_type: undefined } })],
  ])('A token %s is refused with 401 on every route', async (_, token) => {
    await expectUnauthorized(`Bearer ${await token()}`)
  })

  test('A token whose signature was changed in one character is refused', async () => {
    const validToken = await forge({})
    const changed = validToken.at(-2) === 'A' ? 'B' : 'A'
    await expectUnauthorized(`Bearer ${validToken.slice(0, -2)}${changed}${validToken.at(-1)}`)
  })

  test('A request with two credentials is refused, even if both are valid', async () => {
    const requestWith = (first: string, second: string) =>
      sendRawRequest(server().url, [
        'GET /api/agents/me HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${first}`,
        `Authorization: Bearer ${second}`,
      ])
    expect(await requestWith(agent.key, run.token)).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await requestWith(agent.key, agent.key)).toMatchObject({ status: 401 })
    expect(await requestWith(generateAgentKey(), agent.key)).toMatchObject({ status: 401 })
  })

  test('The scheme is accepted in upper and lower case', async () => {
    expect(await server().board.get('/api/agents/me', { authorization: `bEaReR ${agent.key}` })).toMatchObject({ status: 200 })
  })
})

/** Repeats a request until the answer is 401. Another server may trust a revoked credential for up to a second. */
async function expectRefusedWithin(ms: number, request: () => Promise<{ status: number }>): Promise<void> {
  const beganAt = performance.now()
  let status = 0
  while (!isLate(beganAt, ms)) {
    const answer = await request()
    status = answer.status
    if (status === 401) return
  }
  expect(status).toBe(401)
}

describe('identify: the end of a credential', () => {
  test('A revoked key is refused at once by the server that revoked it, and within a second by another server', async () => {
    const other = await server().startPeer()
    try {
      const owner = await here.agent()
      const elsewhere = other.bearer(owner.key)
      expect(await elsewhere.get('/api/agents/me')).toMatchObject({ status: 200 })
      expect(await owner.client.get('/api/agents/me')).toMatchObject({ status: 200 })
      const { body: keys } = await server().board.get(`/api/agents/${owner.id}/keys`)
      expect(await server().board.del(`/api/agents/${owner.id}/keys/${keys[0].id}`)).toMatchObject({ status: 200 })
      await expectUnauthorized(`Bearer ${owner.key}`)
      await expectRefusedWithin(1500, () => elsewhere.get('/api/agents/me'))
    } finally {
      await other.stop()
    }
  })

  test('The token of a run is refused at once by the server that ended the run, and within a second by another server', async () => {
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

  test('A server that still trusts the token of a dead run refuses its writes', async () => {
    const other = await server().startPeer()
    try {
      const ending = await here.run(await here.agent())
      const elsewhere = other.bearer(ending.token)
      expect(await elsewhere.get('/api/agents/me')).toMatchObject({ status: 200 })
      await server().board.post(`/api/heartbeat-runs/${ending.id}/cancel`)
      const before = await auditCount(server())
      const write = await elsewhere.post(`/api/companies/${here.company.id}/issues`, { title: 'too late' })
      expect(write.status).toBe(401)
      expect(await auditCount(server())).toBe(before)
    } finally {
      await other.stop()
    }
  })

  test('The token of a run whose lease expired is refused within a second', async () => {
    const expiring = await here.run(await here.agent())
    expect(await expiring.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    await expireLease(server(), expiring.id)
    await expectRefusedWithin(1500, () => expiring.client.get('/api/agents/me'))
  })

  test('Keys and tokens of a terminated agent are refused at once', async () => {
    const terminated = await here.agent()
    const itsRun = await here.run(terminated)
    expect(await terminated.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await itsRun.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await server().board.post(`/api/agents/${terminated.id}/terminate`)).toMatchObject({ status: 200 })
    await expectUnauthorized(`Bearer ${terminated.key}`)
    await expectUnauthorized(`Bearer ${itsRun.token}`)
  })

  test('Keys of a deleted agent are refused at once', async () => {
    const deleted = await here.agent()
    expect(await deleted.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await server().board.del(`/api/agents/${deleted.id}`)).toMatchObject({ status: 200 })
    await expectUnauthorized(`Bearer ${deleted.key}`)
  })

  test('The key of an agent that waits for approval is refused', async () => {
    const waiting = await here.agent()
    await server().database.sql.query("update agents set status = 'pending_approval' where id = $1", [waiting.id])
    await expectUnauthorized(`Bearer ${waiting.key}`)
  })
})

describe('identify: the acting run (LOCK_PROTOCOL §4)', () => {
  const write = (headers: Record<string, string>, client = agent.client) =>
    client.post(`/api/companies/${here.company.id}/issues`, { title: 'written in a run' }, headers)

  test.each(['not-a-uuid', '123', `${randomUUID()}, ${randomUUID()}`, `${randomUUID()}x`])(
    'The value %j of the run header is refused with 400',
    async (value) => {
      expect(await write({ 'x-paperclip-run-id': value })).toMatchObject({ status: 400, body: { code: 'malformed_run_id' } })
    },
  )

  test('A token with a header that names another run is refused with 422', async () => {
    const other = await here.run(agent)
    const answer = await write({ 'x-paperclip-run-id': other.id }, run.client)
    expect(answer).toMatchObject({ status: 422, body: { code: 'run_id_mismatch' } })
    expect(await run.client.get('/api/agents/me', { 'x-paperclip-run-id': other.id })).toMatchObject({ status: 422 })
  })

  test('A token with a header that names its own run is accepted, also in capital letters', async () => {
    expect(await write({ 'x-paperclip-run-id': run.id.toUpperCase() }, run.client)).toMatchObject({ status: 201 })
  })

  test('An unknown run, a run of another agent and a run of another company are refused with the same 422', async () => {
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

  test('A key with a header that names a dead run is refused with 409 and changes nothing', async () => {
    const ended = await here.run(agent)
    await ended.client.post(`/api/heartbeat-runs/${ended.id}/finish`, { status: 'failed' })
    const expired = await here.run(agent)
    await expireLease(server(), expired.id)
    const before = await auditCount(server())
    for (const dead of [ended, expired])
      expect(await write({ 'x-paperclip-run-id': dead.id })).toMatchObject({ status: 409, body: { code: 'run_ended' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('Reads with a key ignore the run header', async () => {
    for (const value of ['not-a-uuid', randomUUID(), run.id])
      expect(await agent.client.get('/api/agents/me', { 'x-paperclip-run-id': value })).toMatchObject({ status: 200 })
  })

  test('A write of the board has no acting run, even with a run header', async () => {
    const answer = await write({ 'x-paperclip-run-id': run.id }, server().board)
    expect(answer.status).toBe(201)
    expect(await lastAudit(server(), answer.body.id, 'issue.created')).toMatchObject({
      actorType: 'user',
      actorId: 'local-board',
      runId: null,
    })
  })
})

describe('identify: actor, run and company come from the credential, never from a body (I8)', () => {
  test('A body that names another actor is recorded as written by the caller', async () => {
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

  test('A query that names another company gives an agent no access to it', async () => {
    const abroad = await world(server())
    const stranger = await abroad.agent({ name: 'Twin' })
    const name = (await server().board.get(`/api/agents/${stranger.id}`)).body.urlKey
    expect(await agent.client.get(`/api/agents/${name}?companyId=${abroad.company.id}`)).toMatchObject({ status: 404 })
  })
})

describe('identify: a request through a proxy is not the board', () => {
  test.each([
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Host', 'localhost'],
    ['X-Forwarded-Proto', 'http'],
    ['Forwarded', 'for=127.0.0.1'],
    ['Via', '1.1 proxy'],
    ['X-Real-IP', '127.0.0.1'],
  ])('A request with the header %s and without a credential is refused with 401', async (name, value) => {
    expect(await server().board.get('/api/companies', { [name]: value })).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await server().board.post('/api/companies', { name: 'x' }, { [name]: value })).toMatchObject({ status: 401 })
  })

  const exact = [
    'x-forwarded',
    'x-client-ip',
    'client-ip',
    'true-client-ip',
    'cf-connecting-ip',
    'cf-ray',
    'cf-visitor',
    'cf-ipcountry',
    'cdn-loop',
    'fastly-client-ip',
    'fly-client-ip',
    'x-cluster-client-ip',
    'x-original-forwarded-for',
    'x-original-url',
    'x-envoy-external-address',
    'x-amzn-trace-id',
    'x-azure-clientip',
    'x-appengine-user-ip',
    'x-vercel-forwarded-for',
    'x-nf-client-connection-ip',
    'x-remote-user',
    'remote-user',
    'x-ssl-client-cert',
    'ssl-client-verify',
    'x-scheme',
    'x-host',
    'x-varnish',
    'x-request-start',
    'tailscale-user-login',
    'x-cloud-trace-context',
    'x-forwarded-port',
    'x-forwarded-server',
    'x-forwarded-prefix',
    'x-forwarded-user',
    'x-forwarded-scheme',
    'x-forwarded-ssl',
    'proxy-connection',
    'front-end-https',
    'x-proxyuser-ip',
  ]
  test('One header of any proxy, load balancer, content network or tunnel ends the trust in a local request', async () => {
    for (const name of exact)
      expect(await server().board.get('/api/companies', { [name]: '127.0.0.1' }), name).toMatchObject({
        status: 401,
        body: { code: 'unauthorized' },
      })
  })

  const families = [
    'x-forwarded-',
    'cf-',
    'fastly-',
    'x-envoy-',
    'x-amz-',
    'x-azure-',
    'x-original-',
    'akamai-',
    'tailscale-',
    'x-vercel-',
    'x-proxy-',
  ]
  test('Any further header of these families does the same, in any case and with any value', async () => {
    const headers = fc.tuple(
      fc.constantFrom(...families),
      fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/),
      fc.boolean(),
      fc.constantFrom('', ' ', 'x', '127.0.0.1'),
    )
    await fc.assert(
      fc.asyncProperty(headers, async ([family, rest, isUpper, value]) => {
        const name = isUpper ? (family + rest).toUpperCase() : family + rest
        expect(await server().board.get('/api/companies', { [name]: value }), name).toMatchObject({ status: 401 })
      }),
      { numRuns: 60 },
    )
  })

  test('A header of a proxy ends it also when it is spelled with underscores or points', async () => {
    const spelling = fc.tuple(fc.constantFrom(...exact), fc.constantFrom('_', '.', '~'), fc.boolean(), fc.nat(3))
    await fc.assert(
      fc.asyncProperty(spelling, async ([name, mark, isUpper, kept]) => {
        let left = kept
        const spelled = name.replaceAll('-', (dash) => (left-- === 1 ? dash : mark))
        expect(
          await server().board.get('/api/companies', { [isUpper ? spelled.toUpperCase() : spelled]: '127.0.0.1' }),
          spelled,
        ).toMatchObject({
          status: 401,
        })
      }),
      { numRuns: 60, examples: [[['x-forwarded-for', '_', false, 0]], [['x-real-ip', '_', true, 0]]] },
    )
  })

  test('Headers that clients send themselves do not end it', async () => {
    const own = [
      'accept-language',
      'user-agent',
      'x-request-id',
      'x-paperclip-client',
      'traceparent',
      'dnt',
      'cache-control',
      'x-requested-with',
    ]
    for (const name of own) expect((await server().board.get('/api/companies', { [name]: 'x' })).status, name).toBe(200)
  })

  test('A request that an adapter sends to a server of this machine is not the board, whatever headers are configured', async () => {
    const config = {
      url: `${server().url}/api/companies`,
      headers: { 'X-Paperclip-Adapter': '', 'Sec-Fetch-Site': 'same-origin', Origin: server().url },
      payloadTemplate: { name: 'By itself' },
    }
    const end = await outcomeOf(startTestRun('http', config, {}, { allowedAddresses: ['127.0.0.1'] }))
    expect(end).toMatchObject({ status: 'failed', errorCode: 'adapter_http_status', error: expect.stringMatching(/answered 401$/) })
    expect(JSON.stringify((await server().board.get('/api/companies')).body)).not.toContain('By itself')
  })

  test('An agent behind a proxy is identified by its key', async () => {
    expect(await agent.client.get('/api/agents/me', { 'X-Forwarded-For': '10.0.0.1' })).toMatchObject({ status: 200 })
  })
})

describe('identify: the token of the board', () => {
  test('Its bearer is the board under the same name, on this machine, through a proxy and under another host name', async () => {
    const board = server().bearer(TEST_BOARD_TOKEN)
    expect(await board.get('/api/cli-auth/me', { 'X-Forwarded-For': '203.0.113.7' })).toMatchObject({
      status: 200,
      body: { userId: 'local-board', isInstanceAdmin: true, source: 'board_key' },
    })
    const company = await board.post('/api/companies', { name: 'By token' }, { 'X-Forwarded-For': '203.0.113.7' })
    expect(company.status).toBe(201)
    expect(await lastAudit(server(), company.body.id, 'company.created')).toMatchObject({ actorType: 'user', actorId: 'local-board' })
  })

  test.each([TEST_BOARD_TOKEN.slice(0, -1), `${TEST_BOARD_TOKEN}0`, TEST_BOARD_TOKEN.toUpperCase(), 'pcp_local_'])(
    'A bearer that only resembles it is refused: %s',
    async (token) => await expectUnauthorized(`Bearer ${token}`),
  )
})
