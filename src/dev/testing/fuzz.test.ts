import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../http/route.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'
import { malformedRequests, fuzzBodies, fuzzForms, fuzzHeaders, fuzzParameters, fuzzQueries, MARKER } from './fuzzInputs.ts'
import { captureLog } from './captureLog.ts'
import { valuesInTurn } from './fullCheck.ts'
import { keepConnection } from './keptConnection.ts'
import { sendRawBytes } from './rawHttp.ts'
import type { RawResponse } from './rawHttp.ts'
import { bodySchema, isEndless, endsCompany, rowIdIn, pathOf, buildRequest } from './exampleRequests.ts'
import { encodeBody } from './rawRequest.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import { personas } from './personas.ts'
import type { ApiUnderTest, Fixtures, FixtureRows } from './contractFixtures.ts'
import type { Encoded } from './rawRequest.ts'
import { webhookSigner } from './routineExamples.ts'
import { useServer } from './world.ts'

/** Fixed, so that a failure is found again; another number explores elsewhere. */
const SEED = 20_260_404

const capturedLog = captureLog()
const server = useServer({ log: capturedLog.log })
const routes = declaredRoutes()
const withBody = routes.filter(({ method }) => method !== 'get')

let api: ApiUnderTest
let fixtures: Fixtures
let rows: FixtureRows
beforeAll(async () => {
  api = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  fixtures = await createFixtures(api)
  rows = await createFixtureRows(fixtures)
})
const sendKept = keepConnection(() => api.url)
afterAll(() => sendKept.end())

const internalsPattern =
  /\bat .+\.[jt]s:\d|node_modules|\bSELECT\b|insert into|\bpg_|SQLSTATE|violates|relation "|syntax error at|drizzle|Failed query/i

/** No input whatever gets a 5xx, a stack, SQL, or an answer in another form (I14). */
function expectSafeResponse(description: string, response: RawResponse): void {
  const context = `${description}\n${response.head}\n${response.text.slice(0, 500)}`
  expect(response.status, context).toBeGreaterThanOrEqual(200)
  expect(response.status, context).toBeLessThan(500)
  expect(response.head.toLowerCase(), context).not.toContain('x-powered-by')
  if (response.status < 400) return
  expect(response.head, context).toMatch(/content-type: application\/json; charset=utf-8/i)
  expect(response.body, context).toMatchObject({ error: expect.any(String), code: expect.any(String), requestId: expect.any(String) })
  expect(response.text, context).not.toMatch(internalsPattern)
  expect(response.text, context).not.toContain(MARKER)
}

interface OutgoingRequest {
  readonly method: string
  readonly target: string
  readonly headers?: readonly string[]
  readonly body?: Buffer
}

const noHeaders: readonly string[] = []
const headerLines = (headers: Readonly<Record<string, string>>): string[] =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`)

function bytesOf({ method, target, headers = noHeaders, body }: OutgoingRequest): Buffer {
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`]
  const head = [`${method.toUpperCase()} ${target} HTTP/1.1`, 'Host: localhost', ...headers, ...length]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body ?? Buffer.alloc(0)])
}

const send = async (request: OutgoingRequest): Promise<RawResponse> => await sendKept(bytesOf(request))

/** For headers that may change what the server takes for the end of a request. */
const sendAlone = async (request: OutgoingRequest): Promise<RawResponse> =>
  await sendRawBytes(api.url, bytesOf({ ...request, headers: [...(request.headers ?? []), 'Connection: close'] }))

/** The strongest who may ask, so that as much as can be runs behind the guards. */
const strongestHeaders = (route: Route): string[] => {
  const name =
    route.permission === 'agent.me' || route.permission === 'issue.claim' || route.permission === 'run.heartbeat' ? 'run' : 'board'
  return headerLines(personas.find((persona) => persona.name === name)?.headers(fixtures, rows) ?? {})
}

/** No log line contains anything that was sent, and no error was left unhandled (I17). */
function expectCleanLog(): void {
  const text = capturedLog.text()
  expect(text).not.toContain('unhandled error')
  expect(text).not.toMatch(/"level":(50|60)/)
  expect(text.includes(MARKER)).toBe(false)
  expect(text.length).toBeGreaterThan(0)
}

