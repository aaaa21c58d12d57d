import { sql } from 'drizzle-orm'
import { runs } from '../../model/runs.ts'
import { servers } from '../../model/runRecords.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { LEASE_DEFAULT_S } from './lease.ts'
import type { RunStatus } from '../../model/runStatus.ts'

/** A server process that supervises runs. */
export interface ServerIdentity {
  readonly id: string
  /** The same for every process that sees this host's processes under the same numbers. */
  readonly hostKey: string
  readonly pid: number
}

interface LeaseState {
  id: string
  status: RunStatus
  /** Still this server's to supervise. */
  live: boolean
  /** Its lease was renewed now; not so when somebody has the run locked at this moment. */
  renewed: boolean
}

const isSupervisedHere = sql`(r.supervisor_id is not distinct from ${param('id', 'uuid')} and r.status = 'running' and r.lease_expires_at > clock_timestamp())`

// One statement for all runs of a server and for the mark that it lives. Rows that somebody has locked are passed: a lease
// has time for another round, and whoever waits for rows of many runs would have to wait in order.
const renewLeases = statement<ServerIdentity & { runIds: string[] }, LeaseState>('supervision_renew').unaudited(sql`
  with mine as (
    select r.id from ${runs} r where r.id = any(${param('runIds', 'uuid[]')}) and ${isSupervisedHere} order by r.id for no key update skip locked),
  renewed as (
    update ${runs} u set lease_expires_at = clock_timestamp() + make_interval(secs => u.lease_seconds), last_seen_at = clock_timestamp()
    from mine where u.id = mine.id returning u.id),
  alive as (
    insert into ${servers} (id, host_key, pid) values (${param('id', 'uuid')}, ${param('hostKey')}, ${param('pid')})
    on conflict (id) do update set last_seen_at = clock_timestamp())
  select r.id, r.status, ${isSupervisedHere} as live, exists (select 1 from renewed n where n.id = r.id) as renewed
  from ${runs} r where r.id = any(${param('runIds', 'uuid[]')})`)

/**
 * Renews the leases of runs that a server supervises and marks the server as alive.
 * @returns how the runs stand; one that is not among them has been deleted
 */
export const renewSupervised = (store: Store, server: ServerIdentity, runIds: readonly string[]): Promise<LeaseState[]> =>
  writeUnaudited(store, renewLeases, { ...server, runIds: [...runIds] })

const deleteServer = statement<{ id: string }, { id: string }>('supervision_leave').unaudited(
  sql`delete from ${servers} where id = ${param('id')} returning id`,
)

/** A server that ends of its own accord leaves nothing to be looked after. */
export const unregisterServer = async (store: Store, id: string): Promise<void> => void (await writeUnaudited(store, deleteServer, { id }))

const updateProcess = statement<{ runId: string; id: string; pid: number; identity: string }, { id: string }>('supervision_process')
  .unaudited(sql`
  update ${runs} set process_pid = ${param('pid', 'int')}, process_identity = ${param('identity')}, process_started_at = clock_timestamp()
  where id = ${param('runId')} and supervisor_id = ${param('id', 'uuid')} and status = 'running' returning id`)

/** Notes the process of a run, by which it is found should this server die. */
export const recordProcess = async (store: Store, id: string, runId: string, pid: number, identity: string): Promise<void> =>
  void (await writeUnaudited(store, updateProcess, { runId, id, pid, identity }))

const handOver = statement<{ runId: string; id: string; externalRunId: string | null }, { id: string }>('supervision_hand_over')
  .unaudited(sql`
  update ${runs} set lease_seconds = ${sql.raw(String(LEASE_DEFAULT_S))}, supervisor_id = null,
    lease_expires_at = clock_timestamp() + make_interval(secs => ${sql.raw(String(LEASE_DEFAULT_S))}),
    external_run_id = coalesce(${param('externalRunId')}, external_run_id)
  where id = ${param('runId')} and supervisor_id = ${param('id', 'uuid')} and status = 'running' and lease_expires_at > clock_timestamp()
  returning id`)

/** The agent goes on by itself: the run gets the lease of one that lives elsewhere, and the agent renews it. */
export const handOverRun = async (store: Store, id: string, runId: string, externalRunId: string | null): Promise<void> =>
  void (await writeUnaudited(store, handOver, { runId, id, externalRunId }))
