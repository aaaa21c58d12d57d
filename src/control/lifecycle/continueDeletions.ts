import { sql } from 'drizzle-orm'
import { deletions } from '../../model/deletions.ts'
import { statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import { continueAgentDeletion } from './deleteAgent.ts'
import { continueCompanyDeletion } from './deleteCompany.ts'

interface Abandoned {
  id: string
  companyId: string
  kind: 'company' | 'agent'
}

// A server that is at work on one deletes some rows every second or so.
const abandonedRows = sql`
  select id, company_id as "companyId", kind from ${deletions} where touched_at < now() - interval '30 seconds' order by kind desc, created_at`
const abandoned = statement<object, Abandoned>('deletions_abandoned').read(abandonedRows)

/** SQL: whether a deletion may have been left. */
export const deletionsDue = sql`exists (${abandonedRows})`

/**
 * Completes the deletions that a server has begun and left, because it stopped or lost the database. Any number of servers may
 * do so at once: each transaction deletes what it finds under the lock of the company.
 */
export async function continueDeletions(store: Store): Promise<void> {
  for (const { id, companyId, kind } of await store.read.run(abandoned, {})) {
    const ctx = systemCtx(store, companyId, 'deletions')
    try {
      await (kind === 'company' ? continueCompanyDeletion(ctx) : continueAgentDeletion(ctx, id))
    } catch (error) {
      // Another server has completed it.
      if (!(error instanceof Refusal && error.code === 'not_found')) throw error
    }
  }
}
