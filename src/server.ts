import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRunTokens } from './access/runTokens.ts'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { version } from './config.ts'
import { openPool } from './db/client.ts'
import type { ConnectionOptions } from './db/client.ts'
import { forgetOldAnswers } from './db/idempotency.ts'
import { createStore } from './db/store.ts'
import { note } from './db/telemetry.ts'
import { createHttpServer } from './http/serve.ts'
import type { Log } from './kernel/log.ts'
import { startLoop } from './scheduler/loop.ts'
import { reap } from './scheduler/reap.ts'
import { keptSecret } from './secret.ts'

/** How long requests that are under way may take to end once the server stops. */
const DRAIN_MS = 10_000
const REAP_EVERY_MS = 5000
const FORGET_EVERY_MS = 10 * 60_000

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

async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  server.closeIdleConnections()
  const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearTimeout(deadline)
}

/**
 * Starts the server on a migrated database: routes first, so that the port answers; recovery work beside them.
 * @param connection where the database is
 */
export async function startServer(config: Config, connection: ConnectionOptions, log: Log): Promise<RunningServer> {
  const pool = openPool(connection)
  const store = createStore(pool)
  const secret = config.jwtSecret ?? keptSecret(config.home)
  const tokens = await createRunTokens({
    secret,
    ttlSeconds: config.jwtTtlSeconds,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
  })
  const app = buildApp({ store, tokens, secret, log, version, allowedHostnames: config.allowedHostnames, checkAnswers: false })
  const server = createHttpServer(app)
  const port = await listen(server, config)

  const loop = startLoop(
    [
      {
        name: 'reap',
        everyMs: REAP_EVERY_MS,
        run: async () => {
          const ended = await reap(store)
          if (ended > 0) log.info({ ended }, 'runs ended whose lease ran out')
        },
      },
      { name: 'forget answers', everyMs: FORGET_EVERY_MS, run: () => note(store, forgetOldAnswers, {}) },
    ],
    log,
  )

  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await Promise.all([drain(server), loop.stop()])
    await pool.end()
  }
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return { url: `http://${host}:${port}`, stop: () => (stopping ??= stop()) }
}
