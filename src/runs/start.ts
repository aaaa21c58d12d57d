import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import { only } from '../kernel/only.ts'
import { SUPERVISED_LEASE_S } from './lease.ts'

interface Start {
  readonly id: string
  readonly supervisorId: string
  readonly sessionIdBefore: string | null
}

const leaseSeconds = sql.raw(String(SUPERVISED_LEASE_S))

const startQueued = statement<Start, { id: string }>('run_start').write(sql`
  update ${runs} set status = 'running', started_at = clock_timestamp(), last_seen_at = clock_timestamp(), lease_seconds = ${leaseSeconds},
    lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds}), supervisor_id = ${param('supervisorId')},
    session_id_before = ${param('sessionIdBefore')}, updated_at = now()
  where id = ${param('id')} and status = 'queued' and lease_expires_at > clock_timestamp()
  returning id`)

/** (tx) A queued run becomes one that this server supervises, under a lease of 30 s. Expects its row lock. */
export const startRun = async (tx: Tx, start: Start): Promise<void> => void only(await tx.run(startQueued, start))
