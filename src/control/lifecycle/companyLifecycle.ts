import { sql } from 'drizzle-orm'
import { lockAllAgents } from '../../org/agents/index.ts'
import { companyArchived, companyById, lockCompany } from '../../org/companies/index.ts'
import type { CompanyRow } from '../../org/companies/index.ts'
import { reasonDetails } from '../../http/reasonBody.ts'
import { awaitWriters } from '../../auth/mayWrite.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { companies } from '../../model/companies.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endCompanyRuns } from './stopRuns.ts'

const updateArchived = statement<{ companyId: string }, { id: string }>('close_archive').write(
  sql`update ${companies} set status = 'archived', updated_at = ${nextUpdatedAt} where id = ${param('companyId')} returning id`,
)

/** (tx) Archives a company. Expects the row locks of the company and of its agents, under which alone runs are opened. */
export const setArchived = async (tx: Tx, companyId: string): Promise<void> => void (await tx.run(updateArchived, { companyId }))

/**
 * Archives a company and ends its runs, in one transaction; of more queued runs than that may end, the periodic task ends the
 * rest. Its agents are locked, so no run is opened meanwhile. An archived company is returned unchanged.
 */
export async function archiveCompany(ctx: Ctx, reason: string | null): Promise<CompanyRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, companyId)
    const { status } = await lockCompany(tx, companyId)
    if (status === 'archived') return unchanged(await companyById(tx, companyId))
    await lockAllAgents(tx, companyId)
    await setArchived(tx, companyId)
    const { runIds, events } = await endCompanyRuns(tx, ctx, {
      status: 'cancelled',
      error: 'Company archived',
      errorCode: 'company_archived',
    })
    const details = { previousStatus: status, endedRunIds: runIds, ...reasonDetails(reason) }
    return changed(await companyById(tx, companyId), companyArchived(companyId, details), ...events)
  })
}
