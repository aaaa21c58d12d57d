import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../http/route.ts'
import { permissions } from '../../auth/permissions.ts'
import { holdFields } from '../../model/issues.ts'
import { declaredRoutes, namedRoutes, routeName } from './declaredRoutes.ts'
import { captureLog } from './captureLog.ts'
import { sendRequest } from './rawRequest.ts'
import { rowIdIn, isRowId, pathOf, buildRequest } from './exampleRequests.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import { boardByToken, personas } from './personas.ts'
import type { ApiUnderTest, Fixtures, FixtureRows } from './contractFixtures.ts'
import type { Reply } from './rawRequest.ts'
import { useServer } from './world.ts'

const capturedLog = captureLog()
const server = useServer({ log: capturedLog.log, people: {} })
const routes = declaredRoutes()

let api: ApiUnderTest
let fixtures: Fixtures
let ownRows: FixtureRows
let foreignRows: FixtureRows

beforeAll(async () => {
  api = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  fixtures = await createFixtures(api)
  ownRows = await createFixtureRows(fixtures)
  foreignRows = await createFixtureRows(await createFixtures(api))
})

describe('declarations', () => {
  test('Every route has an operationId of its own', () => {
    const ids = routes.map(({ operationId }) => operationId)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
    for (const id of ids) expect(id).toMatch(/^(get|post|patch|put|delete)[A-Z][A-Za-z0-9]*$/)
  })

  test('No route is shadowed by another route', async () => {
    capturedLog.clear()
    for (const route of routes)
      await sendRequest(api.url, {
        method: route.method,
        path: pathOf(route, rowIdIn(ownRows)),
        headers: { authorization: 'Bearer garbage' },
      })
    const served = capturedLog
      .text()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { route?: string }).route)
    expect(served).toEqual(routes.map(({ operationId }) => operationId))
  })

  test('Every path begins with /api or /llms, and a scope or the handler reads each of its parameters', () => {
    for (const route of routes) {
      expect(route.path).toMatch(/^\/(?:api|llms)(\/(:[a-zA-Z]+|[a-z][a-z-]*))+(\.[a-z]+)?$/)
      const [first] = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
      expect({ route: routeName(route), reads: route.scope.reads }).toEqual({ route: routeName(route), reads: first ?? null })
    }
  })
})

/** The strongest who gets through: the board, where only agents may ask the run itself, and where a token is needed the board by it. */
async function sendAsAllowed(request: { method: string; path: string; body?: unknown }): Promise<Reply> {
  const [board, run, agent] = ['board', 'run', 'agent'].map((name) => personas.find((persona) => persona.name === name))
  let reply: Reply | undefined
  for (const persona of [board, run, agent, boardByToken]) {
    reply = await sendRequest(api.url, { ...request, headers: persona?.headers(fixtures, ownRows) ?? {} })
    if (![401, 403].includes(reply.status)) return reply
  }
  if (reply === undefined) throw new Error('no persona was tried')
  return reply
}

// A signed route takes any JSON.
describe('bodies that do not fit the schema', () => {
  test.each(namedRoutes(routes.filter(({ body, bodyKind: takes, signed }) => body !== undefined && takes === 'json' && !signed)))(
    '%s refuses a body that does not fit its schema with 400 and the list of problems',
    async (_, route) => {
      for (const body of ['words', 7, ['a list'], true]) {
        const reply = await sendAsAllowed({ method: route.method, path: pathOf(route, rowIdIn(ownRows)), body })
        expect(reply, reply.text).toMatchObject({ status: 400, body: { error: 'Validation error', code: 'validation_failed' } })
        expect(reply.body.details).toEqual([
          expect.objectContaining({ code: 'invalid_type', path: [], expected: 'object', message: expect.any(String) }),
        ])
        expect(reply.body.requestId).toBe(reply.headers.get('x-request-id'))
      }
    },
  )
})

describe('routes that take a file', () => {
  test.each(namedRoutes(routes.filter(({ bodyKind: takes }) => takes === 'file')))(
    '%s takes a form with one file and refuses everything else',
    async (_, route) => {
      const json = await sendAsAllowed({ method: route.method, path: pathOf(route, rowIdIn(ownRows)), body: { file: 'words' } })
      expect(json, json.text).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
      const form = new FormData()
      form.set('other', 'words')
      const without = await sendAsAllowed({ method: route.method, path: pathOf(route, rowIdIn(ownRows)), body: form })
      expect(without, without.text).toMatchObject({ status: 400, body: { code: 'malformed_form', error: "Missing file field 'file'" } })
    },
  )
})

