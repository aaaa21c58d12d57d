import { uptime } from 'node:os'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { endOrphan, processIdentity } from '../adapters/index.ts'
import type { OrphanEnd, ProcessIdentity } from '../adapters/index.ts'
import { servers } from '../db/schema/runRecords.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import type { Store } from '../db/store.ts'
import type { Log } from '../kernel/log.ts'
import { leaveSupervision } from '../runs/index.ts'
import type { Supervising } from '../runs/index.ts'
import { endLapsed, LOST } from './reap.ts'

/** Between SIGTERM and SIGKILL. Nobody hears any more what the child would still say. */
const GRACE_MS = 2000
/** Children ended at once; each is looked for among all processes of the host. */
const AT_ONCE = 8
/** Ticks of /proc in a second: the unit of start times, the same on every Linux that Node runs on. */
const TICKS_PER_S = 100
/** Two clocks are compared by the time that has passed on each; this is how exactly they can be read. */
const SLACK_S = 0.5

interface Neighbour {
  id: string
  pid: number
  /** Since it was last heard of, on the database's clock. */
  silentSeconds: number
}

const neighboursOf = statement<{ hostKey: string; id: string }, Neighbour>('orphans_neighbours').read(sql`
  select s.id, s.pid, extract(epoch from now() - s.last_seen_at)::float8 as "silentSeconds" from ${servers} s
  where s.host_key = ${param('hostKey')} and s.id <> ${param('id')}`)

/**
 * Whether the process of a server is no more. A pid is given again: a process that has started after the server was last
 * heard of is another one. A server that is merely stopped lives, and so does one of which nothing can be told.
 */
function isDead({ pid, silentSeconds }: Neighbour): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, under another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  const { startTime } = processIdentity(pid)
  return startTime !== null && uptime() - startTime / TICKS_PER_S + SLACK_S < silentSeconds
}

interface Orphan {
  id: string
  companyId: string
  processIdentity: string | null
  isOpen: boolean
}

// Those that somebody has ended since the server fell silent as well: nobody has told their children. Read once or twice
// per crash, so that every run need not pay for an index.
const orphansOf = statement<{ id: string }, Orphan>('orphans_of').read(sql`
  select r.id, r.company_id as "companyId", r.process_identity as "processIdentity", r.status in ('queued', 'running') as "isOpen"
  from ${servers} s join ${runs} r on r.supervisor_id = s.id
  where s.id = ${param('id')} and (r.status = 'running' or r.finished_at >= s.last_seen_at - interval '1 minute')`)

const noted = z.object({ pid: z.int().positive(), startTime: z.number().nullable(), host: z.string().nullable() })

/** What is known of the child. A server that died before it could note that leaves only the run's id in its environment. */
function identityOf({ processIdentity: text }: Orphan): ProcessIdentity {
  const unknown: ProcessIdentity = { pid: 0, startTime: 0, host: processIdentity(process.pid).host }
  if (text === null) return unknown
  try {
    return noted.parse(JSON.parse(text))
  } catch {
    return unknown
  }
}

/** Looks after what dead servers of this host have left behind. */
export interface Orphanage {
  /** Ends the children of dead servers, and their runs once their leases are out. @throws AggregateError after all the others */
  tend(): Promise<void>
  /** Whether a server is known to be dead. */
  isLost(supervisorId: string): boolean
}

/**
 * @param server this one, which is not among the dead
 */
export function createOrphanage(store: Store, server: Supervising, log: Log): Orphanage {
  let lost: ReadonlySet<string> = new Set()

  const endChild = async (orphan: Orphan): Promise<OrphanEnd> => {
    const end = await endOrphan(identityOf(orphan), orphan.id, GRACE_MS)
    if (end === 'ended') log.info({ runId: orphan.id }, 'the child of a dead server was ended')
    if (end === 'survived') log.error({ runId: orphan.id }, 'the child of a dead server does not end')
    return end
  }

  /** @returns whether nothing of the server is left to be looked after */
  const settle = async (dead: Neighbour): Promise<boolean> => {
    const orphans = await store.read.run(orphansOf, { id: dead.id })
    const ends: OrphanEnd[] = []
    for (let at = 0; at < orphans.length; at += AT_ONCE) ends.push(...(await Promise.all(orphans.slice(at, at + AT_ONCE).map(endChild))))
    // A run that is live is not touched, whoever watched over it: it may yet end by its own word.
    let isLeft = ends.includes('survived')
    for (const run of orphans) if (run.isOpen && !(await endLapsed(store, run, LOST))) isLeft = true
    return !isLeft
  }

  return {
    isLost: (supervisorId) => lost.has(supervisorId),
    async tend() {
      const dead = (await store.read.run(neighboursOf, { hostKey: server.hostKey, id: server.id })).filter(isDead)
      lost = new Set(dead.map(({ id }) => id))
      const failures: unknown[] = []
      for (const each of dead) {
        try {
          if (await settle(each)) await leaveSupervision(store, each.id)
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'what dead servers have left behind could not be settled')
    },
  }
}
