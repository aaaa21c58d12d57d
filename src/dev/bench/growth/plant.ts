import type { Pool } from '../../../platform/db/driver/client.ts'
import type { Store } from '../../../platform/db/types.ts'
import { addUpIssueCounts } from '../../../work/issues/counts.ts'
import { indexChangedTexts } from '../../../work/issues/searchIndex.ts'
import { plantAudit, readLogEnd } from './auditRows.ts'
import { copyRows, withoutIndexes } from './copy.ts'
import { drawIds, plantSources } from './rows.ts'
import type { PlantIds, PlantPlan } from './rows.ts'

/** The tables that become so large that their indexes are built at the end. */
const LARGEST = ['issues', 'issue_comments', 'heartbeat_runs', 'activity_log', 'activity_chain']

/**
 * Plants the rows of a large company into a database whose server is stopped: issues with comments, labels, runs and what a person
 * read, and an audit log whose chain verifies.
 * @param sql of the owner, who is a superuser, without time limits
 * @param note receives what is planted at the moment
 */
export async function plantRows(sql: Pool, plan: PlantPlan, note: (text: string) => void): Promise<PlantIds> {
  const connection = await sql.connect()
  try {
    // Triggers are off: row by row they would read the tables whose indexes are missing. Their tables are made again at the end.
    await connection.query("set session_replication_role = 'replica'; set synchronous_commit = off; set work_mem = '256MB'")
    const logEnd = await readLogEnd(connection, plan.companyId)
    const ids = drawIds(plan)
    await withoutIndexes(connection, LARGEST, async () => {
      for (const source of plantSources(plan, ids)) {
        note(source.table)
        await copyRows(connection, source)
      }
      note('activity_log, activity_chain')
      await plantAudit(connection, plan, ids, logEnd)
      note('indexes')
    })
    note('issue_counts, issue_touches, issue_participants')
    await connection.query('select rebuild_issue_figures()')
    await connection.query('select rebuild_issue_search()')
    await connection.query(
      'insert into issue_counters values ($1, $2) on conflict (company_id) do update set last_number = excluded.last_number',
      [plan.companyId, plan.issues],
    )
    return ids
  } finally {
    connection.release(true)
  }
}

/** Does at once what the tasks of a server would do about the planted rows for a long time. */
export async function finishTasks(store: Store, note: (text: string) => void): Promise<void> {
  note('issue_search')
  while ((await indexChangedTexts(store)).isBehind);
  note('issue_counts')
  await addUpIssueCounts(store)
}
