import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import type { BoardAccess } from '../../auth/boardAccess.ts'
import { createBoardSessions } from '../../auth/boardSessions.ts'
import { createBoardToken } from '../../auth/boardToken.ts'
import { createCallerCheck } from '../../auth/localCaller.ts'
import { createKeyUse } from '../../auth/keyUse.ts'
import type { KeyUse } from '../../auth/keyUse.ts'
import type { LocalRuns } from '../../auth/localCaller.ts'
import { createPeerLookup, ownUid } from '../../auth/peerLookup.ts'
import { createRunTokens } from '../../auth/runTokens.ts'
import type { RunTokens } from '../../auth/runTokens.ts'
import { createAdapters } from '../../adapters/index.ts'
import type { AdapterOptions, Worktrees } from '../../adapters/index.ts'
import { buildApp } from '../../server/app.ts'
import type { AppDeps } from '../../server/app.ts'
import { openVault, useMasterKeys } from '../../org/vault/index.ts'
import { openHeadFile } from '../../observe/audit/index.ts'
import type { HeadFile } from '../../observe/audit/index.ts'
import { createStore } from '../../platform/db/store.ts'
import type { ActivityRow, Store } from '../../platform/db/types.ts'
import { createHttpServer } from '../../http/httpServer.ts'
import { noQuotas } from '../../platform/kernel/quotas.ts'
import type { Quotas } from '../../platform/kernel/quotas.ts'
import type { BoardMode } from '../../platform/kernel/actor.ts'
import { createLog } from '../../platform/kernel/log.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { createFeed } from '../../observe/events/index.ts'
import type { Feed } from '../../observe/events/index.ts'
import { clientOf } from './client.ts'
import type { Answer, Client } from './client.ts'
import { cloneDatabase } from './database.ts'
import type { TestDatabase } from './database.ts'
import { testSkillFolder } from './skillFolder.ts'
import { testPeople } from './testPeople.ts'
import type { PeopleOptions } from './testPeople.ts'
import { workFolder } from './workFolder.ts'

export type { Answer, Client } from './client.ts'

export interface TestServer {
  readonly url: string
  readonly store: Store
  readonly tokens: RunTokens
  readonly database: TestDatabase
  /** Its home, made when the first head is noted or signed. Another one beside it is removed with the server, too. */
  readonly home: string
  readonly heads: HeadFile
  readonly keyUse: KeyUse
  readonly feed: Feed
  /** The local board: no credentials; where people sign in, by its token. */
  readonly board: Client
  /** No credentials. */
  readonly anonymous: Client
  /** A bearer: an API key or a run token. */
  bearer(token: string): Client
  /** Every audit row committed through this server, in order of arrival. */
  readonly messages: readonly ActivityRow[]
  /** A second server on the same database, as another process would be. */
  startPeer(): Promise<TestServer>
  stop(): Promise<void>
}

export const TEST_BOARD_TOKEN = `pcp_local_${'0123456789ab'.repeat(4)}`
/** The master key of secrets of every test server. */
export const TEST_MASTER_KEY = 'kq3XwU0yT5mFvB8hZ1rJcN7dLpS2gEoA6iYxQ4uMtWs'
export const TEST_SECRET = 'a secret of at least thirty-two characters, for tests'

interface ServerOptions extends PeopleOptions {
  /** Other adapters than all of them, on this host and towards public addresses. */
  readonly adapters?: Partial<AdapterOptions>
  readonly allowedOrigins?: readonly string[]
  /** Wrong credentials that an address may send in a minute; any number unless said. */
  readonly guessesPerMinute?: number
  /** Whether the board needs its token; not unless said. */
  readonly boardMode?: BoardMode
  /** The runs whose processes are not the board; none unless said. */
  readonly localRuns?: () => LocalRuns | null
  /** Where its log lines go; nowhere unless said. */
  readonly log?: Log
  /** Whether its log is one for a terminal. */
  readonly isTerminal?: boolean
  readonly metricsToken?: string
  /** Other quotas than none: tests flood on purpose. */
  readonly quotas?: Quotas
  /** Other bounds for those who follow along than the usual ones. */
  readonly eventOptions?: NonNullable<AppDeps['eventOptions']>
  /** Whether answers are checked against their schemas; checked unless said, which production does not. */
  readonly validateResponses?: boolean
  /** Other limits of connections and unread answers than the usual ones. */
  readonly trafficLimits?: NonNullable<AppDeps['trafficLimits']>
  readonly degradedCauses?: NonNullable<AppDeps['degradedCauses']>
  /** Folders from which the board may import skills; those of the tests unless said. */
  readonly skillFolders?: readonly string[]
  /** Worktrees of git; none unless given. */
  readonly worktrees?: () => Worktrees
}

