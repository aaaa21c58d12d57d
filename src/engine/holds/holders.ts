import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { LockedIssue } from './holdFacts.ts'

type HoldColumns = Pick<LockedIssue, 'checkoutRunId' | 'executionRunId'>

/** The runs that the columns of an issue name, live or not. */
export const holderRunIds = (issue: HoldColumns): string[] =>
  [...new Set([issue.checkoutRunId, issue.executionRunId])].filter((id) => id !== null)

const selectHoldColumns = statement<{ id: string; companyId: string }, HoldColumns>('hold_holders').read(sql`
  select checkout_run_id as "checkoutRunId", execution_run_id as "executionRunId" from ${issues}
  where id = ${param('id')} and company_id = ${param('companyId')}`)

/** Reads the runs that the columns of an issue name, live or not, before any lock. */
export async function loadHolderRunIds(tx: Tx, companyId: string, issueId: string): Promise<string[]> {
  const [row] = await tx.run(selectHoldColumns, { id: issueId, companyId })
  return row === undefined ? [] : holderRunIds(row)
}
