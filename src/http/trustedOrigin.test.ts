import { beforeAll, describe, expect, test } from 'vitest'
import { sendRawRequest } from '../dev/testing/rawHttp.ts'
import { TEST_BOARD_TOKEN, useServer, world } from '../dev/testing/world.ts'
import type { TestAgent } from '../dev/testing/world.ts'

const server = useServer()
let agent: TestAgent
beforeAll(async () => {
  agent = await (await world(server())).agent()
})

const port = (): string => new URL(server().url).port
const requestWithHost = (host: string, ...more: string[]) =>
  sendRawRequest(server().url, ['GET /api/companies HTTP/1.1', `Host: ${host}`, ...more])

describe('requireTrustedOrigin: the Host header', () => {
  test.each(['localhost', 'LOCALHOST', 'localhost.', '127.0.0.1', '[::1]'])(
    'The Host %s is accepted as this machine, with a port and without',
    async (name) => {
      expect((await requestWithHost(name)).status).toBe(200)
      expect((await requestWithHost(`${name}:${port()}`)).status).toBe(200)
    },
  )

  test.each([
    'evil.example',
    'localhost.evil.example',
    'evil.example:3100',
    '127.0.0.1.nip.io',
    '10.0.0.1',
    '0.0.0.0',
    '127.1',
    'localhost:80:80',
    'user@localhost',
    'localhost/',
    '[::2]',
    '',
  ])('The Host %j is refused, because it is not a name of this machine', async (host) => {
    const answer = await requestWithHost(host)
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: 'host_not_allowed' })
  })

  test('A request without a Host header is refused with a JSON body', async () => {
    for (const version of ['1.1', '1.0']) {
      const answer = await sendRawRequest(server().url, [`GET /api/companies HTTP/${version}`])
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: 'host_not_allowed' })
    }
  })

  test('A request with two Host headers is refused in either order', async () => {
    for (const [first, second] of [
      ['localhost', 'evil.example'],
      ['evil.example', 'localhost'],
    ]) {
      const answer = await sendRawRequest(server().url, ['GET /api/companies HTTP/1.1', `Host: ${first}`, `Host: ${second}`])
      expect(answer.status).toBe(first === 'localhost' ? 400 : 403)
    }
  })

  test('A foreign Host is refused even with a valid key, and before a route or a credential is looked up', async () => {
    const answer = await requestWithHost('evil.example', `Authorization: Bearer ${agent.key}`)
    expect(answer.status).toBe(403)
    expect(await sendRawRequest(server().url, ['GET /api/nothing HTTP/1.1', 'Host: evil.example'])).toMatchObject({ status: 403 })
    expect(await sendRawRequest(server().url, ['GET /api/docs/ HTTP/1.1', 'Host: evil.example'])).toMatchObject({ status: 403 })
  })

  test('An absolute request target does not replace the Host header', async () => {
    const answer = await sendRawRequest(server().url, ['GET http://localhost/api/companies HTTP/1.1', 'Host: evil.example'])
    expect(answer.status).toBe(403)
  })
})

describe('requireTrustedOrigin: an absolute request target', () => {
  const absolute = (target: string) => sendRawRequest(server().url, [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1'])

  test.each([
    'http://evil.example',
    'HTTP://evil.example:80',
    'https://10.0.0.1',
    'http://localhost@evil.example',
    'ftp://localhost',
    'http://',
  ])('The authority of %s is checked like a Host header, whatever Host says', async (origin) => {
    for (const path of ['/api/companies', '/api/cli-auth/me', '/api/nothing']) {
      const answer = await absolute(`${origin}${path}`)
      expect([400, 403], `${answer.status}`).toContain(answer.status)
      if (answer.status === 403) expect(answer.body.code).toBe('host_not_allowed')
    }
  })

  test('An absolute target that names this machine is served as a path is', async () => {
    expect(await absolute('http://localhost/api/companies')).toMatchObject({ status: 200 })
    expect(await absolute(`http://127.0.0.1:${port()}/api/companies?limit=1`)).toMatchObject({ status: 200 })
  })
})

describe('requireTrustedOrigin: the Origin header', () => {
  test.each(['http://evil.example', 'null', 'http://localhost:1', 'file://', 'http://127.0.0.1.evil.example', ''])(
    'A request with the foreign Origin %j is refused',
    async (origin) => {
      const answer = await requestWithHost(`localhost:${port()}`, `Origin: ${origin}`)
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: 'origin_not_allowed' })
      expect(await server().board.post('/api/companies', { name: 'x' }, { origin })).toMatchObject({ status: 403 })
    },
  )

  test("Requests of the server's own pages are accepted", async () => {
    for (const scheme of ['http', 'https', 'HTTP'])
      expect((await requestWithHost(`localhost:${port()}`, `Origin: ${scheme}://localhost:${port()}`)).status).toBe(200)
  })

  test('No header allows a foreign page to read an answer', async () => {
    const answer = await sendRawRequest(server().url, ['OPTIONS /api/companies HTTP/1.1', 'Host: localhost', 'Origin: http://evil.example'])
    expect(answer.head.toLowerCase()).not.toContain('access-control-allow')
    expect(answer.status).toBe(403)
  })
})

