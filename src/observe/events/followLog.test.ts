import { describe, expect, onTestFinished, test } from 'vitest'
import { openEventStream } from '../../dev/testing/eventStream.ts'
import type { EventStreamReader } from '../../dev/testing/eventStream.ts'
import { waitUntil } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestRun } from '../../dev/testing/world.ts'
import { createLogWriter } from '../../engine/runs/index.ts'
import { createLog } from '../../platform/kernel/log.ts'

const server = useServer({ eventOptions: { keepAliveIntervalMs: 50, slowReaderTimeoutMs: 200 } })
const ts = '2026-01-01T00:00:00.000Z'

const pathOf = (run: TestRun, query = 'follow=true'): string => `/api/heartbeat-runs/${run.id}/log?${query}`

async function follow(run: TestRun, headers: Record<string, string> = {}, url = server().url): Promise<EventStreamReader> {
  const reader = await openEventStream(url, pathOf(run), headers)
  onTestFinished(() => reader.disconnect())
  return reader
}

async function running() {
  const here = await world(server())
  const run = await here.run(await here.agent())
  const writer = createLogWriter(server().store, createLog('silent', false), () => {}).open(run.id)
  const write = (chunk: string): Promise<void> => Promise.resolve(writer.write({ ts, stream: 'stdout', chunk }))
  const finish = async (): Promise<void> => {
    await writer.close()
    expect((await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })).status).toBe(200)
  }
  return { here, run, write, close: () => writer.close(), finish }
}

const textOf = ({ messages }: EventStreamReader): string => messages.map(({ data }) => String(data.content ?? '')).join('')
const has =
  (text: string) =>
  (message: { readonly data: { readonly content?: string } }): boolean =>
    message.data.content?.includes(text) ?? false

/** The log as clients read it that do not follow. */
async function wholeLogOf(run: TestRun): Promise<string> {
  let text = ''
  for (let offset: number | undefined = 0; offset !== undefined;) {
    const { body } = await server().board.get(pathOf(run, `offset=${offset}`))
    text += body.content
    offset = body.nextOffset
  }
  return text
}

describe('following the log of a run', () => {
  test('A follower gets the stored output, then what is added, and the end of the run ends its answer, on every server (K37)', async () => {
    const { run, write, finish } = await running()
    const peer = await server().startPeer()
    onTestFinished(() => peer.stop())
    const early = await follow(run)
    await write('first\n')
    await early.waitFor(has('first'))
    const other = await follow(run, {}, peer.url)
    await other.waitFor(has('first'))
    await write('second\n')
    await Promise.all([early.waitFor(has('second')), other.waitFor(has('second'))])
    await finish()
    await Promise.all([early.ended, other.ended])
    const whole = (await server().board.get(pathOf(run, ''))).body.content
    for (const reader of [early, other]) {
      expect(textOf(reader)).toBe(whole)
      expect(reader.lines).toContain('event: ended')
      expect(reader.messages.at(-1)?.data).toEqual({ status: 'succeeded' })
      expect(reader.lastEventId()).toBe(String(Buffer.byteLength(whole)))
    }
  })

  test('A client that lost its connection continues at its offset, and one that has read all of an ended run gets 204 (K37)', async () => {
    const { run, write, finish } = await running()
    await write('€uro one\n')
    const first = await follow(run)
    await first.waitFor(has('one'))
    first.disconnect()
    const offset = first.lastEventId()
    await write('two\n')
    await finish()
    const second = await follow(run, { 'last-event-id': offset })
    await second.ended
    expect(textOf(second)).toContain('two')
    expect(textOf(first) + textOf(second)).toBe((await server().board.get(pathOf(run, ''))).body.content)
    const last = { 'Last-Event-ID': second.lastEventId() }
    expect(await server().board.get(pathOf(run), last)).toMatchObject({ status: 204, text: '' })
  })

  test('A log of megabytes arrives whole and in pieces, each of whole lines, and a client that does not read is cut off (K37)', async () => {
    const { run, write, close, finish } = await running()
    for (let part = 0; part < 12; part += 1) await write(`${`part ${part} `.repeat(60_000)}\n`)
    await close()
    const before = server().feed.connectionLimits.openCount()
    const hanging = await follow(run)
    hanging.pause()
    const reader = await follow(run)
    await finish()
    await reader.ended
    expect(textOf(reader) === (await wholeLogOf(run))).toBe(true)
    for (const { data } of reader.messages)
      for (const line of String(data.content ?? '')
        .split('\n')
        .filter(Boolean))
        JSON.parse(line)
    expect(Math.max(...reader.messages.map(({ data }) => Buffer.byteLength(String(data.content ?? ''))))).toBeLessThanOrEqual(64 * 1024)
    await waitUntil('the hanging client is disconnected', async () => server().feed.connectionLimits.openCount() === before)
    hanging.disconnect()
    expect(textOf(hanging).length).toBeLessThan(textOf(reader).length)
  })

  test('Missing and foreign runs are 404, malformed offsets 400, and the answer ends with the credential of its reader (K37)', async () => {
    const { here, run, write } = await running()
    const stranger = await (await world(server())).agent()
    expect(await stranger.client.get(pathOf(run))).toMatchObject({ status: 404, body: { code: 'not_found' } })
    for (const malformed of ['x', '-1', '1e3', '9'.repeat(30)])
      expect(await server().board.get(pathOf(run), { 'Last-Event-ID': malformed })).toMatchObject({
        status: 400,
        body: { code: 'malformed_cursor' },
      })
    expect((await server().board.get(pathOf(run, 'follow=perhaps'))).status).toBe(400)
    const reading = await here.agent()
    const reader = await follow(run, { authorization: `Bearer ${reading.key}` })
    await write('seen\n')
    await reader.waitFor(has('seen'))
    expect((await server().board.post(`/api/agents/${reading.id}/terminate`)).status).toBe(200)
    await reader.ended
  })

  test('A follower takes a slot of the streams and gives it back, and keeps its connection alive while nothing is written', async () => {
    const { run } = await running()
    const before = server().feed.connectionLimits.openCount()
    const reader = await follow(run)
    await expect.poll(() => reader.lines.filter((line) => line === ': here').length).toBeGreaterThan(1)
    expect(server().feed.connectionLimits.openCount()).toBe(before + 1)
    reader.disconnect()
    await expect.poll(() => server().feed.connectionLimits.openCount()).toBe(before)
  })

  test('A follower whose run is deleted with its company is ended', async () => {
    const { here, run, write } = await running()
    const reader = await follow(run)
    await write('last words\n')
    await reader.waitFor(has('last words'))
    expect((await server().board.del(`/api/companies/${here.company.id}`)).status).toBeLessThan(300)
    await reader.ended
  })
})
