import { uptime } from 'node:os'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { killOrphan, processIdentity } from '../adapters/index.ts'
import type { OrphanOutcome, ProcessIdentity } from '../adapters/index.ts'
import { servers } from '../model/runRecords.ts'
import { runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { unregisterServer } from '../engine/runs/index.ts'
import type { ServerIdentity } from '../engine/runs/index.ts'
import { endExpiredRun, SERVER_DIED } from './reap.ts'

/** Between SIGTERM and SIGKILL. Nobody hears any more what the child would still say. */
const KILL_GRACE_MS = 2000
/** Children ended at once; each is looked for among all processes of the host. */
const KILL_CONCURRENCY = 8
/** Ticks of /proc in a second: the unit of start times, the same on every Linux that Node runs on. */
const TICKS_PER_S = 100
/** Two clocks are compared by the time that has passed on each; this is how exactly they can be read. */
const CLOCK_TOLERANCE_S = 0.5

interface PeerServer {
  id: string
  pid: number
  /** Since it was last heard of, on the database's clock. */
  silentSeconds: number
}

const peerServersOf = statement<{ hostKey: string; id: string }, PeerServer>('orphans_neighbours').read(sql`
  select s.id, s.pid, extract(epoch from now() - s.last_seen_at)::float8 as "silentSeconds" from ${servers} s
  where s.host_key = ${param('hostKey')} and s.id <> ${param('id')}`)

/**
 * Whether the process of a server is no more. A pid is given again: a process that has started after the server was last
 * heard of is another one. A server that is merely stopped lives, and so does one of which nothing can be told.
 */
function isDead({ pid, silentSeconds }: PeerServer): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, under another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  const { startTime } = processIdentity(pid)
  return startTime !== null && uptime() - startTime / TICKS_PER_S + CLOCK_TOLERANCE_S < silentSeconds
}

interface OrphanRun {
  id: string
  companyId: string
  processIdentity: string | null
  isOpen: boolean
}

// Those that somebody has ended since the server fell silent as well: nobody has told their children. Read once or twice
// per crash, so that every run need not pay for an index.
const orphansOf = statement<{ id: string }, OrphanRun>('orphans_of').read(sql`
  select r.id, r.company_id as "companyId", r.process_identity as "processIdentity", r.status in ('queued', 'running') as "isOpen"
  from ${servers} s join ${runs} r on r.supervisor_id = s.id
  where s.id = ${param('id')} and (r.status = 'running' or r.finished_at >= s.last_seen_at - interval '1 minute')`)

const identitySchema = z.object({ pid: z.int().positive(), startTime: z.number().nullable(), host: z.string().nullable() })

/** What is known of the child. A server that died before it could note that leaves only the run's id in its environment. */
function identityOf({ processIdentity: text }: OrphanRun): ProcessIdentity {
  const unknown: ProcessIdentity = { pid: 0, startTime: 0, host: processIdentity(process.pid).host }
  if (text === null) return unknown
  try {
    return identitySchema.parse(JSON.parse(text))
  } catch {
    return unknown
  }
}

/** Looks after what dead servers of this host have left behind. */
export interface OrphanReaper {
  /** Ends the children of dead servers, and their runs once their leases are out. @throws AggregateError after all the others */
  tick(): Promise<void>
  /** Whether a server is known to be dead. */
  isServerDead(supervisorId: string): boolean
}

/**
 * @param server this one, which is not among the dead
 */
export function createOrphanReaper(store: Store, server: ServerIdentity, log: Log): OrphanReaper {
  let deadServerIds: ReadonlySet<string> = new Set()

  const endChild = async (orphan: OrphanRun): Promise<OrphanOutcome> => {
    const outcome = await killOrphan(identityOf(orphan), orphan.id, KILL_GRACE_MS)
    if (outcome === 'ended') log.info({ runId: orphan.id }, 'the child of a dead server was ended')
    if (outcome === 'survived') log.error({ runId: orphan.id }, 'the child of a dead server does not end')
    return outcome
  }

  /** @returns whether nothing of the server is left to be looked after */
  const reapServer = async (dead: PeerServer): Promise<boolean> => {
    const orphans = await store.read.run(orphansOf, { id: dead.id })
    const outcomes: OrphanOutcome[] = []
    for (let at = 0; at < orphans.length; at += KILL_CONCURRENCY)
      outcomes.push(...(await Promise.all(orphans.slice(at, at + KILL_CONCURRENCY).map(endChild))))
    // A run that is live is not touched, whoever watched over it: it may yet end by its own word.
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
      if (failures.length > 0) throw new AggregateError(failures, 'what dead servers have left behind could not be settled')
    },
  }
}
