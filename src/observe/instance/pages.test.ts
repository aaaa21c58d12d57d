import { describe, expect, onTestFinished, test } from 'vitest'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { send } from '../../dev/testing/serverProcess.ts'
import { useServer } from '../../dev/testing/world.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import { createStore } from '../../platform/db/store.ts'
import { livePage, readyPage } from './probes.ts'

const server = useServer()

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

describe('the page at /', () => {
  test('A browser gets a page with version, documents and how to begin, under the policy of pages and without a script (K41)', async () => {
    const { host } = new URL(server().url)
    const page = await server().board.get('/', { Accept: BROWSER })
    expect(page.status).toBe(200)
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', vary: 'Accept', 'x-content-type-options': 'nosniff' })
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    expect(page.headers['content-security-policy']).not.toMatch(/script-src[^;]*unsafe|default-src[^;]*unsafe/)
    expect(page.text).toContain('paperclip-server test')
    expect(page.text).toContain(`http://${host}/api/companies`)
    expect(page.text).not.toMatch(/<script|\son\w+=|javascript:/i)
    for (const [, path] of page.text.matchAll(/href="(\/[^"]*)"/g))
      expect((await server().board.get(String(path), { Accept: BROWSER })).status, path).toBe(200)
  })

  test('Every other client, method and host gets what it got before (K41)', async () => {
    for (const accept of ['application/json', '*/*', ''])
      expect(await server().board.get('/', { Accept: accept })).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
    expect((await server().board.post('/', {}, { Accept: BROWSER })).status).toBe(404)
    expect(await server().board.get('/', { Accept: BROWSER, Host: '<b>.example' })).toMatchObject({ body: { code: 'host_not_allowed' } })
  })
})

describe('probes', () => {
  test('Both answer for any host and without a credential, and nothing but GET and HEAD (K42)', async () => {
    for (const [path, status] of [
      ['/livez', 'alive'],
      ['/readyz', 'ready'],
    ] as const) {
      const probed = await server().board.get(path, { Host: '10.1.2.3:8080', Authorization: 'Bearer nonsense' })
      expect(probed).toMatchObject({ status: 200, body: { status } })
      expect(await server().board.post(path, {}, { Host: 'other.example' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
    }
    expect(await server().board.get('/api/health', { Host: '10.1.2.3:8080' })).toMatchObject({
      status: 403,
      body: { code: 'host_not_allowed' },
    })
  })

  test('Without a database the process is alive and not ready, and a server that drains is not ready (K42)', async () => {
    const nowhere = openPool({ host: '/nowhere', user: 'none', database: 'none' })
    const ready = readyPage(createStore(nowhere).read, () => true)
    const probed = createServer((request, response) => {
      if (request.url === '/livez') livePage(request, response)
      else ready(request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => void probed.listen(0, '127.0.0.1', resolve))
    onTestFinished(async () => {
      probed.close()
      await nowhere.end()
    })
    const url = `http://127.0.0.1:${(probed.address() as AddressInfo).port}`
    expect(await send(`${url}/livez`)).toMatchObject({ status: 200, body: { status: 'alive' } })
    expect(await send(`${url}/readyz`)).toMatchObject({
      status: 503,
      retryAfter: '1',
      body: { status: 'not_ready', missing: ['database', 'draining'] },
    })
  })
})