describe('hostile bodies', () => {
  test.each(namedRoutes(withBody))('%s answers every hostile body without a server error', async (_, route) => {
    capturedLog.clear()
    rows = await createFixtureRows(fixtures)
    // A body without a valid signature would not be looked at.
    const sign = route.signed ? await webhookSigner(api, rows) : null
    for (const input of valuesInTurn(fuzzBodies, routes.indexOf(route))) {
      // A route that ends the company would end the test with it: its path names none.
      const target = endsCompany(route) ? pathOf(route, () => '00000000-0000-4000-8000-000000000000') : pathOf(route, rowIdIn(rows))
      const response = await send({
        method: route.method,
        target,
        headers: [...strongestHeaders(route), ...headerLines(sign?.(input.bytes) ?? {}), ...(input.headers ?? [])],
        body: input.bytes,
      })
      expectSafeResponse(`${input.name} to ${route.operationId}`, response)
    }
    expectCleanLog()
  })

  test('64 levels of JSON are stored unchanged, and one more is refused before anything reads it', async () => {
    const nested = (levels: number): Record<string, unknown> => {
      let value: Record<string, unknown> = { bottom: true }
      for (let level = 1; level < levels; level += 1) value = { deeper: value }
      return value
    }
    const put = (levels: number) =>
      send({
        method: 'patch',
        target: `/api/agents/${rows.agent.id}`,
        headers: ['Content-Type: application/json'],
        // The body is a level of its own.
        body: Buffer.from(JSON.stringify({ metadata: nested(levels - 1) })),
      })
    rows = await createFixtureRows(fixtures)
    const accepted = await put(64)
    expect(accepted, accepted.text).toMatchObject({ status: 200, body: { metadata: nested(63) } })
    const rejected = await put(65)
    expect(rejected, rejected.text).toMatchObject({ status: 400, body: { error: 'JSON is nested deeper than 64 levels' } })
    const abyss = `{"metadata":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`
    const body = Buffer.from(abyss)
    const target = `/api/agents/${rows.agent.id}`
    expect(await send({ method: 'patch', target, headers: ['Content-Type: application/json'], body })).toMatchObject({ status: 400 })
  })

  test('A body has at most 10,000 values, counted outside of texts, and one more is refused before it is parsed', async () => {
    const put = (metadata: unknown) =>
      send({
        method: 'patch',
        target: `/api/agents/${rows.agent.id}`,
        headers: ['Content-Type: application/json'],
        body: Buffer.from(JSON.stringify({ metadata })),
      })
    rows = await createFixtureRows(fixtures)
    // The body, its metadata and the list begin with a bracket each; the entries after the first are behind a comma.
    const list = (entries: number) => ({ list: Array.from({ length: entries }, () => 0) })
    expect(await put(list(9998))).toMatchObject({ status: 200 })
    expect(await put({ text: String.raw`\",[{`.repeat(20_000) })).toMatchObject({ status: 200 })
    for (const metadata of [list(9999), Object.fromEntries(list(20_000).list.map((_, index) => [`k${index}`, 0]))])
      expect(await put(metadata)).toMatchObject({ status: 400, body: { code: 'bad_request', error: 'JSON has more than 10000 values' } })
  })

  test('Two MB are answered with 413, packed or unpacked, and only to callers that may send them', async () => {
    const body = Buffer.from(JSON.stringify({ title: 'x'.repeat(2 * 1024 * 1024) }))
    const target = `/api/companies/${fixtures.company.id}/issues`
    const json = ['Content-Type: application/json']
    expect(await send({ method: 'post', target, headers: json, body })).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    expect(await send({ method: 'post', target, headers: [...json, 'Authorization: Bearer x'], body })).toMatchObject({ status: 401 })
    const bomb = fuzzBodies.find(({ name }) => name === 'a gzip bomb')
    expect(await send({ method: 'post', target, headers: bomb?.headers ?? [], body: bomb?.bytes ?? body })).toMatchObject({ status: 413 })
  })
})

const keptForms = new Set(['a picture that is none', 'a picture that is another', 'an unknown type', 'a program'])

