import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { issues } from '../db/schema/issues.ts'
import { param, statement } from '../db/statement.ts'
import type { LockedIssue } from './facts.ts'

type Columns = Pick<LockedIssue, 'checkoutRunId' | 'executionRunId'>

/** The runs that an issue's columns name, live or not. */
export const namedRuns = (issue: Columns): string[] => [...new Set([issue.checkoutRunId, issue.executionRunId])].filter((id) => id !== null)

const columnsOfIssue = statement<{ id: string; companyId: string }, Columns>('hold_holders').read(sql`
  select checkout_run_id as "checkoutRunId", execution_run_id as "executionRunId" from ${issues}
  where id = ${param('id')} and company_id = ${param('companyId')}`)

/** The runs an issue's columns name, in no particular state; a look before the locks. */
export async function holdersOf(tx: Tx, companyId: string, issueId: string): Promise<string[]> {
  const [row] = await tx.run(columnsOfIssue, { id: issueId, companyId })
  return row === undefined ? [] : namedRuns(row)
}
