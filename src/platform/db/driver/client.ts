import { drizzle } from 'drizzle-orm/node-postgres'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { fromPostgres } from '../../kernel/time.ts'
import { PreparedQuery } from './prepared.ts'
import type { StatementKind, Statement } from '../statement.ts'
import { watchPool } from './watchdog.ts'
import type { OnUnresponsive, PoolWatchdog } from './watchdog.ts'

export type Drizzle = NodePgDatabase
export type Pool = pg.Pool
export type Connection = pg.PoolClient
export type ConnectionOptions = pg.PoolConfig

/** Connections a process keeps. One Node thread cannot keep more than these busy. */
const POOL_SIZE = 10
/** How long a connection attempt may take before the database counts as away. */
const CONNECT_TIMEOUT_MS = 900
/** How long a request waits for a free connection; past this the server is overloaded and says so. */
const QUEUE_TIMEOUT_MS = 5000
/** A lock held longer than this belongs to a stuck transaction; waiting on would only add to the queue. */
const LOCK_TIMEOUT_MS = 4000
const STATEMENT_TIMEOUT_MS = 15_000
/** A transaction of ours never idles; one that does belongs to a process that was stopped in the middle. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5000
/** The last resort against a server that accepts and never answers (a stopped postmaster, a dead network). */
const ANSWER_TIMEOUT_MS = 20_000

const TIMESTAMPTZ = 1184
const INT8 = 20

// Counters and epochs stay far below 2^53, so int8 may be a number; instants are strings (kernel/time.ts).
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === TIMESTAMPTZ) return fromPostgres
    if (oid === INT8) return Number
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

