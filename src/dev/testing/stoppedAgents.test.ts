import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { permissions } from '../../auth/permissions.ts'
import type { Route } from '../../http/route.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import type { ApiUnderTest, FixtureRows, Fixtures } from './contractFixtures.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'
import { buildRequest, unauditedRoutes } from './exampleRequests.ts'
import { callers as columns } from './permissionCallers.ts'
import { labelOf, parseTable } from './permissionMatrix.ts'
import { bearer } from './personas.ts'
import { sendRequest } from './rawRequest.ts'
import { useServer } from './world.ts'

/**
 * Every route that changes something is called by agents whose status forbids it (I22, threats T6), as far as the table of permissions lets
 * such agents in. They are refused, so that all requests share the rows that they name.
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
  /** Its column in the table of permissions. */
  readonly column: string
  readonly headers: (fixtures: Fixtures, rows: FixtureRows) => Readonly<Record<string, string>>
}

const callers: readonly Caller[] = [
  { name: 'agent', column: 'agent', headers: (_, rows) => bearer(rows.agent.key) },
  { name: 'agent in a run', column: 'run', headers: (_, rows) => ({ ...bearer(rows.agent.key), 'x-paperclip-run-id': rows.runId }) },
  { name: 'ceo', column: 'ceo', headers: ({ ceo }) => bearer(ceo.key) },
  { name: 'creator', column: 'creator', headers: ({ creator }) => bearer(creator.key) },
]

const table = parseTable(readFileSync(new URL('../../../doc/generated/permissions.md', import.meta.url), 'utf8'))

/** Whether the table lets the caller in while it is active. */
const isLetIn = (route: Route, { column }: Caller): boolean =>
  table.get(labelOf(route))?.[columns.findIndex(({ name }) => name === column)] === 'yes'

interface Stopped {
  readonly code: string
  readonly fixtures: Fixtures
  readonly rows: FixtureRows
}

let api: ApiUnderTest
let stopped: readonly Stopped[]

const boardPost = async (path: string): Promise<void> =>
  expect((await sendRequest(api.url, { method: 'post', path, body: {} })).status, path).toBe(200)

async function createPaused(): Promise<Stopped> {
  const fixtures = await createFixtures(api)
  const rows = await createFixtureRows(fixtures)
  for (const { id } of [fixtures.ceo, fixtures.creator, rows.agent]) await boardPost(`/api/agents/${id}/pause`)
  return { code: 'agent_paused', fixtures, rows }
}

async function createArchived(): Promise<Stopped> {
  const fixtures = await createFixtures(api)
  await boardPost(`/api/companies/${fixtures.company.id}/archive`)
  const rows = await createFixtureRows(fixtures)
  // An archive ends the runs of its company; these rows were made after it.
  await api.sql.query("update heartbeat_runs set status = 'cancelled', finished_at = now() where id = $1", [rows.runId])
  return { code: 'company_not_active', fixtures, rows }
}

beforeAll(async () => {
  api = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  stopped = [await createPaused(), await createArchived()]
})

const auditCount = async (): Promise<number> =>
  (await api.sql.query<{ count: number }>('select count(*)::int as count from activity_log')).rows[0]?.count ?? 0

const written = new Set<string>()

test.each(namedRoutes(mutatingRoutes))(
  '%s is refused to a paused agent and to one of an archived company, and records nothing',
  async (_, route) => {
    const before = await auditCount()
    const isRead = unauditedRoutes.has(route.operationId) && route.operationId !== HEARTBEAT
    for (const caller of callers.filter((each) => isLetIn(route, each))) {
      if (!isRead) written.add(route.operationId)
      for (const { code: expected, fixtures, rows } of stopped) {
        const request = await buildRequest(api, route, rows)
        const { status, body, text } = await sendRequest(api.url, { ...request, headers: caller.headers(fixtures, rows) })
        if (isRead) expect(status, text).toBeLessThan(300)
        else expect({ caller: caller.name, status, code: body?.code }, text).toEqual({ caller: caller.name, status: 409, code: expected })
      }
    }
    expect(await auditCount()).toBe(before)
  },
)

test('The walk has met writes of every kind that agents make', () => {
  expect(written.size).toBeGreaterThan(30)
})
