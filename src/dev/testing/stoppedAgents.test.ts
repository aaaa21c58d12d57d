import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { permissions } from '../../auth/permissions.ts'
import type { Route } from '../../http/route.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import type { ApiUnderTest, FixtureRows, Fixtures } from './contractFixtures.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'
import { buildRequest, endsCompany, unauditedRoutes } from './exampleRequests.ts'
import { sendRequest } from './rawRequest.ts'
import type { Reply } from './rawRequest.ts'
import { useServer } from './world.ts'

/**
 * Every route that changes something is called by agents whose status forbids it (I22, threats T6). Each request is one
 * that succeeds for the same agent before it is stopped, so that a refusal can only be about the status.
 */

const server = useServer()
// A route for everybody asks for a secret in its path or body. The agent next to it is not named in the record (`bySecret`), and may leave its
// credential out.
const isForEverybody = ({ permission }: Route): boolean => permissions[permission].some((holder) => holder === 'public')
const mutatingRoutes = declaredRoutes().filter(
  (route) => route.method !== 'get' && !(route.returns instanceof z.ZodNever) && !isForEverybody(route),
)
/** It renews a lease that the stop has ended, so it is refused, though it leaves no audit row. */
const HEARTBEAT = 'postHeartbeatRunsByRunIdHeartbeat'

interface Caller {
  readonly name: string
  readonly headers: (fixtures: Fixtures, rows: FixtureRows) => Readonly<Record<string, string>>
}

const callers: readonly Caller[] = [
  { name: 'agent', headers: (_, rows) => ({ authorization: `Bearer ${rows.agent.key}` }) },
  { name: 'run', headers: (_, rows) => ({ authorization: `Bearer ${rows.agent.key}`, 'x-paperclip-run-id': rows.runId }) },
  { name: 'ceo', headers: ({ ceo }) => ({ authorization: `Bearer ${ceo.key}` }) },
  { name: 'creator', headers: ({ creator }) => ({ authorization: `Bearer ${creator.key}` }) },
]

let api: ApiUnderTest
let active: Fixtures
let paused: Fixtures
let archived: Fixtures

const boardPost = async (path: string): Promise<void> =>
  expect((await sendRequest(api.url, { method: 'post', path, body: {} })).status, path).toBe(200)

beforeAll(async () => {
  api = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  active = await createFixtures(api)
  paused = await createFixtures(api)
  archived = await createFixtures(api)
  for (const { id } of [paused.ceo, paused.creator]) await boardPost(`/api/agents/${id}/pause`)
  await boardPost(`/api/companies/${archived.company.id}/archive`)
})

const auditCount = async (): Promise<number> =>
  (await api.sql.query<{ count: number }>('select count(*)::int as count from activity_log')).rows[0]?.count ?? 0

/** The reply to a caller who may write. */
async function replyToActive(route: Route, caller: Caller): Promise<Reply> {
  const fixtures = endsCompany(route) ? await createFixtures(api) : active
  const rows = await createFixtureRows(fixtures)
  const request = await buildRequest(api, route, rows)
  return await sendRequest(api.url, { ...request, headers: caller.headers(fixtures, rows) })
}

async function replyToStopped(route: Route, caller: Caller, how: 'paused' | 'archived'): Promise<Reply> {
  const fixtures = how === 'paused' ? paused : archived
  const rows = await createFixtureRows(fixtures)
  const request = await buildRequest(api, route, rows)
  if (how === 'paused') await boardPost(`/api/agents/${rows.agent.id}/pause`)
  // An archive ends the runs of its company; these rows were made after it.
  else await api.sql.query("update heartbeat_runs set status = 'cancelled', finished_at = now() where id = $1", [rows.runId])
  const before = await auditCount()
  const reply = await sendRequest(api.url, { ...request, headers: caller.headers(fixtures, rows) })
  expect(await auditCount(), `${route.operationId} by ${caller.name} left an audit row`).toBe(before)
  return reply
}

const written = new Set<string>()

test.each(namedRoutes(mutatingRoutes))(
  '%s is refused to a paused agent and to one of an archived company, and records nothing',
  async (_, route) => {
    for (const caller of callers) {
      if ((await replyToActive(route, caller)).status >= 300) continue
      const isRead = unauditedRoutes.has(route.operationId) && route.operationId !== HEARTBEAT
      if (!isRead) written.add(route.operationId)
      for (const [how, code] of [
        ['paused', 'agent_paused'],
        ['archived', 'company_not_active'],
      ] as const) {
        const { status, body, text } = await replyToStopped(route, caller, how)
        if (isRead) expect(status, text).toBeLessThan(300)
        else expect({ caller: caller.name, status, code: body?.code }, text).toEqual({ caller: caller.name, status: 409, code })
      }
    }
  },
)

test('The walk has met writes of every kind that agents make', () => {
  expect(written.size).toBeGreaterThan(30)
})
