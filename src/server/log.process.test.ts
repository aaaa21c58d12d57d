// The log of a server whose reader does not read.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, createReadStream, openSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { exchange } from '../dev/testing/exchange.ts'
import { freePort } from '../dev/testing/freePort.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import { postgresProcessesUnder, send, temporaryHome } from '../dev/testing/serverProcess.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

/** Starts a server whose standard output is a pipe that this process holds open and does not read. */
async function startUnread() {
  const home = await fillHome(temporaryHome())
  const pipe = path.join(home, 'log')
  execFileSync('mkfifo', [pipe])
  const descriptor = openSync(pipe, 'r+')
  onTestFinished(() => closeSync(descriptor))
  const port = await freePort()
  const child = spawn(process.execPath, ['src/launch/start.js'], {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      PAPERCLIP_HOME: path.join(home, 'server'),
      PORT: String(port),
    },
    stdio: ['ignore', descriptor, 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  const exited = once(child, 'exit')
  // Its log says when it listens, and nobody reads that.
  await vi.waitFor(async () => expect((await send(`${url}/api/health`)).status).toBe(200), { timeout: 60_000, interval: 200 })
  return { home, child, url, pipe, exited }
}

/** Makes the server write about `count` lines of log. */
async function request(url: string, count: number): Promise<void> {
  const headers = { 'X-Request-Id': 'x'.repeat(128) }
  for (let sent = 0; sent < count; sent += 50)
    await Promise.all(Array.from({ length: 50 }, () => exchange(`${url}/api/companies`, { method: 'GET', headers, bytes: null })))
}

test(
  'A server whose log pipe is held open and not read serves, keeps a bounded part of it, says later what it dropped, and ends',
  { timeout: 180_000 },
  async () => {
    const { home, child, url, pipe, exited } = await startUnread()
    // A line has about 270 bytes; the pipe takes 64 KB of them, and the buffer 1 MB: 4,100 lines.
    await request(url, 6000)

    const lines = createInterface(createReadStream(pipe))
    const report = await new Promise<{ dropped: number }>((resolve) => {
      lines.on('line', (line) => {
        if (line.includes('log lines were dropped')) resolve(JSON.parse(line) as { dropped: number })
      })
    })
    expect(report.dropped).toBeGreaterThan(1000)
    lines.close()

    await request(url, 5000)
    const stoppedAt = performance.now()
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(postgresProcessesUnder(home)).toEqual([])
    expect(postgresProcessesUnder(home)).toEqual([])
    expect(performance.now() - stoppedAt).toBeLessThan(onThisMachine(10_000))
  },
)