const trustOf = ({ allowedOrigins = [], guessesPerMinute = Number.POSITIVE_INFINITY }: ServerOptions) => ({
  allowedOrigins,
  guessesPerMinute,
})

function testBoard({ boardMode = 'implicit', localRuns = () => null }: ServerOptions): BoardAccess {
  const token = createBoardToken(TEST_BOARD_TOKEN)
  const checkCaller = createCallerCheck({ lookUp: createPeerLookup(), ownUid: ownUid(), runs: localRuns })
  return { mode: boardMode, reason: 'the test says so', token, sessions: createBoardSessions(token), checkCaller }
}

/** The board has no credential but where people sign in. */
const headersOfBoard = ({ boardMode, people }: ServerOptions): Record<string, string> =>
  boardMode === 'token' && people !== undefined ? { authorization: `Bearer ${TEST_BOARD_TOKEN}` } : {}

const testAdapters = ({ adapters }: ServerOptions) =>
  createAdapters({ environment: process.env, workFolder, allowedTypes: null, allowedAddresses: [], ...adapters })

async function openTestVault(store: Store): Promise<void> {
  useMasterKeys({ read: () => TEST_MASTER_KEY, write: null })
  await openVault(store)
}

const partsOf = ({ eventOptions, degradedCauses, trafficLimits, worktrees }: ServerOptions) => ({
  worktrees: worktrees?.() ?? null,
  ...(eventOptions === undefined ? {} : { eventOptions }),
  ...(degradedCauses === undefined ? {} : { degradedCauses }),
  ...(trafficLimits === undefined ? {} : { trafficLimits }),
})

/** Starts a server on a database that is migrated. The caller stops it. */
export async function startTestServer(database: TestDatabase, options: ServerOptions = {}): Promise<TestServer> {
  const pool = database.open()
  const store = createStore(pool)
  await openTestVault(store)
  const tokens = await createRunTokens({ secret: TEST_SECRET, ttlSeconds: 3600, issuer: 'paperclip', audience: 'paperclip-api' })
  const home = path.join(tmpdir(), `${database.connection.database}-${randomUUID().slice(0, 8)}`, 'home')
  const heads = openHeadFile(home)
  const messages: ActivityRow[] = []
  store.onCommit((rows) => messages.push(...rows))
  const log = options.log ?? createLog(process.env['TEST_LOG_LEVEL'] ?? 'silent', false)
  const feed = createFeed(store, log)
  const keyUse = createKeyUse()
  const app = buildApp({
    store,
    keyUse,
    tokens,
    adapters: testAdapters(options),
    secret: TEST_SECRET,
    log,
    isTerminal: options.isTerminal ?? false,
    feed,
    metricsToken: options.metricsToken ?? null,
    quotas: options.quotas ?? noQuotas,
    ...partsOf(options),
    heads,
    version: 'test',
    skillFolders: options.skillFolders ?? [testSkillFolder],
    board: testBoard(options),
    ...(await testPeople(options)),
    ...trustOf(options),
    validateResponses: options.validateResponses ?? true,
  })
  const server = createHttpServer(app.handle, app.onUpgrade, app.connections)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    store,
    tokens,
    database,
    home,
    heads,
    keyUse,
    messages,
    board: clientOf(url, headersOfBoard(options)),
    anonymous: clientOf(url, {}),
    bearer: (token) => clientOf(url, { authorization: `Bearer ${token}` }),
    startPeer: () => startTestServer(database, options),
    feed,
    async stop() {
      feed.stop()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await pool.end()
      rmSync(path.dirname(home), { recursive: true, force: true })
    },
  }
}

/**
 * One server on a fresh database for the whole test file.
 * @returns a way to get at it inside tests
 */
export function useServer(options: ServerOptions = {}): () => TestServer {
  let server: TestServer | undefined
  beforeAll(async () => {
    server = await startTestServer(await cloneDatabase(), options)
  })
  afterAll(async () => {
    await server?.stop()
    await server?.database.drop()
  })
  return () => {
    if (server === undefined) throw new Error('the server of this file has not started')
    return server
  }
}

