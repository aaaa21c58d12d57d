import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGenerator } from './generator.ts'
import { median, medianOfTurns, prepareRequest, quantile, summarize } from './load.ts'
import { play } from './play.ts'

describe('what is computed from turns', () => {
  test('The median of an even count is the upper of the two in the middle, and of nothing it is not a number', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(3)
    expect(median([])).toBeNaN()
  })

  test('A quantile of sorted numbers never lies behind the last of them', () => {
    const sorted = Array.from({ length: 100 }, (_, at) => at + 1)
    expect([quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1), quantile([], 0.5)]).toEqual([51, 100, 100, 0])
  })

  test('The median of turns leaves out a turn that was disturbed, and the sum of turns does not', () => {
    const turn = (times: readonly number[], elapsedMs: number) => ({ times, elapsedMs })
    const turns = [turn([1, 1], 1000), turn([2, 2], 1000), turn([500], 1000)]
    expect(medianOfTurns(turns)).toEqual({ rate: 2, p50Ms: 2, p99Ms: 2 })
    expect(summarize(turns)).toEqual({ rate: 5 / 3, p50Ms: 2, p99Ms: 500 })
  })
})

describe('the generator', () => {
  const seen: string[] = []
  let underWay = 0
  let mostUnderWay = 0
  const server = createServer((request, response) => {
    seen.push(request.url ?? '')
    underWay += 1
    mostUnderWay = Math.max(mostUnderWay, underWay)
    request.resume().on('end', () => {
      underWay -= 1
      response.writeHead(request.url === '/refused' ? 409 : 200, { 'content-length': 10_000 })
      response.write('x'.repeat(4000))
      // The answer arrives in more than one piece.
      setImmediate(() => response.end('x'.repeat(6000)))
    })
  })
  let port = 0
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve())))

  test('It sends from a process of its own, and states times, statuses, bytes and its own processor time', async () => {
    const generator = startGenerator()
    try {
      const script = [prepareRequest({ method: 'POST', path: '/a', body: { b: 1 } }), prepareRequest({ path: '/c' })]
      const turn = await generator.play({ port, scripts: [script, script], durationMs: 20, unit: 2 })
      const answers = turn.statuses[200] ?? 0
      expect(answers).toBeGreaterThanOrEqual(4)
      expect(turn).toMatchObject({ statuses: { 200: answers }, bodyBytes: answers * 10_000 })
      expect(turn.times).toHaveLength(answers)
      expect(turn.generatorCpuMs).toBeGreaterThan(0)
      expect(answers % 2).toBe(0)
    } finally {
      generator.stop()
    }
  })

  test('A turn that is over ends between the requests that belong together, and not within them', async () => {
    seen.length = 0
    await play({ port, scripts: [[prepareRequest({ path: '/take' }), prepareRequest({ path: '/release' })]], durationMs: 0.001, unit: 2 })
    expect(seen).toEqual(['/take', '/release'])
  })

  test('Connections in step send each step at once, and play their scripts once', async () => {
    mostUnderWay = 0
    const script = [1, 2, 3].map(() => prepareRequest({ path: '/step' }))
    const turn = await play({ port, scripts: [script, script, script, script], durationMs: 60_000, inStep: true })
    expect(turn.times).toHaveLength(3)
    expect(turn.statuses).toEqual({ 200: 12 })
  })

  test('An answer with another status than expected ends the load, and the error shows the answer', async () => {
    const refused = prepareRequest({ path: '/refused' })
    await expect(play({ port, scripts: [[refused]], durationMs: 50 })).rejects.toThrow(/expected 200: HTTP\/1\.1 409/)
    const allowed = prepareRequest({ path: '/refused', expectedStatuses: [200, 409] })
    expect((await play({ port, scripts: [[allowed]], durationMs: 50, inStep: true })).statuses).toEqual({ 409: 1 })
  })
})
