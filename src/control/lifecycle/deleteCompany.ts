import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import { awaitWriters } from '../../auth/mayWrite.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { deletions } from '../../model/deletions.ts'
import { issueCounts } from '../../model/issueFigures.ts'
import { issues } from '../../model/issues.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { lockAllAgents, terminateAgentsOf } from '../../org/agents/index.ts'
import { companyById, companyDeleted, companyDeletionBegun, lockCompany } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { activityLog } from '../../platform/db/tables.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { setArchived } from './companyLifecycle.ts'
import { eraseRows, windowsOfCompany } from './eraseRows.ts'
import { endCompanyRuns } from './stopRuns.ts'

const COMPANY_DELETED = { status: 'cancelled', error: 'Company deleted', errorCode: 'company_deleted' } as const

interface Counts {
  agents: number
  issues: number
  runs: number
}

const countRows = statement<{ companyId: string }, Counts>('delete_company_counts').read(sql`
  select (select count(*)::int from ${agents} where company_id = ${param('companyId')}) as agents,
    (select count(*)::int from ${issues} where company_id = ${param('companyId')}) as issues,
    (select count(*)::int from ${runs} where company_id = ${param('companyId')}) as runs`)

const hasUnendedRuns = statement<{ companyId: string }, { id: string }>('delete_company_unended').read(sql`
  select r.id from ${runs} r where r.company_id = ${param('companyId')} and ${isUnended('r')} limit 1`)

/** (tx) Whether the deletion of a company has begun. Expects the company's row lock. */
const isBegun = statement<{ companyId: string }, { id: string }>('delete_company_begun').read(
  sql`select id from ${deletions} where id = ${param('companyId')}`,
)

/**
 * Takes a company away: no caller finds it any more, its agents have no credentials, its runs end. All of it in one transaction,
 * whose work does not grow with what the company has.
 * @throws Refusal `not_found`, also when its deletion has begun
 */
async function beginDeletion(ctx: Ctx): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, companyId)
    await lockCompany(tx, companyId)
    if ((await tx.run(isBegun, { companyId })).length > 0) refuse('not_found', { message: 'Company not found' })
    const { name, issuePrefix } = await companyById(tx, companyId)
    const counts = exactlyOne(await tx.run(countRows, { companyId }))
    await lockAllAgents(tx, companyId)
    await terminateAgentsOf(tx, companyId)
    // No wake is promoted in an archived company, so the end of the runs queues no run that would be deleted at once.
    await setArchived(tx, companyId)
    const { events } = await endCompanyRuns(tx, ctx, COMPANY_DELETED)
    await tx.insert(deletions).values({ id: companyId, companyId, kind: 'company' })
    return changed({ ok: true as const }, companyDeletionBegun(companyId, { name, issuePrefix, ...counts }), ...events)
  })
}

const detailsOfBegin = statement<{ companyId: string }, { details: Parameters<typeof companyDeleted>[1] }>('delete_company_details')
  .read(sql`
  select details from ${activityLog} where company_id = ${param('companyId')} and entity_type = 'company' and action = 'company.deletion_begun'
  order by seq desc limit 1`)

async function endRemainingRuns(ctx: Ctx): Promise<void> {
  for (;;) {
    const companyId = companyOf(ctx)
    const isDone = await mutate(ctx, async (tx) => {
      await lockCompany(tx, companyId)
      const { runIds, events } = await endCompanyRuns(tx, ctx, COMPANY_DELETED)
      return changedIfAny(runIds.length === 0, events)
    })
    if (isDone) return
  }
}

async function deleteRow(tx: Tx, companyId: string): Promise<Parameters<typeof companyDeleted>[1]> {
  const { details } = exactlyOne(await tx.run(detailsOfBegin, { companyId }))
  await tx.delete(companies).where(eq(companies.id, companyId))
  // Last: the figures count also what goes with the company.
  await tx.delete(issueCounts).where(eq(issueCounts.companyId, companyId))
  return details
}

/**
 * Deletes the rows of a company whose deletion has begun, in many short transactions, and the company in the last one. It may be
 * interrupted at any point and begun again, by any server.
 */
export async function continueCompanyDeletion(ctx: Ctx): Promise<void> {
  const companyId = companyOf(ctx)
  try {
    if ((await ctx.store.read.run(hasUnendedRuns, { companyId })).length > 0) await endRemainingRuns(ctx)
    if (!(await eraseRows(ctx, companyId, windowsOfCompany))) return
    await mutate(ctx, async (tx) => {
      await lockCompany(tx, companyId)
      if ((await tx.run(isBegun, { companyId })).length === 0) return unchanged(null)
      return changed(null, companyDeleted(companyId, await deleteRow(tx, companyId)))
    })
  } catch (error) {
    // Another server has completed it.
    if (!(error instanceof Refusal && error.code === 'not_found')) throw error
  }
}

/** A client, or a proxy before it, waits so long for the answer; a company of usual size is gone before. */
const ANSWER_AFTER_MS = 5000

/**
 * Deletes a company and everything in it except its audit rows. From the first transaction on it is missing for everybody, so the
 * answer does not depend on the others: a large company may still be at work after it, and if this server stops, or the
 * database fails, the periodic task of any server completes the deletion and reports what hinders it.
 * @throws Refusal `not_found`
 */
export async function deleteCompany(ctx: Ctx): Promise<{ ok: true }> {
  const answer = await beginDeletion(ctx)
  const rest = continueCompanyDeletion({ ...ctx, idempotency: null }).catch(() => {})
  await Promise.race([rest, sleep(ANSWER_AFTER_MS, undefined, { ref: false })])
  return answer
}