class ConnectTimeoutClient extends pg.Client {
  constructor(config: pg.ClientConfig) {
    // The pool's own connectionTimeoutMillis bounds the wait in its queue; a connection attempt gets less.
    super({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  }
}

/**
 * How a pool's statements are planned. Transactions touch single rows by key, where one plan serves every value, and
 * planning again costs as much as running: locking and judging a hold took 440 µs planned each time, 240 µs planned
 * once. Lists are planned for the values they are given, because a limit nobody knows ruins their plan.
 */
export type PlanMode = 'generic' | 'custom'

const planModeSettings: Readonly<Record<PlanMode, string>> = {
  // A plan that is made while a table is small would read all of it, and is kept while the table grows.
  generic: '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off',
  custom: '-c plan_cache_mode=auto',
}

/** How a pool behaves beyond what the driver knows. */
export interface PoolOptions {
  /** Refuses every write outside a transaction that was begun for writing: see `transaction`. */
  readonly readOnlyByDefault?: boolean
  /** Given for a pool that serves requests: it gives up on a database that falls silent, and says so. */
  readonly onUnresponsive?: OnUnresponsive
}

// A single statement on such a connection may only read, so nothing pipelined behind a BEGIN that failed can write.
const READ_ONLY_BY_DEFAULT = '-c default_transaction_read_only=on'

/** What a database URL says of its own in `?options=` comes first: the driver would let it replace ours. */
function withOptions(options: ConnectionOptions, serverSettings: string): ConnectionOptions {
  const { connectionString } = options
  if (connectionString === undefined || !connectionString.includes('options=')) return { ...options, options: serverSettings }
  const url = new URL(connectionString)
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} ${serverSettings}`.trim())
  return { ...options, connectionString: url.href }
}

const watchdogs = new WeakMap<Pool, PoolWatchdog>()

/**
 * Opens the pool. The only place that knows the driver.
 * @param options where the database is, as `pg` takes it; `max` overrides the pool size, and so do the time limits
 */
export function openPool(options: ConnectionOptions, planMode: PlanMode = 'custom', poolOptions: PoolOptions = {}): Pool {
  const settings = `-c timezone=UTC -c jit=off ${planModeSettings[planMode]}${poolOptions.readOnlyByDefault === true ? ` ${READ_ONLY_BY_DEFAULT}` : ''}`
  const target = withOptions(options, settings)
  const pool = new pg.Pool({
    max: POOL_SIZE,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'paperclip-server',
    lock_timeout: LOCK_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    ...target,
    types,
    Client: ConnectTimeoutClient,
    // Statements go out without waiting for each other's answers: BEGIN rides with the first, COMMIT with the last.
    pipeline: true,
  } as unknown as pg.PoolConfig)
  // Without listeners a terminated backend would be an uncaught exception; the failed query reports it anyway.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  if (poolOptions.onUnresponsive !== undefined) {
    watchdogs.set(
      pool,
      watchPool(pool, (ms) => probe(target, ms), poolOptions.onUnresponsive),
    )
  }
  return pool
}

/** Opens a session of its own and ends it: an answer, whatever it says, is a sign of life. */
async function probe(target: ConnectionOptions, ms: number): Promise<void> {
  const client = new pg.Client({ ...target, connectionTimeoutMillis: ms, application_name: 'paperclip-server probe' })
  client.on('error', () => {})
  try {
    await client.connect()
    client.end().catch(() => {})
  } catch (error) {
    // Too many sessions, a password that was changed: somebody is there and says no. Starting up or shutting down is away.
    const { code } = error as { code?: string }
    if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('57P')) throw error
  }
}

/**
 * Closes a pool: connections at rest at once, those in use when they are done or, after `graceMs`, in the middle of what
 * they do. Postgres rolls that back.
 */
export async function closePool(pool: Pool, graceMs: number): Promise<void> {
  const watchdog = watchdogs.get(pool)
  const deadline = setTimeout(() => watchdog?.destroyAll(), graceMs)
  await pool.end()
  clearTimeout(deadline)
  watchdog?.stop()
}

const drizzleByClient = new WeakMap<object, Drizzle>()

/** The query builder on a pool or a connection; building one costs as much as a query, so it is kept. */
export function drizzleOn(client: Pool | Connection): Drizzle {
  const cached = drizzleByClient.get(client)
  if (cached !== undefined) return cached
  const created = drizzle({ client })
  drizzleByClient.set(client, created)
  return created
}

/** What the driver keeps under a client: the socket it writes to. */
interface WithSocket {
  readonly connection?: { readonly stream?: { cork(): void; uncork(): void } }
}

const corked = new WeakSet<object>()

/**
 * Lets everything that is sent on a connection before this tick ends leave in one system call. The driver makes one per
 * statement, and they were 40 % of the process's time: a transaction of seven statements needs three.
 */
export function coalesceWrites(connection: Pool | Connection): void {
  const socket = (connection as unknown as WithSocket).connection?.stream
  if (socket === undefined || corked.has(socket)) return
  corked.add(socket)
  socket.cork()
  process.nextTick(() => {
    corked.delete(socket)
    socket.uncork()
  })
}

/** Runs a statement and returns its rows. */
export async function runOn<P, R>(client: Pool | Connection, statement: Statement<P, R, StatementKind>, params: P): Promise<R[]> {
  coalesceWrites(client)
  const { name, text } = statement
  const values = statement.values(params)
  if (name === undefined) return (await client.query({ text, values })).rows as R[]
  try {
    return await runPrepared(client, name, text, values)
  } catch (error) {
    // Its own stack ends at the socket; this one leads to whoever asked.
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }
}

const runPrepared = <R>(client: Pool | Connection, name: string, text: string, values: unknown[]): Promise<R[]> =>
  new Promise((resolve, reject) => {
    const callback = (error: Error | undefined, result: { rows: R[] }): void => (error ? reject(error) : resolve(result.rows))
    ;(client as unknown as CallbackClient<R>).query(new PreparedQuery(name, text, values), undefined, callback)
  })

/** A pool or a connection as the driver has it for those who call back. */
interface CallbackClient<R> {
  query(query: PreparedQuery, values: undefined, callback: (error: Error | undefined, result: { rows: R[] }) => void): void
}
