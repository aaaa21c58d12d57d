import { uptime } from 'node:os'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { killOrphan, processIdentity } from '../adapters/index.ts'
import type { OrphanOutcome, ProcessIdentity } from '../adapters/index.ts'
import { servers } from '../model/runRecords.ts'
import { isUnended, runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { isProcessAlive } from '../platform/kernel/processAlive.ts'
import { unregisterServer } from '../engine/runs/index.ts'
import type { ServerIdentity } from '../engine/runs/index.ts'
import { endExpiredRun, SERVER_DIED } from './reap.ts'

/** Between SIGTERM and SIGKILL. No server reads the output of an orphan any more, so it gets little time. */
const KILL_GRACE_MS = 2000
/** Orphans killed at once. Each is searched for among all processes of the host. */
const KILL_CONCURRENCY = 8
/** Clock ticks of /proc in a second: the unit of start times, the same on every Linux that Node runs on. */
const TICKS_PER_S = 100
/** The precision with which the uptime of the host and the clock of the database can be compared. */
const CLOCK_TOLERANCE_S = 0.5

interface PeerServer {
  id: string
  pid: number
  /** Seconds since its last renewal, by the database's clock. */
  silentSeconds: number
}

const peerServersOf = statement<{ hostKey: string; id: string }, PeerServer>('orphans_peer_servers').read(sql`
  select s.id, s.pid, extract(epoch from now() - s.last_seen_at)::float8 as "silentSeconds" from ${servers} s
  where s.host_key = ${param('hostKey')} and s.id <> ${param('id')}`)

/**
 * Whether the process of a server has ended. Pids are reused: a process that started after the server's last renewal is another
 * process. A server that is merely stopped (SIGSTOP) is alive, and so is a server about which /proc reveals nothing.
 */
function isDead({ pid, silentSeconds }: PeerServer): boolean {
  if (!isProcessAlive(pid)) return true
  const { startTime } = processIdentity(pid)
  return startTime !== null && uptime() - startTime / TICKS_PER_S + CLOCK_TOLERANCE_S < silentSeconds
}

interface OrphanRun {
  id: string
  companyId: string
  processIdentity: string | null
  isOpen: boolean
}

// Includes runs that other requests have ended since the server's last renewal: their processes were not stopped. It is read
// once or twice per crash, so an index for it is not worth its cost on every run.
const orphansOf = statement<{ id: string }, OrphanRun>('orphans_of').read(sql`
  select r.id, r.company_id as "companyId", r.process_identity as "processIdentity", ${isUnended('r')} as "isOpen"
  from ${servers} s join ${runs} r on r.supervisor_id = s.id
  where s.id = ${param('id')} and (r.status = 'running' or r.finished_at >= s.last_seen_at - interval '1 minute')`)

const identitySchema = z.object({ pid: z.int().positive(), startTime: z.number().nullable(), host: z.string().nullable() })

/**
 * The identity of the run's process. A server that crashed before it could record the identity leaves only the run's id in the
 * environment of the process.
 */
function identityOf({ processIdentity: text }: OrphanRun): ProcessIdentity {
  const unknown: ProcessIdentity = { pid: 0, startTime: 0, host: processIdentity(process.pid).host }
  if (text === null) return unknown
  try {
    return identitySchema.parse(JSON.parse(text))
  } catch {
    return unknown
  }
}

/** Ends the processes and the runs that crashed servers of this host have left. */
export interface OrphanReaper {
  /**
   * Ends the processes of dead servers, and their runs as soon as their leases have expired.
   * @throws AggregateError with the failures, after all other servers have been handled
   */
  tick(): Promise<void>
  /** Whether a server is known to be dead, as of the last tick. */
  isServerDead(supervisorId: string): boolean
}

/** @param server this server, which is never among the dead ones */
export function createOrphanReaper(store: Store, server: ServerIdentity, log: Log): OrphanReaper {
  let deadServerIds: ReadonlySet<string> = new Set()

  const endProcess = async (orphan: OrphanRun): Promise<OrphanOutcome> => {
    const outcome = await killOrphan(identityOf(orphan), orphan.id, KILL_GRACE_MS)
    if (outcome === 'ended') log.info({ runId: orphan.id }, 'orphan process of a dead server killed')
    if (outcome === 'survived') log.error({ runId: orphan.id }, 'orphan process of a dead server survived SIGKILL; retrying')
    return outcome
  }

  /** @returns whether all processes and all runs of the server have ended */
  const reapServer = async (dead: PeerServer): Promise<boolean> => {
    const orphans = await store.read.run(orphansOf, { id: dead.id })
    const outcomes: OrphanOutcome[] = []
    for (let at = 0; at < orphans.length; at += KILL_CONCURRENCY)
      outcomes.push(...(await Promise.all(orphans.slice(at, at + KILL_CONCURRENCY).map(endProcess))))
    // A live run is not changed: its agent may still finish it.
    let isIncomplete = outcomes.includes('survived')
    for (const run of orphans) if (run.isOpen && !(await endExpiredRun(store, run, SERVER_DIED))) isIncomplete = true
    return !isIncomplete
  }

  return {
    isServerDead: (supervisorId) => deadServerIds.has(supervisorId),
    async tick() {
      const dead = (await store.read.run(peerServersOf, { hostKey: server.hostKey, id: server.id })).filter(isDead)
      deadServerIds = new Set(dead.map(({ id }) => id))
      const failures: unknown[] = []
      for (const each of dead) {
        try {
          if (await reapServer(each)) await unregisterServer(store, each.id)
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'some runs of dead servers could not be ended')
    },
  }
}
