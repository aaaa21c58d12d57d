import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { PAGE_BYTES } from '../../kernel/page.ts'
import type { BoundedRows } from '../../kernel/page.ts'
import { fromPostgres } from '../../kernel/time.ts'
import { checkAssumptions, holds, takeFailedAssumptions } from './assumptions.ts'
import type { Assumption } from './assumptions.ts'
import { askBackendPid, knowsBackendPids } from './backendPid.ts'
import { BoundedQuery, FIRST_ROWS } from './bounded.ts'
import { PreparedQuery } from './prepared.ts'
import { responsivenessOf } from './responsiveness.ts'
import { expectSettings } from './sessions.ts'
import type { ExpectedSettings } from './sessions.ts'
import { coalesceWrites } from './socket.ts'
import { limitTransactions, TRANSACTION_LIMIT_MS } from './timeLimit.ts'
import type { Connection, ConnectionOptions, Drizzle, Pool } from './types.ts'
import type { StatementKind, Statement } from '../statement.ts'
import { withTls } from './tls.ts'
import { watchPool } from './watchdog.ts'
import type { OnUnresponsive, PoolWatchdog } from './watchdog.ts'

export type { Connection, ConnectionOptions, Drizzle, Pool } from './types.ts'

/** Connections a process keeps. One Node thread cannot keep more than these busy. */
const POOL_SIZE = 10
/**
 * How long a connection attempt may take. On a busy machine a new session needs a second or more. A database that does not answer is
 * found by the watchdog before that, and it gives up on everybody who waits for a connection.
 */
export const CONNECT_TIMEOUT_MS = 4000
/** How long a request waits for a free connection. After that the server is overloaded, and the request is refused. */
export const QUEUE_TIMEOUT_MS = 5000
/** A row lock that is kept longer than this belongs to a stuck transaction. Waiting longer would only add to the queue. */
const LOCK_TIMEOUT_MS = 4000
const STATEMENT_TIMEOUT_MS = 15_000
/** A transaction of this server does not idle. An idle transaction belongs to a process that was stopped in the middle. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5000
/** The last resort against a database that accepts a statement and does not answer (a stopped postmaster, a dead network). */
const ANSWER_TIMEOUT_MS = 20_000

const TIMESTAMPTZ = 1184
const INT8 = 20

/** Counters and epochs stay far below 2^53, so an int8 may become a number. Instants are strings (kernel/time.ts). */
export const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === TIMESTAMPTZ) return fromPostgres
    if (oid === INT8) return Number
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

class ConnectTimeoutClient extends pg.Client {
  constructor(config: pg.ClientConfig & Pick<ConnectionOptions, 'connectTimeoutMs'>) {
    // The pool's own connectionTimeoutMillis limits the wait in its queue. A connection attempt has less time.
    // The pool hides the password from a spread.
    const { password, connectTimeoutMs = CONNECT_TIMEOUT_MS } = config
    super({ ...config, ...(password === undefined ? {} : { password }), connectionTimeoutMillis: connectTimeoutMs })
    // The pool connects a client as soon as it has made it.
    const beganAt = performance.now()
    this.once('connect', () => responsivenessOf(config).noteSession(performance.now() - beganAt))
  }
}

/**
 * How a pool's statements are planned. Transactions touch single rows by key, where one plan serves every value, and
 * planning again costs as much as running: locking and checking a hold took 440 µs when planned each time, 240 µs when
 * planned once. Lists are planned for the values they receive, because an unknown limit ruins their plan.
 */
export type PlanMode = 'generic' | 'custom'

type Settings = Readonly<Record<string, string>>

// Starting helper processes costs a statement 10 ms and more, and each takes a core from another request. The planner knows neither.
const NO_HELPERS = { max_parallel_workers_per_gather: '0' }

