// Which server process supervises a run: it takes the run over, renews its lease and gives it back.

import { sql } from 'drizzle-orm'
import { hasLease, runs } from '../../model/runs.ts'
import { servers } from '../../model/runRecords.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { LEASE_DEFAULT_S, leaseRenewal } from './lease.ts'
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
  /** This server still supervises the run. */
  live: boolean
  /** The lease was renewed now. False while another transaction has the run locked. */
  renewed: boolean
}

const isSupervisedHere = sql`(r.supervisor_id is not distinct from ${param('id', 'uuid')} and r.status = 'running' and ${hasLease('r')})`

// One statement for all runs of a server and for the mark that the server is alive. Locked rows are skipped: a lease lasts
// for another round, and a wait for rows of many runs would have to follow the order of locks.
const renewLeases = statement<ServerIdentity & { runIds: string[] }, LeaseState>('supervision_renew').unaudited(sql`
  with mine as (
    select r.id from ${runs} r where r.id = any(${param('runIds', 'uuid[]')}) and ${isSupervisedHere} order by r.id for no key update skip locked),
  renewed as (
    update ${runs} u set ${leaseRenewal} from mine where u.id = mine.id returning u.id),
  alive as (
    insert into ${servers} (id, host_key, pid) values (${param('id', 'uuid')}, ${param('hostKey')}, ${param('pid')})
    on conflict (id) do update set last_seen_at = clock_timestamp())
  select r.id, r.status, ${isSupervisedHere} as live, exists (select 1 from renewed n where n.id = r.id) as renewed
  from ${runs} r where r.id = any(${param('runIds', 'uuid[]')})`)

/**
 * Renews the leases of runs that a server supervises and marks the server as alive.
 * @returns the states of the runs; a run that is not among them has been deleted
 */
export const renewSupervised = (store: Store, server: ServerIdentity, runIds: readonly string[]): Promise<LeaseState[]> =>
  writeUnaudited(store, renewLeases, { ...server, runIds: [...runIds] })

const deleteServer = statement<{ id: string }, { id: string }>('supervision_leave').unaudited(
  sql`delete from ${servers} where id = ${param('id')} returning id`,
)

/** Removes the mark of a server that stops in an orderly way: it leaves no processes behind. */
export const unregisterServer = async (store: Store, id: string): Promise<void> => void (await writeUnaudited(store, deleteServer, { id }))

/** The process of a run. */
interface RunProcess {
  readonly pid: number
  /** Distinguishes the process from a later one with the same id. */
  readonly identity: string
}

const updateProcess = statement<RunProcess & { runId: string; serverId: string }, { id: string }>('supervision_process').unaudited(sql`
  update ${runs} set process_pid = ${param('pid', 'int')}, process_identity = ${param('identity')}, process_started_at = clock_timestamp()
  where id = ${param('runId')} and supervisor_id = ${param('serverId', 'uuid')} and status = 'running' returning id`)

/** Records the process of a run, by which another server finds it after a crash of this one. */
export const recordProcess = async (store: Store, serverId: string, runId: string, process: RunProcess): Promise<void> =>
  void (await writeUnaudited(store, updateProcess, { runId, serverId, ...process }))

const updateHandedOver = statement<{ runId: string; serverId: string; externalRunId: string | null }, { id: string }>(
  'supervision_hand_over',
).unaudited(sql`
  update ${runs} set lease_seconds = ${sql.raw(String(LEASE_DEFAULT_S))}, supervisor_id = null,
    lease_expires_at = clock_timestamp() + make_interval(secs => ${sql.raw(String(LEASE_DEFAULT_S))}),
    external_run_id = coalesce(${param('externalRunId')}, external_run_id)
  where id = ${param('runId')} and supervisor_id = ${param('serverId', 'uuid')} and status = 'running' and ${hasLease()}
  returning id`)

/** Ends the supervision of a run whose agent continues by itself: the run gets the default lease, which the agent renews. */
export const handOverRun = async (store: Store, serverId: string, runId: string, externalRunId: string | null): Promise<void> =>
  void (await writeUnaudited(store, updateHandedOver, { runId, serverId, externalRunId }))
