import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ApiProblem, addressOf, request, requestLines, segment, whenUnauthorized } from './client.ts'

const asked: { readonly url: string; readonly init: RequestInit }[] = []
let answer: () => Promise<Response>

const json = (body: unknown, init: ResponseInit = {}): Promise<Response> => Promise.resolve(new Response(JSON.stringify(body), init))
const problemOf = async (work: Promise<unknown>): Promise<ApiProblem> =>
  (await work.then(
    () => null,
    (error: unknown) => error,
  )) as ApiProblem

describe('requests of the console', () => {
  beforeEach(() => {
    asked.length = 0
    vi.stubGlobal('location', { origin: 'http://localhost' })
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      asked.push({ url, init })
      return answer()
    })
  })
  afterEach(() => void vi.unstubAllGlobals())

  test('An address has the values that are given, encoded, and none that is empty', () => {
    expect(addressOf('/issues')).toBe('/api/issues')
    expect(addressOf('/issues', { q: 'a b&c', status: '', limit: 0, isOpen: false, after: null, before: undefined })).toBe(
      '/api/issues?q=a+b%26c&limit=0&isOpen=false',
    )
    expect(segment('a/b ?')).toBe('a%2Fb%20%3F')
  })

  test('A request sends its body as JSON or as a form, with its conditions, and reads tag, cursor and value', async () => {
    answer = () => json([1], { headers: { ETag: '"7"', Link: '<http://x/api/issues?after=c%2B1&limit=2>; rel="next"' } })
    expect(await request('POST', '/issues', { body: { a: 1 }, ifMatch: '"6"', idempotencyKey: 'once' })).toEqual({
      data: [1],
      etag: '"7"',
      next: 'c+1',
      status: 200,
    })
    expect(asked[0]?.init.headers).toEqual({
      Accept: 'application/json',
      'Content-Type': 'application/json',
      'If-Match': '"6"',
      'Idempotency-Key': 'once',
    })
    const form = new FormData()
    await request('POST', '/files', { body: form })
    expect(asked[1]?.init).toMatchObject({ body: form, headers: { Accept: 'application/json' } })
    answer = () => Promise.resolve(new Response(null, { status: 204 }))
    expect(await request('DELETE', '/issues/1')).toMatchObject({ data: null, next: null, status: 204 })
  })

  test('A refusal has the words, the code, the facts and the id of the server, and one that is no JSON has its status', async () => {
    answer = () => json({ error: 'Held', code: 'issue_held', details: { by: 'Ada' } }, { status: 409, headers: { 'X-Request-Id': 'r1' } })
    expect(await problemOf(request('GET', '/issues/1'))).toMatchObject({
      message: 'Held',
      status: 409,
      code: 'issue_held',
      details: { by: 'Ada' },
      requestId: 'r1',
    })
    answer = () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502 }))
    expect(await problemOf(request('GET', '/issues/1'))).toMatchObject({ message: 'The server answered 502', status: 502, code: 'unknown' })
  })

  test('An answer that does not come, that breaks off, or that is of another program is a problem, and a request that is given up is none', async () => {
    answer = () => Promise.reject(new TypeError('Failed to fetch'))
    expect(await problemOf(request('GET', '/issues'))).toMatchObject({ status: 0, code: 'unreachable' })
    answer = () => {
      const body = new ReadableStream({
        pull: (controller) => controller.error(new TypeError('network error')),
      })
      return Promise.resolve(new Response(body))
    }
    expect(await problemOf(request('GET', '/issues'))).toMatchObject({ status: 0, code: 'unreachable' })
    answer = () => Promise.resolve(new Response('<h1>Sign in to the network</h1>'))
    expect(await problemOf(request('GET', '/issues'))).toMatchObject({ status: 200, code: 'unreadable' })
    expect(await problemOf(requestLines('/activity/export'))).toMatchObject({ code: 'unreadable' })
    answer = () => Promise.reject(new DOMException('given up', 'AbortError'))
    expect(await problemOf(request('GET', '/issues'))).not.toBeInstanceOf(ApiProblem)
  })

  test('An answer 401 ends the session of the page, except where a wrong password is what was refused', async () => {
    let ended = 0
    const stop = whenUnauthorized(() => (ended += 1))
    answer = () => json({ error: 'Unauthorized' }, { status: 401 })
    expect(await problemOf(request('POST', '/auth/change-password', { body: {} }))).toMatchObject({ status: 401 })
    expect(ended).toBe(0)
    await problemOf(request('GET', '/issues'))
    expect(ended).toBe(1)
    stop()
    await problemOf(request('GET', '/issues'))
    expect(ended).toBe(1)
  })

  test('Lines of JSON are read whole, also the last one without its end', async () => {
    answer = () => Promise.resolve(new Response('{"a":1}\n\n{"a":2}'))
    expect(await requestLines('/export', { from: 1 })).toEqual([{ a: 1 }, { a: 2 }])
    expect(asked[0]?.url).toBe('/api/export?from=1')
  })
})
