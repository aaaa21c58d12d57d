import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { whenUnauthorized } from '../api/client.ts'
import { followEvents } from './eventFeed.ts'
import type { FeedState } from './eventFeed.ts'

/** A connection that the feed has opened. */
interface Opened {
  readonly url: string
  readonly signal: AbortSignal
  readonly answer: (response: Response) => void
  readonly fail: () => void
  /** Answers with a stream, and writes to it. */
  readonly write: (text: string) => Promise<void>
  readonly end: () => Promise<void>
}

const opened: Opened[] = []
const closes: (() => void)[] = []
const page = Object.assign(new EventTarget(), { hidden: false })
/** Lets time pass, and then everything that has arrived through the streams. */
async function tick(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function open(url: string, { signal }: { readonly signal: AbortSignal }): Promise<Response> {
  const { promise, resolve, reject } = withResolvers<Response>()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) })
  signal.addEventListener('abort', () => {
    reject(new DOMException('gone', 'AbortError'))
    try {
      controller?.error(new DOMException('gone', 'AbortError'))
    } catch {
      // It has ended.
    }
  })
  const response = new Response(body)
  opened.push({
    url,
    signal,
    answer: resolve,
    fail: () => reject(new TypeError('no network')),
    async write(text) {
      resolve(response)
      await tick()
      if (!signal.aborted) controller?.enqueue(new TextEncoder().encode(text))
      await tick()
    },
    async end() {
      controller?.close()
      await tick()
    },
  })
  return promise
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<T>((onDone, onFailed) => {
    resolve = onDone
    reject = onFailed
  })
  return { promise, resolve, reject }
}

const look = (isHidden: boolean): void => {
  page.hidden = isHidden
  page.dispatchEvent(new Event('visibilitychange'))
}

/** Follows a company, and records what the feed reports. */
function follow() {
  const states: FeedState[] = []
  const heard: string[] = []
  const close = followEvents({
    companyId: 'a company',
    onStatus: ({ state }) => states.push(state),
    onEvents: (events) => heard.push(events.map((event) => event.type).join(',')),
    onResync: () => heard.push('resync'),
  })
  closes.push(close)
  return { states, heard, close }
}

const event = (id: string, type = 'activity.logged'): string => `id: ${id}\ndata: {"type":"${type}"}\n\n`

