import { beforeAll, describe, expect, test } from 'vitest'
import { sendRawRequest } from '../dev/testing/rawHttp.ts'
import { useServer, world } from '../dev/testing/world.ts'
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
