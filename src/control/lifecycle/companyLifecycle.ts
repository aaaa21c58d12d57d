import { eq, sql } from 'drizzle-orm'
import { lockAgents } from '../../org/agents/index.ts'
import { companyArchived, companyById, companyDeleted, lockCompany } from '../../org/companies/index.ts'
import type { CompanyRow } from '../../org/companies/index.ts'
import { reasonDetails } from '../../http/reasonBody.ts'
import { awaitWriters } from '../../auth/mayWrite.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { approvals } from '../../model/approvals.ts'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'

const idsOf = {
  agents: statement<{ companyId: string }, { id: string }>('close_agents').read(
    sql`select id from ${agents} where company_id = ${param('companyId')}`,
  ),
  issues: statement<{ companyId: string }, { id: string }>('close_issues').read(
    sql`select id from ${issues} where company_id = ${param('companyId')}`,
  ),
  runs: statement<{ companyId: string }, { id: string }>('close_runs').read(
    sql`select id from ${runs} where company_id = ${param('companyId')}`,
  ),
  unendedRuns: statement<{ companyId: string }, { id: string }>('close_unended').read(sql`
    select r.id from ${runs} r where r.company_id = ${param('companyId')} and ${isUnended('r')}`),
}

const lockApprovals = lockingRead(
  'approval',
  statement<{ companyId: string }, { id: string }>('close_approvals').read(
    sql`select id from ${approvals} where company_id = ${param('companyId')} order by id for no key update`,
  ),
)

const setArchived = statement<{ companyId: string }, { id: string }>('close_archive').write(
  sql`update ${companies} set status = 'archived', updated_at = now() where id = ${param('companyId')} returning id`,
)

const ids = (rows: readonly { id: string }[]): string[] => rows.map((row) => row.id)

/**
 * Archives a company and ends its runs, in one transaction. Its agents are locked, so no run is opened meanwhile. An
 * archived company is returned unchanged.
 */
export async function archiveCompany(ctx: Ctx, reason: string | null): Promise<CompanyRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, companyId)
    const { status } = await lockCompany(tx, companyId)
    if (status === 'archived') return unchanged(await companyById(tx, companyId))
    await lockAgents(tx, companyId, ids(await tx.run(idsOf.agents, { companyId })))
    await tx.run(setArchived, { companyId })
    const runIds = ids(await tx.run(idsOf.unendedRuns, { companyId }))
    const ended = await endRuns(tx, await lockForEnd(tx, ctx, runIds), runIds, {
      status: 'cancelled',
      error: 'Company archived',
      errorCode: 'company_archived',
    })
    const details = { previousStatus: status, endedRunIds: ended.runs.map((run) => run.id), ...reasonDetails(reason) }
    return changed(await companyById(tx, companyId), companyArchived(companyId, details), ...ended.events)
  })
}

/**
 * Deletes a company and everything in it except its audit rows. Every row that the foreign keys will change is locked
 * first, in the order of locks (I13).
 */
export async function deleteCompany(ctx: Ctx): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const { name, issuePrefix } = await companyById(tx, companyId)
    await lockApprovals(tx, { companyId })
    const agentIds = ids(await tx.run(idsOf.agents, { companyId }))
    await lockAgents(tx, companyId, agentIds)
    const [issueRows, runRows] = await Promise.all([tx.run(idsOf.issues, { companyId }), tx.run(idsOf.runs, { companyId })])
    const runIds = ids(runRows)
    const locked = await lockForEnd(tx, ctx, runIds, { issueIds: ids(issueRows) })
    // No wake is promoted in an archived company, so the end of the runs queues no run that would be deleted at once.
    await tx.run(setArchived, { companyId })
    const ended = await endRuns(tx, locked, runIds, { status: 'cancelled', error: 'Company deleted', errorCode: 'company_deleted' })
    await tx.delete(companies).where(eq(companies.id, companyId))
    const details = companyDeleted(companyId, {
      name,
      issuePrefix,
      agents: agentIds.length,
      issues: issueRows.length,
      runs: runRows.length,
    })
    return changed({ ok: true as const }, details, ...ended.events)
  })
}