describe('the event stream of a page', () => {
  beforeEach(() => {
    opened.length = 0
    page.hidden = false
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
    vi.stubGlobal('document', page)
    const all = new EventTarget()
    vi.stubGlobal('addEventListener', all.addEventListener.bind(all))
    vi.stubGlobal('removeEventListener', all.removeEventListener.bind(all))
    vi.stubGlobal('dispatchEvent', all.dispatchEvent.bind(all))
    vi.stubGlobal('fetch', open)
  })
  afterEach(() => {
    for (const close of closes.splice(0)) close()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  test('The first connection begins now and makes everything fresh, and the next one goes on behind the last position', async () => {
    const { states, heard, close } = follow()
    expect(opened[0]?.url).toBe('/api/companies/a%20company/events/stream')
    await opened[0]?.write('id: 7.1\n\n')
    expect(heard).toEqual(['resync'])
    await opened[0]?.write(event('7.2'))
    await opened[0]?.write('id: 7.3\n: here\n\n')
    await tick(400)
    expect(heard).toEqual(['resync', 'activity.logged'])
    await opened[0]?.end()
    expect(states).toEqual(['connecting', 'live', 'cut'])
    await tick(1000)
    expect(opened[1]?.url).toBe('/api/companies/a%20company/events/stream?after=7.3')
    await opened[1]?.write('id: 7.3\n\n')
    await tick(600)
    expect(states.slice(3)).toEqual(['catching up', 'live'])
    expect(heard).toHaveLength(2)
    close()
  })

  test('A stream with much to catch up with is live when little comes at once, and thousands of events make everything fresh', async () => {
    const { states, heard, close } = follow()
    await opened[0]?.write(event('1.1'))
    await tick(400)
    look(true)
    look(false)
    await opened[1]?.write(Array.from({ length: 2500 }, (_, at) => event(`2.${at}`)).join(''))
    await tick(400)
    expect(heard).toEqual(['resync', 'activity.logged', 'resync'])
    expect(states.at(-1)).toBe('catching up')
    await opened[1]?.write(event('3.1'))
    await tick(400)
    expect(states.at(-1)).toBe('live')
    look(true)
    look(false)
    await opened[2]?.write(Array.from({ length: 2500 }, (_, at) => event(`4.${at}`)).join(''))
    await tick(900)
    expect(states.at(-1)).toBe('catching up')
    await tick(100)
    expect(states.at(-1)).toBe('live')
    close()
  })

  test('A page that is not looked at has no connection, also when it is opened so', async () => {
    page.hidden = true
    const { states, close } = follow()
    expect([states, opened]).toEqual([['paused'], []])
    look(false)
    expect(opened).toHaveLength(1)
    look(true)
    expect(opened[0]?.signal.aborted).toBe(true)
    await tick(60_000)
    expect(opened).toHaveLength(1)
    expect(states.at(-1)).toBe('paused')
    close()
  })

  test('The pause between attempts grows to a quarter of a minute, and begins anew after a success', async () => {
    const { close } = follow()
    const gaps: number[] = []
    for (let attempt = 0; attempt < 6; attempt += 1) {
      opened.at(-1)?.fail()
      const before = Date.now()
      const count = opened.length
      while (opened.length === count) await tick(500)
      gaps.push(Date.now() - before)
    }
    expect(gaps).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000])
    await opened.at(-1)?.write('id: 1.1\n\n')
    await opened.at(-1)?.end()
    const count = opened.length
    await tick(1000)
    expect(opened).toHaveLength(count + 1)
    close()
  })

  test('A refusal by role is asked again seldom, one by load when it says, and one by session ends the session', async () => {
    let ended = 0
    const stop = whenUnauthorized(() => (ended += 1))
    const { states, close } = follow()
    opened[0]?.answer(new Response('{}', { status: 403 }))
    await tick()
    expect(states.at(-1)).toBe('refused')
    await tick(14_000)
    expect(opened).toHaveLength(1)
    await tick(1000)
    opened[1]?.answer(new Response('{}', { status: 429, headers: { 'Retry-After': '7' } }))
    await tick(6900)
    expect(states.at(-1)).toBe('cut')
    expect(opened).toHaveLength(2)
    await tick(100)
    expect(ended).toBe(0)
    opened[2]?.answer(new Response('{}', { status: 401 }))
    await tick()
    expect(ended).toBe(1)
    stop()
    close()
  })

  test('A connection without a sign of life is given up, and so is one from before the sleep of the machine', async () => {
    const { states, close } = follow()
    await opened[0]?.write('id: 1.1\n\n')
    await tick(30_000)
    await opened[0]?.write('id: 1.1\n: here\n\n')
    await tick(39_000)
    expect(states.at(-1)).toBe('live')
    await tick(1000)
    expect(opened[0]?.signal.aborted).toBe(true)
    expect(states.at(-1)).toBe('cut')
    await tick(1000)
    await opened[1]?.write('id: 1.1\n\n')
    vi.setSystemTime(Date.now() + 3_600_000)
    await tick(5000)
    expect(opened[1]?.signal.aborted).toBe(true)
    expect(opened[2]?.url).toContain('after=1.1')
    dispatchEvent(new Event('online'))
    expect(opened).toHaveLength(4)
    close()
  })

  test('A feed that is closed while it connects, waits or collects does nothing more', async () => {
    const connecting = follow()
    connecting.close()
    await opened[0]?.write(event('1.1'))
    const waiting = follow()
    opened[1]?.fail()
    await tick()
    waiting.close()
    const collecting = follow()
    await opened[2]?.write(event('1.1'))
    collecting.close()
    await tick(120_000)
    expect(opened).toHaveLength(3)
    expect(connecting).toMatchObject({ states: ['connecting'], heard: [] })
    expect(waiting).toMatchObject({ states: ['connecting', 'cut'], heard: [] })
    expect(collecting).toMatchObject({ states: ['connecting', 'live'], heard: ['resync'] })
    look(false)
    expect(opened).toHaveLength(3)
  })

  test('An answer that arrives in the moment of the closing or of the pause opens nothing again and reports nothing', async () => {
    const closed = follow()
    opened[0]?.answer(new Response('{}', { status: 403 }))
    closed.close()
    await tick(60_000)
    expect(opened).toHaveLength(1)
    const { states, heard, close } = follow()
    opened[1]?.answer(new Response('', { status: 200 }))
    look(true)
    await tick(60_000)
    expect(opened).toHaveLength(2)
    expect([closed.states, states, heard]).toEqual([['connecting'], ['connecting', 'paused'], []])
    close()
  })

  test('Of two connections that are opened at once only the second one is heard', async () => {
    const { states, heard, close } = follow()
    look(false)
    expect(opened).toHaveLength(2)
    await opened[0]?.write(event('9.9'))
    await opened[1]?.write(event('1.1'))
    await tick(400)
    expect(heard).toEqual(['resync', 'activity.logged'])
    expect(states).toEqual(['connecting', 'live'])
    close()
  })
})
