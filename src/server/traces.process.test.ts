import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { startTraceReceiver } from '../dev/testing/traceReceiver.ts'

const SLOW_MS = 180_000

test('A server sends its last spans at its end, with the header and the facts that its variables name', { timeout: SLOW_MS }, async () => {
  const receiver = await startTraceReceiver()
  onTestFinished(() => receiver.close())
  const home = temporaryHome()
  const headersFile = path.join(home, 'headers')
  writeFileSync(headersFile, 'x-collector-key=canary-of-a-key\n', { mode: 0o600 })
  const server = startServerProcess({
    home,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS_FILE: headersFile,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'board-of-tests',
      // Longer than the test: what arrives was sent by the shutdown.
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    },
  })
  const url = await server.url()
  expect((await send(`${url}/api/companies`, 'POST', { name: 'Traced Works' })).status).toBe(201)
  expect(await server.stop()).toEqual({ code: 0, signal: null })

  expect(receiver.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['POST /api/companies', 'transaction']))
  expect(receiver.resource()).toMatchObject({ 'service.name': 'board-of-tests', 'deployment.environment.name': 'test' })
  expect(receiver.headers()['x-collector-key']).toBe('canary-of-a-key')
  expect(JSON.stringify(server.lines)).toContain('traces are collected')
  expect(JSON.stringify(server.lines)).not.toContain('canary')
})