describe('hostile forms', () => {
  test.each(namedRoutes(routes.filter(({ bodyKind: takes }) => takes === 'file')))(
    '%s answers every hostile form without a server error',
    async (_, route) => {
      capturedLog.clear()
      rows = await createFixtureRows(fixtures)
      const target = pathOf(route, rowIdIn(rows))
      for (const { name, bytes, headers = [] } of fuzzForms) {
        const response = await send({ method: route.method, target, headers: [...strongestHeaders(route), ...headers], body: bytes })
        expectSafeResponse(`${name} to ${route.operationId}`, response)
        // Content decides, and not its declaration (K17): these are whole files, kept for their content; an attachment may be of any type.
        const isFile = response.status === 201 && (keptForms.has(name) || route.path.endsWith('/attachments'))
        expect(isFile || response.status >= 400, `${name} to ${route.operationId}\n${response.text}`).toBe(true)
        const unauthenticated = await send({ method: route.method, target, headers: ['Authorization: Bearer x', ...headers], body: bytes })
        expect(unauthenticated, name).toMatchObject({ status: 401 })
      }
      expectCleanLog()
    },
  )
})

describe('hostile paths', () => {
  test.each(namedRoutes(routes.filter(({ path }) => path.includes(':'))))(
    '%s answers every hostile path without a server error',
    async (_, route) => {
      const { body } = await buildRequest(api, route, rows)
      const sent = body === undefined ? undefined : await encodeBody(body)
      const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
      for (const input of valuesInTurn(fuzzParameters, routes.indexOf(route)))
        for (const name of names) {
          const parts = route.path.split('/')
          const target = parts
            .map((part, at) => (!part.startsWith(':') ? part : part === `:${name}` ? input : rowIdIn(rows)(parts[at - 1] ?? '')))
            .join('/')
          const headers = [...strongestHeaders(route), `Content-Type: ${sent?.contentType ?? 'application/json'}`]
          expectSafeResponse(
            `${route.method} ${target}`,
            await send({ method: route.method, target, headers, ...(sent === undefined ? {} : { body: sent.bytes }) }),
          )
        }
    },
  )
})

describe('hostile queries', () => {
  test.each(namedRoutes(routes.filter(({ method }) => method === 'get')))(
    '%s answers every hostile query without a server error',
    async (_, route) => {
      capturedLog.clear()
      for (const query of valuesInTurn(fuzzQueries, routes.indexOf(route))) {
        const target = `${pathOf(route, rowIdIn(rows))}?${query}${isEndless(route) ? '&follow=false' : ''}`
        const response = await send({ method: 'get', target, headers: strongestHeaders(route) })
        expectSafeResponse(`${query} to ${route.operationId}`, response)
      }
      expectCleanLog()
    },
  )
})

describe('hostile headers', () => {
  test.each(['postIssuesByIdCheckout', 'patchIssuesById', 'postIssuesByIdRelease', 'getIssuesById', 'getHealth'])(
    '%s answers every hostile header without a server error',
    async (id) => {
      capturedLog.clear()
      rows = await createFixtureRows(fixtures)
      const route = routes.find(({ operationId }) => operationId === id)
      if (route === undefined) throw new Error(`there is no route ${id}`)
      const request = await buildRequest(api, route, rows)
      const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
      for (const headers of fuzzHeaders)
        for (const credentials of [[], headerLines({ authorization: `Bearer ${rows.agent.key}` })]) {
          const all = [...credentials, ...headers, ...(body === undefined ? [] : ['Content-Type: application/json'])]
          const response = await sendAlone({
            method: route.method,
            target: request.path,
            headers: all,
            ...(body === undefined ? {} : { body }),
          })
          expectSafeResponse(`${headers.join(' / ').slice(0, 200)} to ${id}`, response)
        }
      expectCleanLog()
    },
  )
})

