import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { isLive, isUnended, runs } from '../../model/runs.ts'

/**
 * SQL: the run in row `r` is named by a lock column of an issue of its own company (LOCK_PROTOCOL §2).
 * @param issue the alias of the issue's row
 */
export const holderOf = (issue: string): SQL =>
  sql.raw(`r.id in (${issue}.checkout_run_id, ${issue}.execution_run_id) and r.company_id = ${issue}.company_id`)

/** SQL: the run in row `r` is live and holds the issue in row `issue`. The only spelling of "is held by a live run", beside its opposite below. */
export const liveHolderOf = (issue: string): SQL => sql`${holderOf(issue)} and ${isLive('r')}`

/**
 * SQL: no live run holds the issue in row `issue`, as `liveHolderOf` says it. For a statement that reads many issues of one company: Postgres
 * looks the live runs of the company up once and not for each issue.
 * @param companyId the company of all those issues; it must not name a column of the row
 */
export const isHeldByNone = (issue: string, companyId: SQL): SQL => {
  const live = sql`(select r.id from ${agents} owner join ${runs} r on r.agent_id = owner.id
    where owner.company_id = ${companyId} and r.company_id = ${companyId} and ${isUnended('r')} and ${isLive('r')})`
  const isNot = (column: string): SQL => sql`(${sql.raw(`${issue}.${column}`)} in ${live}) is not true`
  return sql`${isNot('checkout_run_id')} and ${isNot('execution_run_id')}`
}
