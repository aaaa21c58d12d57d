import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { notIsolated } from '../../adapters/index.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import type { Lane } from '../../platform/db/lane.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { settlesWithin } from '../../platform/kernel/timeout.ts'
import { readConfig } from '../../server/config.ts'
import type { Config } from '../../server/config.ts'
import { startServer } from '../../server/server.ts'
import type { RunningServer } from '../../server/server.ts'
import type { TestCluster } from './cluster.ts'
import type { Databases } from './databases.ts'
import { createFaults, workMatcher } from './faults.ts'
import type { Faults } from './faults.ts'
import { createLife } from './life.ts'
import type { ServerLife } from './life.ts'
import { moveClock } from './moveClock.ts'

/** Few connections: many servers share the cluster, and a test keeps one or two of them busy. */
const POOLS = { transactions: 3, autocommit: 3 } as const
/** Connections of a server that waits are given back soon, for the same reason. In milliseconds. */
const IDLE_MS = 2000
/**
 * How long a server waits for a connection, in milliseconds: a hundred processes of tests on two cores leave little for one more session of
 * Postgres, and what a test shows does not depend on it.
 */
const CONNECT_MS = 60_000
const PATIENCE = { idleTimeoutMillis: IDLE_MS, connectionTimeoutMillis: CONNECT_MS, connectTimeoutMs: CONNECT_MS } as const
/** Another process may take a port for an outgoing connection between two lives of a server; it gives it back soon. */
const LISTEN_ATTEMPTS = 200
const LISTEN_RETRY_MS = 25
/** How long a server may take to end its runs and answers, in milliseconds. */
const CLOSE_MS = 1500
/** No process has this number: Linux and macOS count to less. */
const NO_PROCESS = 2_147_483_647

/** Settings that the kit itself gives, or that all servers of a host share. */
const OWN_SETTINGS =
  /^(?:PORT|HOST|LOG_LEVEL|DATABASE_.*|BETTER_AUTH_SECRET|PAPERCLIP_(?:BIND|HOME|WORKERS|BOARD|BOARD_TOKEN|SECRETS_.*|PRICES_FILE|AGENT_JWT_SECRET.*)|.*_FILE)$/

/** The parts that all servers of a host share. */
export interface Site {
  readonly cluster: TestCluster
  readonly databases: Databases
  /** Servers that start at once. More of them would all be late. */
  readonly starts: Lane
  /** The folder below which each server has its home. */
  readonly folder: string
  /** The key of secrets. It is a setting of the process, so all servers have the same. */
  readonly masterKey: string
  /** Takes work that may go on after its server is gone; the host waits for it before it ends. */
  readonly endLater: (work: Promise<unknown>) => void
}

/** A server under test, with the same address, database and home through all its lives. */
export interface HostedServer {
  readonly url: string
  readonly boardToken: string
  readonly faults: Faults
  /** A login that may read and write everything, for looking and for the clock. */
  readonly sql: Pool
  /** Dies without a word; a successor takes over. Resolves when it answers. */
  kill(): Promise<void>
  /**
   * Moves the clock, then runs what is due.
   * @returns the time of the server
   */
  advance(ms: number): Promise<string>
  now(): Promise<string>
  /** Dies between two points of work; `onDeath` is called when the successor answers, or has failed. */
  crashBetween(plan: CrashRequest, onDeath: (error: Error | null) => void): void
  close(): Promise<void>
}

export interface CrashRequest {
  readonly first: string
  readonly second: string
  readonly of: string | null
}

/** The configuration of a server under test. @throws Error with one line for each setting that is wrong */
function configOf(home: string, boardToken: string, masterKey: string, asked: Readonly<Record<string, string>>): Config {
  const refused = Object.keys(asked).filter((name) => OWN_SETTINGS.test(name))
  if (refused.length > 0) throw new Error(`The test kit sets these itself: ${refused.join(', ')}`)
  const result = readConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    PAPERCLIP_HOME: home,
    LOG_LEVEL: 'silent',
    PAPERCLIP_BOARD: 'token',
    PAPERCLIP_BOARD_TOKEN: boardToken,
    PAPERCLIP_AGENT_JWT_SECRET: randomBytes(36).toString('base64url'),
    PAPERCLIP_SECRETS_MASTER_KEY: masterKey,
    // Agents of a test are programs of its author, and work in folders of the test.
    PAPERCLIP_AGENT_ISOLATION: 'none',
    PAPERCLIP_ADAPTER_ADDRESSES: '127.0.0.1,::1',
    ...asked,
  })
  if ('problems' in result) throw new Error(`The settings of the server are wrong:\n${result.problems.join('\n')}`)
  return result.config
}