const planModeSettings: Readonly<Record<PlanMode, Settings>> = {
  // A plan that is made while a table is small would read the whole table, and Postgres keeps it while the table grows.
  generic: { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' },
  custom: { plan_cache_mode: 'auto' },
}

/** Options of a pool that the driver does not have. */
export interface PoolOptions {
  /**
   * For a pool that serves requests and tasks: every write outside a transaction that was begun for writing is refused (see
   * `transaction`), and each transaction has a time limit.
   */
  readonly readOnlyByDefault?: boolean
  /** Another limit for transactions than `TRANSACTION_LIMIT_MS`, in milliseconds. */
  readonly transactionLimitMs?: number
  /** Given for a pool that serves requests: it gives up on a database that does not answer, and reports it here. */
  readonly onUnresponsive?: OnUnresponsive
  /** Called once per process, on its first connection, when `pg` differs from what `assumptions.ts` expects. */
  readonly onDriverMismatch?: (failed: readonly Assumption[]) => void
}

// A single statement on such a connection may only read, so a statement that is pipelined behind a failed BEGIN cannot write.
const READ_ONLY_BY_DEFAULT = { default_transaction_read_only: 'on' }

/** Limits that an operator may change in the URL, but not remove. */
const timeLimits = { lock_timeout: null, statement_timeout: null, idle_in_transaction_session_timeout: null } satisfies ExpectedSettings

/**
 * Options for the driver: encrypted as `sslmode` asks for it, and with our settings appended to the `?options=` of a database URL. The driver
 * alone would let the URL's replace ours.
 * @throws as `withTls`
 */
export function withOptions(options: ConnectionOptions, serverSettings: string): ConnectionOptions {
  const target = withTls(options)
  const { connectionString } = target
  if (connectionString === undefined || !connectionString.includes('options=')) return { ...target, options: serverSettings }
  const url = new URL(connectionString)
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} ${serverSettings}`.trim())
  return { ...target, connectionString: url.href }
}

const watchdogs = new WeakMap<Pool, PoolWatchdog>()

/**
 * Opens a pool of connections. Only this folder knows the driver.
 * @param options where the database is, in the form of `pg`; `max` and the time limits override those above
 */
export function openPool(options: ConnectionOptions, planMode: PlanMode = 'custom', poolOptions: PoolOptions = {}): Pool {
  const guard = poolOptions.readOnlyByDefault === true ? READ_ONLY_BY_DEFAULT : {}
  const settings: Settings = { timezone: 'UTC', jit: 'off', ...NO_HELPERS, ...planModeSettings[planMode], ...guard }
  const startUpOptions = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  const target = withOptions(options, startUpOptions.join(' '))
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
  expectSettings(pool, { ...settings, ...timeLimits, ...(poolOptions.readOnlyByDefault === true ? { transaction_timeout: null } : {}) })
  // Without listeners a terminated backend would be an uncaught exception. The failed query reports it anyway.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', () => {})
    prepareConnection(client, poolOptions)
  })
  if (poolOptions.readOnlyByDefault === true) limitTransactions(pool, poolOptions.transactionLimitMs ?? TRANSACTION_LIMIT_MS, target)
  const { onUnresponsive } = poolOptions
  if (onUnresponsive !== undefined) {
    checkAssumptions(null)
    if (holds('pool_connect'))
      watchdogs.set(
        pool,
        watchPool(pool, (ms) => probe(target, ms), responsivenessOf(target), onUnresponsive),
      )
  }
  return pool
}

/** Checks the driver on the first connection of the process, and makes up for what it does not provide. */
function prepareConnection(connection: Connection, { onDriverMismatch }: PoolOptions): void {
  checkAssumptions(connection)
  if (!knowsBackendPids()) askBackendPid(connection)
  if (onDriverMismatch === undefined) return
  const assumptions = takeFailedAssumptions()
  if (assumptions.length > 0) onDriverMismatch(assumptions)
}

/** Opens a session and ends it. Any answer, a refusal too, shows that the database answers. */
async function probe(target: ConnectionOptions, ms: number): Promise<void> {
  const client = new pg.Client({ ...target, connectionTimeoutMillis: ms, application_name: 'paperclip-server probe' })
  client.on('error', () => {})
  try {
    await client.connect()
    client.end().catch(() => {})
  } catch (error) {
    // The database refused the session (too many sessions, a changed password), so it answers. While it starts or stops
    // (class 57P) it counts as unreachable.
    const { code } = error as { code?: string }
    if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('57P')) throw error
  }
}

/**
 * Closes a pool: idle connections at once, connections in use when their work is complete or, after `graceMs`
 * milliseconds, in the middle of it. Postgres rolls that work back.
 */
export async function closePool(pool: Pool, graceMs: number): Promise<void> {
  const watchdog = watchdogs.get(pool)
  const deadline = setTimeout(() => watchdog?.destroyAll(), graceMs)
  await pool.end()
  clearTimeout(deadline)
  watchdog?.stop()
}

const drizzleByClient = new WeakMap<object, Drizzle>()

/** The query builder on a connection. Building one costs as much as a query, so it is kept. */
export function drizzleOn(client: Connection): Drizzle {
  const cached = drizzleByClient.get(client)
  if (cached !== undefined) return cached
  const created = drizzle({ client })
  drizzleByClient.set(client, created)
  return created
}

/** Runs a statement and returns its rows. */
export async function runOn<P, R>(client: Pool | Connection, statement: Statement<P, R, StatementKind>, params: P): Promise<R[]> {
  coalesceWrites(client)
  const { name, text, isRaw } = statement
  const values = statement.values(params)
  if (name === undefined && !isRaw) return (await client.query({ text, values })).rows as R[]
  try {
    return await submit<R>(client, new PreparedQuery({ name, text, values, isRaw }))
  } catch (error) {
    // The stack of the driver's error ends at the socket. This stack leads to the caller.
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }
}

/**
 * Runs the statement of a list on a connection of its own, within `PAGE_BYTES`.
 * @param maxRows the limit in the statement
 */
export async function runPageOn<P, R>(
  pool: Pool,
  { name, text, values, isRaw }: Statement<P, R, 'read'>,
  params: P,
  maxRows: number,
): Promise<BoundedRows<R>> {
  const bound = { name, text, values: values(params), isRaw }
  // A page that one portion holds says nothing about larger pages of the same statement.
  const rememberedAs = maxRows > FIRST_ROWS ? name : undefined
  try {
    if (rememberedAs !== undefined && !longLists.has(rememberedAs)) {
      const short = new BoundedQuery(bound, maxRows, PAGE_BYTES, true)
      const rows = await submit<R>(pool, short)
      if (!short.isUnfinished) return { rows, isCut: short.isCut }
      longLists.add(rememberedAs)
    }
    const query = new BoundedQuery(bound, maxRows, PAGE_BYTES)
    const rows = await submit<R>(pool, query)
    if (rememberedAs !== undefined && rows.length < FIRST_ROWS) longLists.delete(rememberedAs)
    return { rows, isCut: query.isCut }
  } catch (error) {
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }
}

/** The statements of lists that had more rows than one portion the last time. They choose how it is asked for, and nothing else. */
const longLists = new Set<string>()

const submit = <R>(client: Pool | Connection, query: PreparedQuery): Promise<R[]> =>
  new Promise((resolve, reject) => {
    const callback = (error: Error | undefined, result: { rows: R[] }): void => (error ? reject(error) : resolve(result.rows))
    ;(client as unknown as CallbackClient<R>).query(query, undefined, callback)
  })

/** A pool or a connection in the driver's form with a callback. */
interface CallbackClient<R> {
  query(query: PreparedQuery, values: undefined, callback: (error: Error | undefined, result: { rows: R[] }) => void): void
}
