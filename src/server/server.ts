import { mkdirSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createRunTokens } from '../auth/runTokens.ts'
import { createAdapters } from '../adapters/index.ts'
import { buildApp } from './app.ts'
import { createSealer, openHeadFile, SEAL_INTERVAL_MS } from '../observe/audit/index.ts'
import type { Config } from './config.ts'
import { version } from './config.ts'
import { closePool, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { createStore } from '../platform/db/store.ts'
import { createHttpServer } from '../http/httpServer.ts'
import type { Log } from '../platform/kernel/log.ts'
import { createFeed } from '../observe/events/index.ts'
import { createRunner } from '../scheduler/runner.ts'
import { startPeriodicTasks } from '../scheduler/periodicTasks.ts'
import { reap } from '../scheduler/reap.ts'
import { applyRetention } from '../scheduler/retention.ts'
import { tickTimers } from '../scheduler/timers.ts'
import { loadOrCreateSecret } from '../platform/home/secret.ts'
import { flushSkips } from '../engine/wakes/index.ts'

/** How long requests that are under way may take to end once the server stops: a supervisor's usual patience, less our own end. */
const DRAIN_MS = 9000
const SWEEP_INTERVAL_MS = 50
/** What still holds a connection after the drain belongs to no request that anybody waits for. */
const CLOSE_POOL_MS = 500
const REAP_INTERVAL_MS = 5000
/** Timers are minutes and hours; a look costs one query. */
const TIMERS_INTERVAL_MS = 10_000
const FLUSH_SKIPS_INTERVAL_MS = 10_000
const RETENTION_INTERVAL_MS = 10 * 60_000

/** Connections for transactions and for reads; one Node thread cannot keep more of them busy. */
const TRANSACTION_CONNECTIONS = 8
const AUTOCOMMIT_CONNECTIONS = 6

export interface RunningServer {
  readonly url: string
  /** Stops accepting, lets requests end, closes the database. Idempotent. */
  stop(): Promise<void>
}

async function listen(server: Server, config: Config): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: config.port, host: config.host }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return (server.address() as AddressInfo).port
}

/** Stops accepting and waits for the requests under way; those that are not done in time are cut off. */
async function drain(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  // A connection is at rest only for moments when its client asks again at once, so such answers end it.
  server.prependListener('request', (_request, response) => void response.setHeader('Connection', 'close'))
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_INTERVAL_MS)
  const deadline = setTimeout(() => server.closeAllConnections(), timeoutMs)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}

/** Below which commands work whose agents name no folder. A server whose home cannot be written to still serves. */
function ensureWorkFolder(home: string, log: Log): string {
  const folder = path.join(home, 'work')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    log.warn({ err: error }, 'there is no folder for commands to work in')
  }
  return folder
}

/** Where the server can be reached from this machine; a wildcard is no address. */
function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/**
 * Starts the server on a migrated database: routes first, so that the port answers; recovery work beside them.
 * @param connection where the database is
 */
export async function startServer(config: Config, connection: ConnectionOptions, log: Log): Promise<RunningServer> {
  const onUnresponsive = (isUnresponsive: boolean): void =>
    isUnresponsive ? log.error('the database does not answer: requests are refused until it does') : log.info('the database answers again')
  const onDriverMismatch = (assumptions: readonly string[]): void =>
    log.warn({ assumptions }, 'the pg driver is not as expected: the server uses plain queries, which are slower')
  const poolOptions = { readOnlyByDefault: true, onUnresponsive, onDriverMismatch }
  const transactionPool = openPool({ ...connection, max: TRANSACTION_CONNECTIONS }, 'generic', poolOptions)
  const autocommitPool = openPool({ ...connection, max: AUTOCOMMIT_CONNECTIONS }, 'custom', poolOptions)
  const store = createStore(transactionPool, autocommitPool)
  const secret = config.jwtSecret ?? loadOrCreateSecret(config.home)
  const tokens = await createRunTokens({
    secret,
    ttlSeconds: config.jwtTtlSeconds,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
  })
  const heads = openHeadFile(config.home)
  const feed = createFeed(store, log)
  const adapters = createAdapters({
    environment: process.env,
    workFolder: ensureWorkFolder(config.home, log),
    allowedTypes: config.adapters,
    allowedAddresses: config.adapterAddresses,
  })
  const { allowedHostnames, metricsToken } = config
  const app = buildApp({
    store,
    tokens,
    adapters,
    secret,
    log,
    heads,
    version,
    allowedHostnames,
    feed,
    metricsToken,
    validateResponses: false,
  })
  const server = createHttpServer(app.handle, app.onUpgrade)
  const port = await listen(server, config)
  const url = urlOf(config.host, port)
  const { maxRuns } = config
  const runner = createRunner({ store, tokens, adapters, maxRuns, apiUrl: config.apiUrl ?? url, observer: feed, log })

  const loop = startPeriodicTasks(
    [
      ...runner.periodicTasks,
      {
        name: 'reap',
        intervalMs: REAP_INTERVAL_MS,
        run: async () => {
          const ended = await reap(store, runner.isServerDead)
          if (ended > 0) log.info({ ended }, 'runs ended whose lease ran out')
        },
      },
      { name: 'seal', intervalMs: SEAL_INTERVAL_MS, run: createSealer(store, heads, log) },
      { name: 'timers', intervalMs: TIMERS_INTERVAL_MS, run: () => tickTimers(store) },
      { name: 'skips', intervalMs: FLUSH_SKIPS_INTERVAL_MS, run: () => flushSkips(store) },
      { name: 'retain', intervalMs: RETENTION_INTERVAL_MS, run: () => applyRetention(store, config.retention) },
    ],
    log,
  )

  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    const backgroundStopped = Promise.all([loop.stop(), flushSkips(store).catch(() => {})])
    // What runs may still say something to the API before their end, so that comes first.
    const stoppedAt = performance.now()
    await runner.stop()
    feed.stop()
    await drain(server, DRAIN_MS - (performance.now() - stoppedAt))
    // A duty under way ends where its next statement is refused: it may have thousands of rows before it.
    await Promise.all([closePool(transactionPool, CLOSE_POOL_MS), closePool(autocommitPool, CLOSE_POOL_MS), backgroundStopped])
  }
  return { url, stop: () => (stopping ??= stop()) }
}
