import type { Calls, CrashPlace } from '../protocol.ts'
import { workMatcher } from './faults.ts'
import type { Trace } from './faults.ts'
import { startHostedServer } from './hostedServer.ts'
import type { HostedServer, Site } from './hostedServer.ts'
import { findAudits, findHolder, findOrphanHolds } from './looks.ts'

type Handlers = { readonly [M in keyof Calls]: (params: Calls[M]['takes']) => Promise<Calls[M]['gives']> }

/** The servers of one test process. */
export interface ServerRegister {
  readonly handlers: Handlers
  /** Closes all servers. */
  closeAll(): Promise<void>
}

/** How far a test may move the clock at once: a century, which is more than any setting counts. In milliseconds. */
const MAX_ADVANCE_MS = 100 * 366 * 24 * 3600 * 1000

function checkedMs(ms: number): number {
  if (!Number.isFinite(ms) || ms < 0 || ms > MAX_ADVANCE_MS)
    throw new Error('The clock moves forward only, by a number of milliseconds of at most a century')
  return Math.round(ms)
}

function checkedPlace({ first, second, of }: CrashPlace): CrashPlace {
  if (first === second) throw new Error('A crash happens between two different points')
  return { first, second, of }
}

type ServerOf = (of: { readonly server: string }) => HostedServer
type OnCrash = (crash: string, error: Error | null) => void

/** The calls that look at a server. */
const lookHandlers = (serverOf: ServerOf): Pick<Handlers, 'now' | 'orphanHolds' | 'audits' | 'holder'> => ({
  now: (params) => serverOf(params).now(),
  orphanHolds: (params) => findOrphanHolds(serverOf(params).sql),
  audits: (params) => findAudits(serverOf(params).sql, params.entityId),
  holder: (params) => findHolder(serverOf(params).sql, params.issueId),
})

type FaultCalls = 'kill' | 'advance' | 'crash' | 'disarm' | 'loseHeartbeats' | 'passHeartbeats'

/** The calls that do something to a server. */
const faultHandlers = (serverOf: ServerOf, onCrash: OnCrash): Pick<Handlers, FaultCalls> => ({
  kill: async (params) => {
    await serverOf(params).kill()
    return null
  },
  advance: (params) => serverOf(params).advance(checkedMs(params.ms)),
  crash: async (params) => {
    serverOf(params).crashBetween(checkedPlace(params), (error) => onCrash(params.crash, error))
    return null
  },
  disarm: async (params) => {
    serverOf(params).faults.plan = null
    return null
  },
  loseHeartbeats: async (params) => {
    serverOf(params).faults.lostHeartbeats.set(params.runId.toLowerCase(), 0)
    return null
  },
  passHeartbeats: async (params) => {
    const { lostHeartbeats } = serverOf(params).faults
    const lost = lostHeartbeats.get(params.runId.toLowerCase()) ?? 0
    lostHeartbeats.delete(params.runId.toLowerCase())
    return lost
  },
})

/** The calls that begin and end a trace. */
function traceHandlers(serverOf: ServerOf): Pick<Handlers, 'trace' | 'points'> {
  const traces = new Map<string, { readonly trace: Trace; readonly server: HostedServer }>()
  return {
    trace: async (params) => {
      const server = serverOf(params)
      const trace: Trace = { matches: workMatcher(params.of), points: [] }
      server.faults.traces.add(trace)
      traces.set(params.trace, { trace, server })
      return null
    },
    points: async (params) => {
      const found = traces.get(params.trace)
      traces.delete(params.trace)
      if (found === undefined) throw new Error('This trace has ended')
      found.server.faults.traces.delete(found.trace)
      return found.trace.points
    },
  }
}

/** @param onCrash called when the successor of a crashed server answers, or could not start */
export function createServerRegister(site: Site, onCrash: OnCrash): ServerRegister {
  const servers = new Map<string, HostedServer>()
  const starting = new Set<Promise<unknown>>()
  let isClosed = false

  const serverOf: ServerOf = ({ server }) => {
    const found = servers.get(server)
    if (found === undefined) throw new Error('This server was closed')
    return found
  }
  const create: Handlers['create'] = async ({ settings }) => {
    const name = await site.databases.take()
    try {
      const server = await startHostedServer(site, name, settings)
      servers.set(name, server)
      return { server: name, url: server.url, boardToken: server.boardToken }
    } catch (error) {
      await site.databases.drop(name)
      throw error
    }
  }
  const close = async (name: string): Promise<void> => {
    const server = servers.get(name)
    servers.delete(name)
    await server?.close()
    if (server !== undefined) await site.databases.drop(name)
  }
  const tracked = async <T>(work: Promise<T>): Promise<T> => {
    starting.add(work)
    return await work.finally(() => starting.delete(work))
  }
  return {
    handlers: {
      create: async (params) => {
        const createUnlessClosed = async (): ReturnType<Handlers['create']> => {
          if (isClosed) throw new Error('The test process has ended')
          return await create(params)
        }
        return await tracked(site.starts.run(createUnlessClosed))
      },
      close: async ({ server }) => {
        await close(server)
        return null
      },
      ...lookHandlers(serverOf),
      ...faultHandlers(serverOf, onCrash),
      ...traceHandlers(serverOf),
    },
    async closeAll() {
      isClosed = true
      await Promise.allSettled(starting)
      await Promise.allSettled([...servers.keys()].map(close))
    },
  }
}