describe('bytes that are not HTTP', () => {
  test.each(Object.entries(malformedRequests))(
    'The server answers bytes that are not HTTP (%s) and stays available',
    async (description, bytes) => {
      capturedLog.clear()
      expectSafeResponse(description, await sendRawBytes(api.url, bytes))
      expect(capturedLog.text()).not.toContain('unhandled error')
    },
  )

  test('A body that is shorter than announced blocks no other request', async () => {
    const response = await sendRawBytes(
      api.url,
      'POST /api/companies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"name":"x"',
      { end: true },
    )
    // The client is gone, or the answer is a refusal; and the server answers the next request.
    expect([0, 400]).toContain(response.status)
    expect(await send({ method: 'get', target: '/api/health' })).toMatchObject({ status: 200 })
    expect(capturedLog.text()).not.toContain('unhandled error')
  })
})

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(1e308, -1, 0.5, 2 ** 31, 2 ** 53, '', ' ', '\u0000', '\ud800', 'x'.repeat(5000), [], {}, [[]], null, true),
  fc.uuid(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
)

/** A body that has the fields the route knows, and in them whatever there is. */
function anyBody(route: Route): fc.Arbitrary<unknown> {
  const fields = Object.keys(bodySchema(route)?.properties ?? {})
  const validInput = fc.constant('good')
  return fc.dictionary(fields.length === 0 ? fc.string({ maxLength: 8 }) : fc.constantFrom(...fields), fc.oneof(anyValue, validInput), {
    maxKeys: 6,
  })
}

const anyRequest = fc.constantFrom(...routes).chain((route) =>
  fc.record({
    route: fc.constant(route),
    persona: fc.constantFrom('board', 'board', 'run', 'ceo', 'agent'),
    // Mostly a row that is there, so that what is behind the look-up is reached.
    isRealRow: fc.boolean().chain((more) => (more ? fc.constant(true) : fc.boolean())),
    parameter: fc.oneof(fc.uuid(), fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('plan', 'ACM-1', '0')),
    query: fc.dictionary(
      fc.constantFrom('limit', 'after', 'q', 'status', 'companyId', 'agentId', 'order', 'state', 'dryRun'),
      fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.uuid(), fc.integer().map(String)),
      { maxKeys: 3 },
    ),
    body: anyBody(route),
    isOverlaid: fc.boolean(),
  }),
)

/** A body with whatever there is in its fields; a form keeps its file now and then, or all of it would end there. */
async function sentAs(validInput: unknown, body: unknown, isOverlaid: boolean): Promise<Encoded> {
  if (!(validInput instanceof FormData))
    return await encodeBody(isOverlaid && validInput !== undefined ? { ...(validInput as object), ...(body as object) } : body)
  const form = new FormData()
  if (isOverlaid) for (const [name, value] of validInput) form.set(name, value)
  for (const [name, value] of Object.entries(body as object))
    if (!(isOverlaid && name === 'file')) form.append(name, typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
  return await encodeBody(form)
}

const escaped = (value: string): string => {
  try {
    return encodeURIComponent(value)
  } catch {
    // A lone surrogate has no escape of its own; its bytes in UTF-8 that is none do.
    return '%ED%A0%80'
  }
}

test('Random values that fit the schemas bring no server error', async () => {
  capturedLog.clear()
  await fc.assert(
    fc.asyncProperty(anyRequest, async ({ route, persona, isRealRow, parameter, query, body, isOverlaid }) => {
      if (route.method !== 'get') rows = await createFixtureRows(fixtures)
      const validInput = await buildRequest(api, route, rows)
      const target =
        isRealRow && !endsCompany(route)
          ? validInput.path
          : route.path.replaceAll(/:\w+/g, () => escaped(parameter === '' ? ' ' : parameter))
      const text = Object.entries(query).map(([name, value]) => `${name}=${escaped(value)}`)
      const sent = await sentAs(validInput.body, body, isOverlaid)
      const headers = [
        ...headerLines(personas.find(({ name }) => name === persona)?.headers(fixtures, rows) ?? {}),
        `Content-Type: ${sent.contentType}`,
        `Idempotency-Key: ${rows.runId}`,
      ]
      const response = await send({
        method: route.method,
        target: `${target}${text.length === 0 ? '' : `?${text.join('&')}`}`,
        headers,
        ...(route.method === 'get' ? {} : { body: sent.bytes }),
      })
      expectSafeResponse(`${route.operationId} as ${persona} ${target} ${sent.bytes.toString('utf8', 0, 300)}`, response)
    }),
    { seed: SEED, numRuns: 800, endOnFailure: true },
  )
  expect(capturedLog.text()).not.toContain('unhandled error')
}, 180_000)
