// Finds out whether a transaction committed whose connection was lost before the answer to COMMIT came.

import { setTimeout as delay } from 'node:timers/promises'
import { withTimeout } from '../kernel/timeout.ts'
import { sql } from 'drizzle-orm'
import { runOn } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import { withStamps } from './record.ts'
import type { ActivityRow } from './types.ts'
import type { DraftRow, Stamp } from './record.ts'
import { activityLog } from './tables.ts'
import { param, statement } from './statement.ts'

/** A client that waits for an unreachable database gets its answer within about a second. */
const RESOLVE_TIMEOUT_MS = 900
const POLL_INTERVAL_MS = 50

const selectBackend = statement<{ pid: number | null }, { one: number }>('doubt_backend').read(
  sql`select 1 as one from pg_stat_activity where pid = ${param('pid', 'int')}`,
)

// The search uses the entity, which has an index. An index on the id alone would make every write more expensive.
const selectAuditRows = statement<{ ids: readonly string[]; entityIds: readonly string[] }, Stamp & { id: string }>('doubt_rows').read(sql`
  select id, seq, created_at as "createdAt" from ${activityLog}
  where entity_id = any(${param('entityIds', 'text[]')}) and id = any(${param('ids', 'uuid[]')})`)

/**
 * Finds out, by its audit rows, whether a transaction has committed whose COMMIT was not answered.
 *
 * Missing rows prove nothing while the backend lives, because it may be about to commit. So the backend is looked up
 * first and the rows after it. When the backend had ended before, the result is final.
 *
 * @param backendPid the backend that was to commit; null when it is not known, and then missing rows never prove anything
 * @returns the audit rows as committed, or what is known instead, after less than a second
 */
export async function findCommitted(
  pool: Pool,
  backendPid: number | null,
  drafts: readonly DraftRow[],
): Promise<readonly ActivityRow[] | 'not committed' | 'unknown'> {
  // A transaction without audit rows writes nothing.
  if (drafts.length === 0) return 'not committed'
  const deadline = performance.now() + RESOLVE_TIMEOUT_MS
  while (performance.now() < deadline) {
    const checking = checkCommitted(pool, backendPid, drafts).catch(() => null)
    const found = await withTimeout(checking, deadline - performance.now(), () => null)
    if (found !== null) return found
    await delay(POLL_INTERVAL_MS)
  }
  return 'unknown'
}

async function checkCommitted(
  pool: Pool,
  backendPid: number | null,
  drafts: readonly DraftRow[],
): Promise<readonly ActivityRow[] | 'not committed' | null> {
  const connection: Connection = await pool.connect()
  try {
    const [backend, rows] = await Promise.all([
      runOn(connection, selectBackend, { pid: backendPid }),
      runOn(connection, selectAuditRows, { ids: drafts.map((row) => row.id), entityIds: drafts.map((row) => row.entityId) }),
    ])
    if (rows.length > 0) {
      const stamps = new Map(rows.map(({ id, ...stamp }) => [id, stamp]))
      return withStamps(
        drafts,
        drafts.flatMap(({ id }) => stamps.get(id) ?? []),
      )
    }
    return backendPid !== null && backend.length === 0 ? 'not committed' : null
  } finally {
    connection.release()
  }
}