describe('requireTrustedOrigin: pages of other sites without an Origin (Fetch Metadata)', () => {
  const ask = (path: string, fetchHeaders: Record<string, string>) => server().board.get(path, fetchHeaders)
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

  test.each(['cross-site', 'same-site', 'made-up'])(
    'A request that a page sends by itself is refused when its site is %s',
    async (site) => {
      for (const dest of ['image', 'script', 'iframe', 'frame', 'object', 'empty', 'document'])
        for (const mode of ['no-cors', 'cors', ...(dest === 'document' ? [] : ['navigate'])]) {
          const answer = await ask('/api/companies', { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest })
          expect({ dest, mode, status: answer.status, code: answer.body.code }).toEqual({
            dest,
            mode,
            status: 403,
            code: 'origin_not_allowed',
          })
        }
      const post = await server().board.post('/api/companies', { name: 'x' }, { 'sec-fetch-site': site, ...navigation })
      expect(post).toMatchObject({ status: 403, body: { error: 'Board mutation requires trusted browser origin' } })
    },
  )

  test('A link from another site opens public pages and shows nothing of the board', async () => {
    for (const site of ['cross-site', 'same-site']) {
      expect(await ask('/api/docs/', { 'sec-fetch-site': site, ...navigation })).toMatchObject({ status: 200 })
      const answer = await ask('/api/companies', { 'sec-fetch-site': site, ...navigation })
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
      expect(answer.body.error).toContain('a page of another site')
    }
  })

  test('A person who types the address, and a page of this server, are accepted', async () => {
    for (const site of ['none', 'same-origin'])
      expect(await ask('/api/companies', { 'sec-fetch-site': site, ...navigation })).toMatchObject({ status: 200 })
  })
})

describe('requireTrustedOrigin: pages of a listed origin', () => {
  const origin = 'https://console.example'
  const listing = useServer({ allowedOrigins: [origin] })
  const headers = { origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

  test('They send requests with a bearer and may read the answers, also refusals', async () => {
    const bearer = listing().bearer(TEST_BOARD_TOKEN)
    const answer = await bearer.post('/api/companies', { name: 'From a page' }, headers)
    expect(answer.status, answer.text).toBe(201)
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin, Accept-Encoding' })
    expect(answer.headers['access-control-expose-headers']).toContain('ETag')
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
    const refused = await listing().bearer('wrong').get('/api/companies', headers)
    expect(refused).toMatchObject({ status: 401, headers: { 'access-control-allow-origin': origin } })
  })

  test('A browser learns before the request what it may send', async () => {
    const preflight = { ...headers, 'access-control-request-method': 'PATCH', 'access-control-request-private-network': 'true' }
    const answer = await fetch(`${listing().url}/api/companies`, { method: 'OPTIONS', headers: preflight })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-methods')).toContain('PATCH')
    expect(answer.headers.get('access-control-allow-headers')).toContain('Authorization')
    expect(answer.headers.get('access-control-allow-private-network')).toBe('true')
  })

  test('The words of a refusal fit the method and name the act that would help (K44)', async () => {
    const listed = headers
    const unlisted = { ...headers, origin: 'https://other.example' }
    const { url } = listing()
    const ask = async (method: string, given: Record<string, string>) => {
      const answer = await fetch(`${url}/api/companies`, { method, headers: given })
      return { status: answer.status, error: ((await answer.json()) as { error: string }).error }
    }
    const authorization = `Bearer ${TEST_BOARD_TOKEN}`
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE'])
      expect(await ask(method, listed)).toEqual({ status: 403, error: expect.stringContaining('need a bearer') })
    for (const method of ['GET', 'OPTIONS'])
      expect(await ask(method, unlisted)).toEqual({ status: 403, error: expect.stringMatching(/cannot read .* PAPERCLIP_ALLOWED_ORIGINS/) })
    expect(await ask('POST', { ...unlisted, authorization })).toEqual({
      status: 403,
      error: expect.stringMatching(/cannot change .* PAPERCLIP_ALLOWED_ORIGINS/),
    })
    for (const [method, act] of Object.entries({ GET: 'read', POST: 'change', DELETE: 'change' }))
      expect(await ask('OPTIONS', { ...unlisted, 'access-control-request-method': method })).toEqual({
        status: 403,
        error: expect.stringContaining(`cannot ${act} this server`),
      })
    expect(await ask('POST', unlisted)).toEqual({ status: 403, error: 'Board mutation requires trusted browser origin' })
  })

  test('Without a bearer they are refused, and so are other origins with one', async () => {
    expect(await listing().board.get('/api/companies', headers)).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
    expect(await listing().board.post('/api/companies', { name: 'x' }, headers)).toMatchObject({ status: 403 })
    const other = { ...headers, origin: 'https://console.example.evil' }
    const answer = await listing().bearer(TEST_BOARD_TOKEN).get('/api/companies', other)
    expect(answer.status).toBe(403)
    expect(answer.body.error).toContain('PAPERCLIP_ALLOWED_ORIGINS')
  })
})