/** A run with the client that speaks for it. */
export interface TestRun {
  readonly id: string
  readonly agentId: string
  readonly token: string
  /** Speaks with the run's own token. */
  readonly client: Client
}

export interface TestAgent {
  readonly id: string
  readonly name: string
  readonly key: string
  /** Speaks with the agent's API key and names no run. */
  readonly client: Client
}

const expectCreated = (answer: Answer): Answer['body'] => {
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

/** A company with what a test needs in it; everything is made through the API. */
export async function world(server: TestServer) {
  const company = expectCreated(await server.board.post('/api/companies', { name: 'Acme Works' })) as { id: string; issuePrefix: string }
  let count = 0

  const agent = async (fields: Record<string, unknown> = {}): Promise<TestAgent> => {
    count += 1
    const row = expectCreated(await server.board.post(`/api/companies/${company.id}/agents`, { name: `Agent ${count}`, ...fields }))
    const key = expectCreated(await server.board.post(`/api/agents/${row.id}/keys`, { name: 'test' }))
    return { id: row.id, name: row.name, key: key.token, client: server.bearer(key.token) }
  }

  const run = async (owner: TestAgent, fields: Record<string, unknown> = {}): Promise<TestRun> => {
    const opened = expectCreated(await owner.client.post(`/api/agents/${owner.id}/runs`, fields))
    return { id: opened.run.id, agentId: owner.id, token: opened.token, client: server.bearer(opened.token) }
  }

  const issue = async (fields: Record<string, unknown> = {}): Promise<{ id: string; identifier: string }> => {
    count += 1
    return expectCreated(
      await server.board.post(`/api/companies/${company.id}/issues`, { title: `Issue ${count}`, status: 'todo', ...fields }),
    )
  }

  const checkout = (
    actingRun: TestRun,
    issueId: string,
    expectedStatuses: readonly string[] = ['todo', 'backlog', 'blocked', 'in_review'],
  ) => actingRun.client.post(`/api/issues/${issueId}/checkout`, { agentId: actingRun.agentId, expectedStatuses })

  /** An issue, an agent and a run of it that holds the issue. */
  const heldIssue = async () => {
    const holder = await agent()
    const holderRun = await run(holder)
    const targetIssue = await issue()
    const answer = await checkout(holderRun, targetIssue.id)
    expect(answer.status, answer.text).toBe(200)
    return { agent: holder, run: holderRun, issue: targetIssue }
  }

  return { company, agent, run, issue, checkout, held: heldIssue }
}

export type World = Awaited<ReturnType<typeof world>>

/** The audit rows of one thing, oldest first, as actions. */
export async function actionsOf(server: TestServer, entityId: string): Promise<string[]> {
  const { rows } = await server.database.sql.query<{ action: string }>(
    'select action from activity_log where entity_id = $1 order by seq',
    [entityId],
  )
  return rows.map((row) => row.action)
}

/** The newest audit row of a thing with that action. */
export async function lastAudit(server: TestServer, entityId: string, action: string): Promise<ActivityRow> {
  const { rows } = await server.database.sql.query<ActivityRow>(
    `select id, seq, company_id as "companyId", actor_type as "actorType", actor_id as "actorId", action, entity_type as "entityType",
       entity_id as "entityId", agent_id as "agentId", run_id as "runId", details, created_at as "createdAt"
     from activity_log where entity_id = $1 and action = $2 order by seq desc limit 1`,
    [entityId, action],
  )
  const [row] = rows
  if (row === undefined) throw new Error(`no audit row ${action} of ${entityId}`)
  return row
}

/** How many audit rows there are, to show that a refusal left none. */
export async function auditCount(server: TestServer): Promise<number> {
  const { rows } = await server.database.sql.query<{ count: number }>('select count(*)::int as count from activity_log')
  return rows[0]?.count ?? 0
}

/** Makes a lease run out, as time would. */
export async function expireLease(server: TestServer, runId: string): Promise<void> {
  await server.database.sql.query("update heartbeat_runs set lease_expires_at = now() - interval '1 second' where id = $1", [runId])
}

/** The path of the next page of a list, from the `Link` header of an answer; empty on the last page. */
export const nextPagePath = (answer: Answer): string => /<([^>]+)>; rel="next"/.exec(answer.headers['link'] ?? '')?.[1] ?? ''
