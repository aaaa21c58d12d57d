import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fillHome } from '../dev/testing/readyHome.ts'
import { send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { isStartProblem } from '../platform/kernel/startProblem.ts'
import { fitConnections } from './openFiles.ts'

const SLOW_MS = 180_000

const fit = (limit: number | null, maxRuns = 16, max = 2000) => fitConnections(limit, { maxRuns, trafficLimits: { connections: { max } } })

describe('the room for connections', () => {
  test('Connections have their configured number where it fits or no limit is known, and fewer below it (T5)', () => {
    expect(fit(null)).toEqual({ maxConnections: 2000, limitedBy: null })
    expect(fit(2256)).toEqual({ maxConnections: 2000, limitedBy: null })
    expect(fit(2255)).toEqual({ maxConnections: 1999, limitedBy: { limit: 2255, needed: 2256 } })
    expect(fit(1024)).toMatchObject({ maxConnections: 768 })
  })

  test('Connections and runs together always fit into the limit, or the start is refused with what to raise (T5)', () => {
    const limits = fc.tuple(fc.integer({ min: 1, max: 12_000 }), fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 100, max: 10_000 }))
    fc.assert(
      fc.property(limits, ([limit, maxRuns, max]) => {
        try {
          const { maxConnections } = fit(limit, maxRuns, max)
          expect(maxConnections).toBeGreaterThanOrEqual(100)
          expect(maxConnections).toBeLessThanOrEqual(max)
          expect(maxConnections + 8 * maxRuns).toBeLessThan(limit)
        } catch (error) {
          if (!isStartProblem(error)) throw error
          expect(limit).toBeLessThan(228 + 8 * maxRuns)
          expect(error.message).toMatch(
            new RegExp(`ulimit -n .* ${limit} open files.* raise the hard limit to ${128 + 8 * maxRuns + max} `),
          )
        }
      }),
    )
  })
})

/** Opens connections that ask nothing, one after the other. */
async function openIdle(url: string, count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()))
  while (sockets.length < count) {
    const socket = connect(Number(port), hostname).on('error', () => {})
    sockets.push(socket)
    await once(socket, 'connect')
  }
  return sockets
}

describe.skipIf(process.platform !== 'linux')('a server that may open few files', { timeout: SLOW_MS }, () => {
  test('A server with too few open files for its connections takes fewer, says so, and serves beside more idle ones than files (T5)', async () => {
    const server = startServerProcess({ home: await fillHome(temporaryHome()), maxOpenFiles: 400 })
    const url = await server.url()
    expect(
      await server.waitForLog('ulimit -n allows fewer open files than this server would use: it takes fewer connections'),
    ).toMatchObject({
      level: 40,
      limit: 400,
      needed: 2256,
      maxConnections: 144,
    })
    await openIdle(url, 450)
    expect((await send(`${url}/api/companies`, 'POST', { name: 'Narrow Works' })).status).toBe(201)
    expect((await send(`${url}/api/health`)).body).toMatchObject({ status: 'ok' })
    await server.stop()
    expect(server.lines.map(({ msg }) => msg)).not.toContain('cannot accept connections')
  })

  test('A server that may open too few files to serve does not start, names the figures, and makes no database (T5)', async () => {
    const server = startServerProcess({ home: temporaryHome(), maxOpenFiles: 200 })
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.lines.at(-1)).toMatchObject({
      level: 60,
      msg: expect.stringMatching(/allows this process 200 open files.* 356 at least/),
    })
    expect(existsSync(path.join(server.home, 'postgres'))).toBe(false)
  })
})
