import { randomUUID } from 'node:crypto'
import { createAsserts, idOf } from './asserts.ts'
import type { Asserts, Ref } from './asserts.ts'
import { createClient } from './client.ts'
import type { Client } from './client.ts'
import { createEvents } from './events.ts'
import type { Events } from './events.ts'
import { createFixtures } from './fixtures.ts'
import type { Fixtures, TestAgent, TestRun } from './fixtures.ts'
import { hostConnection } from './link/hostConnection.ts'
import type { HostConnection } from './link/hostConnection.ts'

export interface TestServerOptions {
  /**
   * Settings of the server, as variables of `paperclip-server start`, such as `PAPERCLIP_AGENT_OPEN_RUNS`. The kit sets the address, the home,
   * the database, the board and the secrets itself.
   */
  readonly settings?: Readonly<Record<string, string>>
}

/** The clock of the server and of its database. */
export interface Clock {
  /**
   * Moves the clock, then runs what is due: expired leases end, timers and routines fire, budgets begin their windows. Everything that is due
   * happens once, as after a machine that slept.
   * @param ms milliseconds, forward only
   * @returns the time of the server afterwards
   */
  advance(ms: number): Promise<string>
  /** The time of the server. */
  now(): Promise<string>
}

/** Heartbeats of a run that do not arrive. */
export interface DroppedHeartbeats {
  /** Lets heartbeats arrive again. @returns how many were lost */
  stop(): Promise<number>
}

/** A crash that is prepared. */
export interface Crash {
  /** Resolves when the server has died at the place and its successor answers. Rejects when the successor could not start. */
  readonly happened: Promise<void>
  /** The server does not die there any more. */
  disarm(): Promise<void>
}

/** Work at which a point or a trace is looked for: a route as it is declared, such as `POST /api/issues/:id/checkout`, or `task reap`. */
export interface OfWork {
  readonly of?: string
}

/** A server of its own for a test: real HTTP, a real Postgres with a database that no other test has. */
export interface TestServer extends Fixtures, Omit<Asserts, 'findHeldBy' | 'findAudit'>, AsyncDisposable {
  readonly url: string
  /** The operator of the instance, by the token of the board. */
  readonly board: Client
  /** Sends no credential. */
  readonly anonymous: Client
  readonly clock: Clock
  readonly events: Events
  /** A client that speaks as an agent by its key, as a run by its token, or by any bearer. */
  as(party: TestAgent | TestRun | string): Client
  /** The server dies as by SIGKILL: every connection is cut in the same instant. Resolves when a new one answers at the same address. */
  kill(): Promise<void>
  /** From now on the heartbeats of a run do not arrive; its other requests do. */
  dropHeartbeats(run: Ref): Promise<DroppedHeartbeats>
  /**
   * The server dies once, when `first` is answered and before it sends `second`. Points are `request`, the statements of the transaction,
   * `commit` and `answer`; `pointsOf` lists them.
   */
  crashBetween(first: string, second: string, options?: OfWork): Promise<Crash>
  /** Acts, and lists the points which the work of the server passes meanwhile, in their order. */
  pointsOf(act: () => Promise<unknown>, options?: OfWork): Promise<readonly string[]>
  /** Ends the server and drops its database. A test that ends without it, in whatever way, leaves nothing either. */
  close(): Promise<void>
}

interface Parts {
  readonly host: HostConnection
  readonly server: string
  readonly url: string
  readonly boardToken: string
}

type Faults = Pick<TestServer, 'kill' | 'dropHeartbeats' | 'crashBetween' | 'pointsOf' | 'clock'>

function createFaults({ host, server }: Parts): Faults {
  return {
    clock: {
      advance: (ms) => host.call('advance', { server, ms }),
      now: () => host.call('now', { server }),
    },
    async kill() {
      await host.call('kill', { server })
    },
    async dropHeartbeats(run) {
      const runId = idOf(run)
      await host.call('loseHeartbeats', { server, runId })
      return { stop: () => host.call('passHeartbeats', { server, runId }) }
    },
    async crashBetween(first, second, { of } = {}) {
      const crash = randomUUID()
      await host.call('crash', { server, crash, first, second, of: of ?? null })
      let happened: Promise<void> | null = null
      return {
        // Until it is asked for, the news waits, and no test process stays alive for it.
        get happened() {
          return (happened ??= host.crashed(crash))
        },
        async disarm() {
          await host.call('disarm', { server })
        },
      }
    },
    async pointsOf(act, { of } = {}) {
      const trace = randomUUID()
      await host.call('trace', { server, trace, of: of ?? null })
      try {
        await act()
      } catch (error) {
        await host.call('points', { server, trace }).catch(() => {})
        throw error
      }
      return await host.call('points', { server, trace })
    },
  }
}

const tokenOf = (party: TestAgent | TestRun | string): string =>
  typeof party === 'string' ? party : 'token' in party ? party.token : party.key

function assemble(parts: Parts): TestServer {
  const { host, server, url, boardToken } = parts
  const companies: string[] = []
  const { findHeldBy, findAudit, ...assertions } = createAsserts(host, server)
  const asserts: Asserts = { findHeldBy, findAudit, ...assertions }
  const speak = (token: string | null): Client => createClient(url, token, () => asserts)
  const board = speak(boardToken)
  let closing: Promise<unknown> | null = null
  const close = async (): Promise<void> => {
    closing ??= host.call('close', { server })
    await closing
  }
  return {
    url,
    board,
    anonymous: speak(null),
    as: (party) => speak(tokenOf(party)),
    events: createEvents({ url, token: boardToken }, () => companies),
    ...createFixtures(board, speak, (id) => companies.push(id)),
    ...createFaults(parts),
    ...assertions,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * Starts a server for a test. The first one of a test run takes a few seconds, because it makes the database that all others are clones of;
 * each further one about a tenth of a second.
 * @throws Error with a sentence when a setting is wrong, or this machine cannot run the embedded Postgres
 */
export async function createTestServer({ settings = {} }: TestServerOptions = {}): Promise<TestServer> {
  const host = await hostConnection()
  return assemble({ host, ...(await host.call('create', { settings })) })
}
