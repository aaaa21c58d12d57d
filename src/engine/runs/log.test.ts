import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLog } from '../../platform/kernel/log.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'
import { createLogWriter } from './logWriter.ts'

const server = useServer()

const logWriterOf = (at: TestServer, onEvents = (): void => {}) => createLogWriter(at.store, createLog('silent', false), onEvents)

const ts = '2026-01-01T00:00:00.000Z'

async function running() {
  const here = await world(server())
  const agent = await here.agent()
  const run = await here.run(agent)
  return { here, agent, run, log: (query = '') => server().board.get(`/api/heartbeat-runs/${run.id}/log${query}`) }
}

const linesOf = (content: string): { stream: string; chunk: string; ts: string }[] =>
  content
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { stream: string; chunk: string; ts: string })

describe('the log of a run', () => {
  test('A log is read by offset in whole lines, and nextOffset is present while more follows', async () => {
    const { run, log } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    for (let index = 0; index < 40; index += 1)
      await logWriter.write({ ts, stream: index % 2 === 0 ? 'stdout' : 'stderr', chunk: `line ${index} ✓\n` })
    const facts = await logWriter.close()
    const whole = (await log()).body
    expect(whole).toEqual({ runId: run.id, store: 'postgres', logRef: run.id, content: expect.any(String) as string })
    expect(linesOf(whole.content).map(({ chunk }) => chunk)).toEqual(Array.from({ length: 40 }, (_, index) => `line ${index} ✓\n`))
    expect(facts).toMatchObject({
      store: 'postgres',
      ref: run.id,
      bytes: Buffer.byteLength(whole.content),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
    let read = ''
    let offset: number | undefined = 0
    while (offset !== undefined) {
      const { body } = await log(`?offset=${offset}&limitBytes=200`)
      expect(Buffer.byteLength(body.content)).toBeLessThanOrEqual(200)
      expect(body.content.endsWith('\n')).toBe(true)
      read += body.content
      offset = body.nextOffset
    }
    expect(read).toBe(whole.content)
    expect((await log(`?offset=${facts?.bytes}`)).body).toMatchObject({ content: '' })
    expect((await log('?offset=99999999')).body).not.toHaveProperty('nextOffset')
  })

  test('A log whose lines exceed the limit is read in whole characters', async () => {
    const { run, log } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    await logWriter.write({ ts, stream: 'stdout', chunk: '€'.repeat(20) })
    await logWriter.close()
    const whole = (await log()).body.content as string
    let read = ''
    let offset: number | undefined = 0
    while (offset !== undefined) {
      const { body } = await log(`?offset=${offset}&limitBytes=2`)
      expect(body.content).not.toContain('\uFFFD')
      read += body.content
      offset = body.nextOffset
    }
    expect(read).toBe(whole)
  })

  test.each([
    ['of short lines', 'x'.repeat(99) + '\n'],
    ['that escapes lengthen', '"\\\t\u0001'],
    ['of characters of four bytes', '🙂'],
    ['without any line break', 'y'],
  ])('A reader of 16 KiB at a time receives whole lines of a text %s', async (_, unit) => {
    const { run, log } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    const text = `a${unit.repeat(Math.ceil(150_000 / unit.length))}`
    for (let at = 0; at < text.length; at += 65_537) await logWriter.write({ ts, stream: 'stdout', chunk: text.slice(at, at + 65_537) })
    await logWriter.close()
    let output = ''
    let offset: number | undefined = 0
    while (offset !== undefined) {
      const { body } = await log(`?offset=${offset}&limitBytes=16384`)
      // Each piece is parsed by itself, as the public command line does: it drops incomplete lines.
      for (const line of linesOf(body.content)) output += line.chunk
      offset = body.nextOffset
    }
    expect(output === text).toBe(true)
  })

  test('A log can be read while its run is live', async () => {
    const { run, log } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    expect((await log()).status).toBe(404)
    await logWriter.write({ ts, stream: 'stdout', chunk: 'first\n' })
    await expect.poll(async () => (await log()).body.content).toContain('first')
    await logWriter.write({ ts, stream: 'stdout', chunk: 'second\n' })
    await expect.poll(async () => linesOf((await log()).body.content).map(({ chunk }) => chunk)).toEqual(['first\n', 'second\n'])
  })

  test('A log is capped, with one notice at its end', async () => {
    const { run, log } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    for (let index = 0; index < 20; index += 1) await logWriter.write({ ts, stream: 'stdout', chunk: 'x'.repeat(512 * 1024) })
    const facts = await logWriter.close()
    expect(facts?.bytes).toBeLessThan(8 * 1024 * 1024 + 1024)
    const end = linesOf((await log(`?offset=${(facts?.bytes ?? 0) - 150}`)).body.content.replace(/^[^{]*/, ''))
    expect(end.at(-1)).toMatchObject({ stream: 'system', chunk: 'The log is capped at 8388608 bytes; the rest is not kept.\n' })
  })

  test('A log accepts more output as soon as the pending output is written, without a wait for the next interval', async () => {
    const { run } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    // The interval never ends.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    for (let index = 0; index < 8; index += 1) await logWriter.write({ ts, stream: 'stdout', chunk: 'x'.repeat(300 * 1024) })
    const facts = await logWriter.close()
    expect(facts?.bytes).toBeGreaterThan(8 * 300 * 1024)
  })

  test('Many small chunks of one stream become few lines', async () => {
    const { run, log } = await running()
    const logWriter = logWriterOf(server()).open(run.id)
    for (const letter of 'abcdefghijklmnopqrstuvwxyz') await logWriter.write({ ts, stream: 'stdout', chunk: letter })
    await logWriter.close()
    expect(linesOf((await log()).body.content)).toEqual([{ ts, stream: 'stdout', chunk: 'abcdefghijklmnopqrstuvwxyz' }])
  })

  test('A log and its events are visible in their own company only', async () => {
    const { run, agent } = await running()
    const stranger = await (await world(server())).agent()
    let notifications = 0
    const logWriter = logWriterOf(server(), () => (notifications += 1)).open(run.id)
    await logWriter.write({ ts, stream: 'stdout', chunk: 'ours\n' })
    logWriter.addEvent({ eventType: 'lifecycle', level: 'info', message: 'here', payload: { a: 1 } })
    await logWriter.close()
    await logWriter.dispose()
    expect(notifications).toBe(1)
    for (const resource of ['log', 'events']) {
      const path = `/api/heartbeat-runs/${run.id}/${resource}`
      expect((await agent.client.get(path)).status).toBe(200)
      const [foreign, missing] = [await stranger.client.get(path), await stranger.client.get(path.replace(run.id, randomUUID()))]
      expect([foreign.status, foreign.body.error, foreign.body.code]).toEqual([404, missing.body.error, missing.body.code])
    }
    expect((await agent.client.get(`/api/heartbeat-runs/${run.id}/events`)).body).toMatchObject([
      {
        runId: run.id,
        agentId: agent.id,
        seq: 1,
        eventType: 'lifecycle',
        stream: 'system',
        level: 'info',
        message: 'here',
        payload: { a: 1 },
      },
    ])
  })

  test('The log of a run that is deleted is given up and delays no other log', async () => {
    const { run, agent, log } = await running()
    const other = await (await world(server())).agent()
    const logWriter = logWriterOf(server())
    const [kept, lost] = [logWriter.open(run.id), logWriter.open(randomUUID())]
    await lost.write({ ts, stream: 'stdout', chunk: 'nowhere\n' })
    await kept.write({ ts, stream: 'stdout', chunk: 'here\n' })
    await Promise.all([kept.close(), lost.close()])
    expect(linesOf((await log()).body.content)).toMatchObject([{ chunk: 'here\n' }])
    expect(agent.id).not.toBe(other.id)
  })
})

test.each(['log?offset=-1', 'log?limitBytes=0', 'log?offset=x', 'events?limit=0', 'events?limit=1001', 'events?afterSeq=-1'])(
  'A request for %s is refused with 400',
  async (query) => {
    const { run } = await running()
    expect((await server().board.get(`/api/heartbeat-runs/${run.id}/${query}`)).status).toBe(400)
  },
)
