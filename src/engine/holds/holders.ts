import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { LockedIssue } from './holdFacts.ts'

type HoldColumns = Pick<LockedIssue, 'checkoutRunId' | 'executionRunId'>

/** The runs that an issue's columns name, live or not. */
export const holderRunIds = (issue: HoldColumns): string[] =>
  [...new Set([issue.checkoutRunId, issue.executionRunId])].filter((id) => id !== null)

const selectHoldColumns = statement<{ id: string; companyId: string }, HoldColumns>('hold_holders').read(sql`
  select checkout_run_id as "checkoutRunId", execution_run_id as "executionRunId" from ${issues}
  where id = ${param('id')} and company_id = ${param('companyId')}`)

/** The runs an issue's columns name, in no particular state; a look before the locks. */
export async function loadHolderRunIds(tx: Tx, companyId: string, issueId: string): Promise<string[]> {
  const [row] = await tx.run(selectHoldColumns, { id: issueId, companyId })
  return row === undefined ? [] : holderRunIds(row)
}
