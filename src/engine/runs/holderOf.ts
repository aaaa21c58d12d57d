import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { isLive } from '../../model/runs.ts'

/**
 * SQL: the run in row `r` is named by a lock column of an issue of its own company (LOCK_PROTOCOL §2).
 * @param issue the alias of the issue's row
 */
export const holderOf = (issue: string): SQL =>
  sql.raw(`r.id in (${issue}.checkout_run_id, ${issue}.execution_run_id) and r.company_id = ${issue}.company_id`)

/** SQL: the run in row `r` is live and holds the issue in row `issue`. The only spelling of "is held by a live run". */
export const liveHolderOf = (issue: string): SQL => sql`${holderOf(issue)} and ${isLive('r')}`
