import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { hasLease, runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { SUPERVISED_LEASE_S } from './lease.ts'

interface RunStart {
  readonly id: string
  readonly supervisorId: string
  readonly sessionIdBefore: string | null
}

const leaseSeconds = sql.raw(String(SUPERVISED_LEASE_S))

const startQueued = statement<RunStart, { id: string }>('run_start').write(sql`
  update ${runs} set status = 'running', started_at = clock_timestamp(), last_seen_at = clock_timestamp(), lease_seconds = ${leaseSeconds},
    lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds}), supervisor_id = ${param('supervisorId')},
    session_id_before = ${param('sessionIdBefore')}, updated_at = now()
  where id = ${param('id')} and status = 'queued' and ${hasLease()}
  returning id`)

/** (tx) Makes a queued run one that this server supervises, under a lease of 30 s. Expects its row lock. */
export const startRun = async (tx: Tx, start: RunStart): Promise<void> => void exactlyOne(await tx.run(startQueued, start))
