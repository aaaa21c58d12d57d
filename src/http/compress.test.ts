import http from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { useServer, world } from '../dev/testing/world.ts'

const server = useServer()

interface Raw {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly bytes: Buffer
}

/** Asks without decoding, as `fetch` would. */
const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body = ''): Promise<Raw> =>
  new Promise((resolve, reject) => {
    http
      .request(`${server().url}${path}`, { method, headers: { ...server().board.headers, ...headers } }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(pieces) }))
      })
      .on('error', reject)
      .end(body)
  })

async function listOfIssues(count: number): Promise<string> {
  const { company, issue } = await world(server())
  for (let number = 0; number < count; number += 1) await issue({ title: `Issue ${number}`, description: 'words '.repeat(100) })
  return `/api/companies/${company.id}/issues`
}

describe('compressed answers (K45)', () => {
  test.each([
    ['br', 'br'],
    ['gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['GZIP', 'gzip'],
    ['deflate', undefined],
    ['identity', undefined],
    ['br;q=0, gzip;q=0', undefined],
    ['', undefined],
  ])(
    'A client that accepts "%s" gets %s, and the same text',
    async (accepted, coding) => {
      for (const count of [2, 40]) {
        const path = await listOfIssues(count)
        const [plain, answer] = [await ask(path), await ask(path, { 'accept-encoding': accepted })]
        expect(plain.headers['content-encoding']).toBeUndefined()
        expect(answer.headers['content-encoding']).toBe(coding)
        const decode = { br: brotliDecompressSync, gzip: gunzipSync }[coding ?? ''] ?? ((bytes: Buffer) => bytes)
        expect(decode(answer.bytes).equals(plain.bytes)).toBe(true)
        expect(Number(answer.headers['content-length'])).toBe(answer.bytes.length)
        for (const each of [plain, answer]) expect(each.headers.vary).toBe('Accept-Encoding')
        if (coding !== undefined) expect(answer.bytes.length).toBeLessThan(plain.bytes.length / 2)
      }
    },
    60_000,
  )

  test('A refusal with a row in it and the page of metrics are compressed as well', async () => {
    const here = await world(server())
    const issue = await here.issue({ description: 'words '.repeat(500) })
    const stale = { 'if-match': '"0"', 'content-type': 'application/json' }
    const change = (headers: Record<string, string>) =>
      ask(`/api/issues/${issue.id}`, { ...stale, ...headers }, 'PATCH', '{"title":"Late"}')
    const scrape = (headers: Record<string, string>) => ask('/metrics', headers)
    for (const [send, status] of [
      [change, 412],
      [scrape, 200],
    ] as const)
      for (const [coding, decode] of [
        ['br', brotliDecompressSync],
        ['gzip', gunzipSync],
      ] as const) {
        const [plain, answer] = [await send({}), await send({ 'accept-encoding': coding })]
        expect([plain.status, plain.headers['content-encoding'], plain.headers.vary]).toEqual([status, undefined, 'Accept-Encoding'])
        expect([answer.status, answer.headers['content-encoding'], answer.headers.vary]).toEqual([status, coding, 'Accept-Encoding'])
        expect(answer.headers['content-type']).toBe(plain.headers['content-type'])
        expect(Number(answer.headers['content-length'])).toBe(answer.bytes.length)
        expect(decode(answer.bytes).length).toBeGreaterThan(1024)
      }
  })

  test('A short answer, a HEAD, a file and an event stream are sent as they are', async () => {
    const { company } = await world(server())
    const accept = { 'accept-encoding': 'br, gzip' }
    for (const [path, method] of [
      [`/api/companies/${company.id}`, 'GET'],
      [await listOfIssues(3), 'HEAD'],
      [`/api/companies/${company.id}/org.svg`, 'GET'],
    ] as const) {
      const answer = await ask(path, accept, method)
      expect([answer.status, answer.headers['content-encoding']]).toEqual([200, undefined])
    }
    const stream = await fetch(`${server().url}/api/companies/${company.id}/events/stream`, {
      headers: { ...server().board.headers, ...accept, accept: 'text/event-stream' },
    })
    expect([stream.status, stream.headers.get('content-type')?.split(';')[0]]).toEqual([200, 'text/event-stream'])
    expect(stream.headers.get('content-encoding')).toBeNull()
    await stream.body?.cancel()
  })

  test('The API document has a strong entity tag for each coding, and a client that has it gets 304', async () => {
    const tags = new Set<string>()
    const texts = new Set<string>()
    for (const accepted of ['identity', 'gzip', 'br']) {
      const answer = await ask('/api/openapi.json', { 'accept-encoding': accepted })
      const etag = String(answer.headers.etag)
      expect(etag).toMatch(/^"[\w-]+"$/)
      expect(answer.headers['cache-control']).toBe('no-cache')
      tags.add(etag)
      const decode = { br: brotliDecompressSync, gzip: gunzipSync }[accepted] ?? ((bytes: Buffer) => bytes)
      texts.add(decode(answer.bytes).toString())
      const again = await ask('/api/openapi.json', { 'accept-encoding': accepted, 'if-none-match': etag })
      expect([again.status, again.bytes.length, again.headers.etag]).toEqual([304, 0, etag])
      const stale = await ask('/api/openapi.json', { 'accept-encoding': accepted, 'if-none-match': '"other"' })
      expect(stale.status).toBe(200)
      if (accepted !== 'identity') expect(answer.bytes.length).toBeLessThan(150_000)
    }
    expect([tags.size, texts.size]).toEqual([3, 1])
  })
})