describe('names in a request that no route declares (K10)', () => {
  const urlSafe = fc.stringMatching(/^[a-z][a-zA-Z]{3,20}$/)

  test.each(namedRoutes(routes))('%s refuses a query parameter that it does not have, and names it', async (_, route) => {
    const known = new Set([...Object.keys((route.query as { shape?: object } | undefined)?.shape ?? {}), 'fields', 'compact'])
    const path = pathOf(route, rowIdIn(ownRows))
    for (const name of ['statusses', 'status[', 'companyid', ...fc.sample(urlSafe, 2)].filter((given) => !known.has(given))) {
      const reply = await sendAsAllowed({ method: route.method, path: `${path}?${encodeURIComponent(name)}=todo` })
      expect(reply, `${name}: ${reply.text}`).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(reply.body.details).toEqual([expect.objectContaining({ code: 'unrecognized_keys', path: [name], keys: [name] })])
    }
  })

  const named = routes.filter(({ path }) => /\/(agents|projects)\/:/.test(path) && !path.startsWith('/api/companies/'))
  test.each(namedRoutes(named))('%s takes the company in which a short name is looked up', async (_, route) => {
    const path = pathOf(route, (kind) => (kind === 'agents' || kind === 'projects' ? 'no-row-has-this-name' : rowIdIn(ownRows)(kind)))
    const reply = await sendAsAllowed({ method: route.method, path: `${path}?companyId=${ownRows.companyId}` })
    expect(reply, reply.text).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  const withBody = routes.filter(
    ({ body, bodyKind, bodyOptional, signed }) => (body !== undefined || bodyOptional) && bodyKind === 'json' && !signed,
  )
  test.each(namedRoutes(withBody))('%s refuses a body that names a lock column, in any spelling', async (_, route) => {
    for (const field of [...holdFields, 'execution_run_id', 'LockEpoch']) {
      const body = { [field]: null }
      const reply = await sendAsAllowed({ method: route.method, path: pathOf(route, rowIdIn(ownRows)), body })
      expect(reply, reply.text).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(reply.body.details).toEqual([expect.objectContaining({ path: [field], keys: [field] })])
    }
  })
})

const withParameters = routes.filter(({ path }) => path.includes(':'))
const parametersOf = (route: Route): string[] => [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name as string)

describe('malformed ids in paths', () => {
  test.each(namedRoutes(withParameters))('%s refuses a malformed id in its path with a refusal', async (_, route) => {
    const { body } = await buildRequest(api, route, ownRows)
    for (const parameter of parametersOf(route))
      for (const malformed of ['not an id!', '0', `${randomUUID()}x`, '🙂', "';--"]) {
        let isRow = true
        const path = pathOf(route, (kind, name) => {
          if (name !== parameter) return rowIdIn(ownRows)(kind)
          isRow = isRowId(ownRows, kind)
          return malformed
        })
        const reply = await sendAsAllowed({ method: route.method, path, body })
        // A name may be free, but a malformed id belongs to no row.
        if (!isRow && reply.status < 500) continue
        expect([400, 404, 422], `${path}: ${reply.text}`).toContain(reply.status)
        expect(reply.body).toMatchObject({ error: expect.any(String), code: expect.any(String), requestId: expect.any(String) })
      }
  })
})

const withoutRequestId = ({ status, body }: Reply): unknown => {
  const { requestId: _, ...rest } = body as { requestId: string }
  return { status, body: rest }
}

describe('rows of another company', () => {
  const asAgents = personas.filter(({ name }) => ['peer', 'agent', 'run', 'creator', 'ceo'].includes(name))

  // A public route is asked with a secret in its path or body, which proves more than a company.
  const ofCompanies = withParameters.filter(({ permission }) => !(permissions[permission] as readonly string[]).includes('public'))

  test.each(namedRoutes(ofCompanies))('%s answers for a row of another company as for a missing row (I12)', async (_, route) => {
    const { body } = await buildRequest(api, route, ownRows)
    // An example may have paused the agent, and a paused agent is refused for that, whatever its path names.
    await api.sql.query("update agents set status = 'idle' where id = $1", [ownRows.agent.id])
    const statuses = new Set<number>()
    for (const parameter of parametersOf(route))
      for (const persona of asAgents) {
        const replies: Reply[] = []
        for (const from of ['foreign', 'random']) {
          const path = pathOf(route, (kind, name) => {
            if (name !== parameter || !isRowId(ownRows, kind)) return rowIdIn(ownRows)(kind)
            return from === 'foreign' ? rowIdIn(foreignRows)(kind) : randomUUID()
          })
          if (path === pathOf(route, rowIdIn(ownRows))) continue
          replies.push(await sendRequest(api.url, { method: route.method, path, body, headers: persona.headers(fixtures, ownRows) }))
        }
        const [foreign, random] = replies
        if (foreign === undefined || random === undefined) continue
        expect({ as: persona.name, ...(withoutRequestId(foreign) as object) }).toEqual({
          as: persona.name,
          ...(withoutRequestId(random) as object),
        })
        // A token that names another run than its own is refused before any look-up.
        if (foreign.body.code !== 'run_id_mismatch') statuses.add(foreign.status)
      }
    // Refused before any look-up, or not found; never anything that only a row that is there can answer.
    for (const status of statuses) expect([401, 403, 404]).toContain(status)
  })
})

describe('methods and paths that no route declares (K43)', () => {
  const methodsByPath = new Map<string, Set<string>>()
  for (const { path, method } of routes) methodsByPath.set(path, (methodsByPath.get(path) ?? new Set()).add(method))

  const templateOf = ({ path }: Route): RegExp => new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+').replaceAll('.', String.raw`\.`)}$`)

  test.each([...methodsByPath])('%s answers any other method with 405 and the methods that it has', async (path, methods) => {
    const route = routes.find((declared) => declared.path === path) as Route
    const asked = pathOf(route, rowIdIn(ownRows))
    // `/agents/me` is an agent by its short name as well, so it has the methods of `/agents/:id`.
    const alsoTakes = new Set(routes.filter((other) => templateOf(other).test(asked)).map(({ method }) => method))
    for (const method of (['get', 'post', 'put', 'patch', 'delete'] as const).filter((candidate) => !alsoTakes.has(candidate))) {
      const reply = await sendRequest(api.url, { method, path: asked })
      expect(reply, reply.text).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
      expect(reply.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining([...methods].map((name) => name.toUpperCase())))
    }
  })

  test('An unknown path names the nearest path that exists', async () => {
    for (const [path, nearest] of [
      ['/api/company', '/api/companies'],
      [`/api/companies/${ownRows.companyId}/issue`, '/api/companies/:companyId/issues'],
      [`/api/isues/${ownRows.issueId}/chekout`, '/api/issues/:id/checkout'],
      ['/api/nothing/here', undefined],
    ]) {
      const reply = await sendRequest(api.url, { method: 'get', path: path as string })
      expect(reply, reply.text).toMatchObject({ status: 404, body: { code: 'route_not_found', error: 'API route not found' } })
      expect(reply.body.details?.nearest).toBe(nearest)
    }
  })
})

describe('the document of the API', () => {
  test('An unknown path below /api is a 404 refusal for every method', async () => {
    for (const method of ['get', 'post', 'put', 'patch', 'delete'])
      expect(await sendRequest(api.url, { method, path: '/api/nothing/here' })).toMatchObject({
        status: 404,
        body: { error: 'API route not found', code: 'route_not_found' },
      })
  })

  test('A refusal is an RFC 9457 problem where the client asks for one, with the same facts', async () => {
    const reply = await sendRequest(api.url, {
      method: 'get',
      path: `/api/issues/${randomUUID()}`,
      headers: { accept: 'application/problem+json' },
    })
    expect(reply.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(reply.body).toEqual({
      type: 'urn:paperclip:problem:not_found',
      title: 'Not found',
      status: 404,
      detail: 'Issue not found',
      instance: `urn:paperclip:request:${reply.headers.get('x-request-id')}`,
      error: 'Issue not found',
      code: 'not_found',
      requestId: reply.headers.get('x-request-id'),
    })
  })

  test('A request id is returned as it was sent, except one that could split a header', async () => {
    const id = 'trace-1.2:3_4'
    expect(
      (await sendRequest(api.url, { method: 'get', path: '/api/health', headers: { 'x-request-id': id } })).headers.get('x-request-id'),
    ).toBe(id)
    for (const bad of ['a b', 'x'.repeat(129), 'é'])
      expect(
        (await sendRequest(api.url, { method: 'get', path: '/api/health', headers: { 'x-request-id': bad } })).headers.get('x-request-id'),
      ).toMatch(/^[0-9a-f-]{36}$/)
  })
})