const isPortTaken = (error: unknown): boolean =>
  (error as { code?: string }).code === 'EADDRINUSE' || (error as { cause?: { code?: string } }).cause?.code === 'EADDRINUSE'

interface Incarnation {
  readonly running: RunningServer
  readonly life: ServerLife
}

interface Lives {
  readonly config: Config
  readonly connection: Parameters<typeof startServer>[1]
  readonly faults: Faults
  /** How far the clock of the server is ahead, in milliseconds. */
  aheadMs: number
}

async function beginLife(lives: Lives, port: number): Promise<Incarnation> {
  const { config, connection, faults } = lives
  const life = createLife(faults, () => performance.now() + lives.aheadMs)
  const isolation = notIsolated('agents of tests work with the account of the tests')
  const facts = { isolation, pools: POOLS, seams: life.seams }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { running: await startServer({ ...config, port }, connection, createLog('silent', false), facts), life }
    } catch (error) {
      if (!isPortTaken(error) || attempt === LISTEN_ATTEMPTS) throw error
      await new Promise((resolve) => setTimeout(resolve, LISTEN_RETRY_MS))
    }
  }
}

/** Runs work one piece after the other: a server that is killed twice at once dies twice. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let turn: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = turn.catch(() => {}).then(work)
    turn = result
    return result
  }
}

const nowOf = async (sql: Pool): Promise<string> => (await sql.query<{ now: string }>('select clock_timestamp() as now')).rows[0]?.now ?? ''

/**
 * Starts a server in this process on a database of its own.
 * @param database its name, letters, digits and `_` only; the database exists
 * @param asked settings, as the variables of `paperclip-server start`
 * @throws Error with a sentence when a setting is wrong
 */
export async function startHostedServer(site: Site, database: string, asked: Readonly<Record<string, string>>): Promise<HostedServer> {
  const { cluster, folder } = site
  const home = path.join(folder, database)
  const boardToken = `pcp_local_${randomBytes(24).toString('hex')}`
  const faults = createFaults()
  const config = configOf(home, boardToken, site.masterKey, asked)
  // The mode does not depend on the umask.
  mkdirSync(home)
  chmodSync(home, 0o700)
  const lives: Lives = { config, connection: { ...cluster.application, database, min: 0, ...PATIENCE }, faults, aheadMs: 0 }
  const sql = openPool({ ...cluster.owner, database, max: 1, ...PATIENCE })
  let current = await beginLife(lives, 0)
  const { url } = current.running
  let isClosed = false
  const inTurn = createTurns()

  const die = async (): Promise<void> => {
    const dead = current
    await dead.life.cut()
    // A killed process does nothing more. This ends its timers, and the commands of its runs, which find no server that reads them.
    site.endLater(dead.running.stop())
    if (isClosed) return
    await sql.query('update servers set pid = $1', [NO_PROCESS])
    current = await beginLife(lives, Number(new URL(url).port))
  }
  return {
    url,
    boardToken,
    faults,
    sql,
    kill: () => inTurn(die),
    advance: (ms) =>
      inTurn(async () => {
        const moved = (stepMs: number): void => void (lives.aheadMs += stepMs)
        await moveClock({ sql, moved, runTasks: (names) => current.life.runTasks(names) }, ms)
        return await nowOf(sql)
      }),
    now: () => nowOf(sql),
    crashBetween({ first, second, of }, onDeath) {
      const fire = (): void => {
        // Cut at once: the turn of the successor may have to wait.
        current.life.cut().catch(onDeath)
        inTurn(die).then(() => onDeath(null), onDeath)
      }
      faults.plan = { first, second, matches: workMatcher(of), fire }
    },
    close: () =>
      inTurn(async () => {
        isClosed = true
        const { running, life } = current
        const stopped = running.stop()
        site.endLater(stopped)
        // A client that reads an answer slowly, or a command that ignores its end, does not hold up the test.
        await settlesWithin(stopped, CLOSE_MS)
        await life.cut()
        await sql.end()
        rmSync(home, { recursive: true, force: true })
      }),
  }
}
