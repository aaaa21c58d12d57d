import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { Route } from '../http/route.ts'
import { declared, named } from './declared.ts'
import { ask, endsCompany, makeSubject, personas, requestOf, setStage } from './stage.ts'
import type { Asked, Reply, Stage } from './stage.ts'
import { useServer } from './world.ts'

const server = useServer()
// Whoever never succeeds changes nothing that could be recorded.
const writing = declared().filter(({ method, returns }) => method !== 'get' && !(returns instanceof z.ZodNever))

/**
 * Routes that change nothing worth a record. This list may only get shorter: whoever adds to it takes a change out of
 * the audit.
 */
const silent: ReadonlySet<string> = new Set([
  // Renews a lease, which is telemetry: it decides nothing and says only that the run is still there.
  'postHeartbeatRunsByRunIdHeartbeat',
  // Read a company and change nothing; they are POST because of the choice they carry.
  'postCompaniesByCompanyIdExport',
  'postCompaniesByCompanyIdExports',
  'postCompaniesByCompanyIdExportsPreview',
  'postCompaniesImportPreview',
  'postCompaniesByCompanyIdImportsPreview',
  // Looks up what runs would use.
  'postCompaniesByCompanyIdAdaptersByTypeTestEnvironment',
  // Answers with advice and does nothing.
  'postAgentsByIdClaudeLogin',
])

let asked: Asked
let stage: Stage
beforeAll(async () => {
  asked = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  stage = await setStage(asked)
})

const newestSeq = async (): Promise<number> =>
  (await asked.sql.query<{ seq: number }>('select coalesce(max(seq), 0)::int as seq from activity_log')).rows[0]?.seq ?? 0

interface Done {
  readonly reply: Reply
  readonly by: string
  readonly rows: readonly { action: string; actor_type: string; request_id: string | null }[]
}

/** Has the route done by the first who succeeds, each on rows of their own. */
async function succeed(route: Route): Promise<Done> {
  const tried: string[] = []
  for (const name of ['board', 'run', 'ceo', 'agent']) {
    const persona = personas.find((each) => each.name === name)
    const where = endsCompany(route) ? await setStage(asked) : stage
    const subject = await makeSubject(where)
    const request = await requestOf(asked, route, subject)
    const before = await newestSeq()
    const reply = await ask(asked.url, { ...request, headers: persona?.headers(where, subject) ?? {} })
    if (reply.status < 300) {
      const { rows } = await asked.sql.query('select action, actor_type, request_id from activity_log where seq > $1 order by seq', [
        before,
      ])
      return { reply, by: name, rows: rows as Done['rows'] }
    }
    tried.push(`${name}: ${reply.status} ${reply.text}`)
  }
  throw new Error(
    `nobody succeeds with ${route.method.toUpperCase()} ${route.path}; give it an example in src/testing/stage.ts\n${tried.join('\n')}`,
  )
}

test.each(named(writing))('%s leaves an audit row that names its request, and tells it to listeners', async (_, route) => {
  const heard = server().messages.length
  const { reply, rows } = await succeed(route)
  if (silent.has(route.operationId)) return expect(rows).toEqual([])
  const ofRequest = rows.filter((row) => row.request_id === reply.headers.get('x-request-id'))
  expect(ofRequest.length, `no audit row after ${reply.status} ${reply.text}`).toBeGreaterThan(0)
  expect(rows).toHaveLength(ofRequest.length)
  expect(
    server()
      .messages.slice(heard)
      .map(({ action }) => action),
  ).toEqual(expect.arrayContaining(rows.map(({ action }) => action)))
})

test('every silent route still exists', () => {
  const ids = new Set(writing.map(({ operationId }) => operationId))
  expect([...silent].filter((id) => !ids.has(id))).toEqual([])
})

test('no route writes an audit row of its own wording', () => {
  expect(writing.filter(({ path }) => path.endsWith('/activity')).map(({ path }) => path)).toEqual([])
})
