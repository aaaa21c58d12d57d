import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { issues } from '../db/schema/issues.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import { isLive } from '../runs/index.ts'

const liveRun = statement<{ id: string; companyId: string }, { id: string }>('issue_live_run').read(sql`
  select r.id from ${issues} i join ${runs} r on r.id in (i.execution_run_id, i.checkout_run_id) and r.company_id = i.company_id
  where i.id = ${param('id')} and i.company_id = ${param('companyId')} and ${isLive}
  order by (r.id = i.execution_run_id) desc limit 1`)

/** The live run that holds an issue, or null; a look before the locks. */
export async function liveRunOf(tx: Tx, companyId: string, issueId: string): Promise<string | null> {
  const [row] = await tx.run(liveRun, { id: issueId, companyId })
  return row?.id ?? null
}
