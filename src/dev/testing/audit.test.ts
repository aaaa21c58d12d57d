import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { Route } from '../../http/route.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'
import { sendRequest } from './rawRequest.ts'
import { endsCaller, endsCompany, buildRequest, headersBy, instanceBefore, keysOfTheirOwn, unauditedRoutes } from './exampleRequests.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import { boardByToken, ownCommandLine, ownPerson, personas } from './personas.ts'
import type { ApiUnderTest, Fixtures } from './contractFixtures.ts'
import type { Reply } from './rawRequest.ts'
import { writeMasterKeys, useMasterKeys } from '../../org/vault/index.ts'
import { TEST_MASTER_KEY, useServer } from './world.ts'

const server = useServer({ people: {} })
// A route that never succeeds changes nothing that could be recorded.
const mutatingRoutes = declaredRoutes().filter(({ method, returns }) => method !== 'get' && !(returns instanceof z.ZodNever))

let api: ApiUnderTest
let fixtures: Fixtures
beforeAll(async () => {
  api = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  fixtures = await createFixtures(api)
  // A rotation of the master key succeeds only where the server may write the key.
  let masterKeys = TEST_MASTER_KEY
  useMasterKeys({ read: () => masterKeys, write: (keys) => void (masterKeys = writeMasterKeys(keys)) })
})

const newestSeq = async (): Promise<number> =>
  (await api.sql.query<{ seq: number }>('select coalesce(max(seq), 0)::int as seq from activity_log')).rows[0]?.seq ?? 0

interface SuccessfulRequest {
  /** Sends the same request again, under the same Idempotency-Key. */
  readonly repeat: () => Promise<Reply>
  readonly reply: Reply
  readonly by: string
  readonly rows: readonly { action: string; actor_type: string; request_id: string | null }[]
}

/** Has the route done by the first who succeeds, each on rows of their own. */
async function requestUntilSuccess(route: Route): Promise<SuccessfulRequest> {
  const attempts: string[] = []
  for (const name of ['board', 'run', 'ceo', 'agent', 'board by token', 'person', 'command line']) {
    const persona = [...personas, boardByToken, ownPerson, ownCommandLine].find((each) => each.name === name)
    const targetFixtures = endsCompany(route) ? await createFixtures(api) : fixtures
    const fixtureRows = await createFixtureRows(targetFixtures)
    const request = await buildRequest(api, route, fixtureRows)
    const arrangement = instanceBefore[route.operationId]
    if (arrangement !== undefined) await api.sql.query(arrangement)
    const before = await newestSeq()
    const headers = { ...headersBy(persona?.headers(targetFixtures, fixtureRows) ?? {}, request), 'idempotency-key': randomUUID() }
    const send = () => sendRequest(api.url, { ...request, headers })
    const reply = await send()
    if (reply.status < 300) {
      const { rows } = await api.sql.query('select action, actor_type, request_id from activity_log where seq > $1 order by seq', [before])
      return { repeat: send, reply, by: name, rows: rows as SuccessfulRequest['rows'] }
    }
    attempts.push(`${name}: ${reply.status} ${reply.text}`)
  }
  throw new Error(
    `no persona succeeds with ${route.method.toUpperCase()} ${route.path}; give it an example in src/dev/testing/contractFixtures.ts\n${attempts.join('\n')}`,
  )
}

test.each(namedRoutes(mutatingRoutes))(
  '%s leaves an audit row that names its request and announces it, and its repeat has the same answer (I9)',
  async (_, route) => {
    const messagesBefore = server().messages.length
    const { reply, rows, repeat } = await requestUntilSuccess(route)
    if (unauditedRoutes.has(route.operationId)) return expect(rows).toEqual([])
    const ofRequest = rows.filter((row) => row.request_id === reply.headers.get('x-request-id'))
    expect(ofRequest.length, `no audit row after ${reply.status} ${reply.text}`).toBeGreaterThan(0)
    expect(rows).toHaveLength(ofRequest.length)
    expect(
      server()
        .messages.slice(messagesBefore)
        .map(({ action }) => action),
    ).toEqual(expect.arrayContaining(rows.map(({ action }) => action)))
    const before = await newestSeq()
    const again = await repeat()
    if (endsCaller.has(route.operationId)) return expect(again.status).toBe(401)
    const mark = keysOfTheirOwn.has(route.operationId) ? null : 'true'
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([reply.status, reply.text, mark])
    expect(await newestSeq()).toBe(before)
  },
)

test('Every route on the list of silent routes still exists', () => {
  const ids = new Set(mutatingRoutes.map(({ operationId }) => operationId))
  expect([...unauditedRoutes].filter((id) => !ids.has(id))).toEqual([])
})

test('No route lets a caller write an audit row in its own words', () => {
  expect(mutatingRoutes.filter(({ path }) => path.endsWith('/activity')).map(({ path }) => path)).toEqual([])
})
