import type { Pool } from '../../../platform/db/driver/client.ts'
import { plantAudit } from './auditRows.ts'
import { copyRows } from './copy.ts'
import { drawIds, plantSources } from './rows.ts'
import type { PlantIds, PlantPlan } from './rows.ts'

/**
 * Plants the rows of a large company into a database whose server is stopped: issues with comments, labels, runs and what a person
 * read, and an audit log whose chain verifies.
 * @param sql of the owner, who is a superuser, without time limits
 * @param note receives what is planted at the moment
 */
export async function plantRows(sql: Pool, plan: PlantPlan, note: (text: string) => void): Promise<PlantIds> {
  const connection = await sql.connect()
  try {
    // The rows are consistent, so no foreign key needs to be looked up; nothing is lost that a repetition would not plant again.
    await connection.query(
      "set session_replication_role = 'replica'; set synchronous_commit = off; set default_transaction_read_only = off",
    )
    const ids = drawIds(plan)
    for (const source of plantSources(plan, ids)) {
      note(source.table)
      await copyRows(connection, source)
    }
    note('activity_log, activity_chain')
    await plantAudit(connection, plan, ids)
    await connection.query(
      'insert into issue_counters values ($1, $2) on conflict (company_id) do update set last_number = excluded.last_number',
      [plan.companyId, plan.issues],
    )
    return ids
  } finally {
    connection.release(true)
  }
}
