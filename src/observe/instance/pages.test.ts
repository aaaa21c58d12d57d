import { describe, expect, onTestFinished, test } from 'vitest'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { send } from '../../dev/testing/serverProcess.ts'
import { useServer } from '../../dev/testing/world.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import { createStore } from '../../platform/db/store.ts'
import { livePage, readyPage } from './probes.ts'

const server = useServer()

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
