import { applyCompanyPatch, insertCompany, lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { CompanyEntry } from './entries.ts'
import type { ImportPlan } from './plan.ts'

/** The fields of an entry that a company gets by a patch, also when it is new. */
const patchedFields = (entry: CompanyEntry | null) => ({
  ...(entry?.brandColor ? { brandColor: entry.brandColor } : {}),
  ...(entry?.requireBoardApprovalForNewAgents === undefined
    ? {}
    : { requireBoardApprovalForNewAgents: entry.requireBoardApprovalForNewAgents }),
})

/**
 * (tx) Creates the company of an import or changes the existing one, as planned. Afterwards the company is locked.
 * @param companyId of the existing company, which is locked already; null for a new one
 */
export async function prepareCompany(
  tx: Tx,
  ctx: Ctx,
  { company: { entry, name, action } }: ImportPlan,
  companyId: string | null,
): Promise<{ id: string; events: DomainEvent[] }> {
  if (companyId === null) {
    const budgetMonthlyCents = entry?.budgetMonthlyCents ?? 0
    const created = await insertCompany(tx, ctx, { name: name ?? 'Company', description: entry?.description, budgetMonthlyCents })
    await lockCompany(tx, created.id)
    return { id: created.id, events: [created.event, ...(await applyCompanyPatch(tx, ctx, created.id, patchedFields(entry)))] }
  }
  if (action !== 'update' || entry === null) return { id: companyId, events: [] }
  const { description, budgetMonthlyCents } = entry
  const patch = { description, budgetMonthlyCents, ...patchedFields(entry) }
  return { id: companyId, events: await applyCompanyPatch(tx, ctx, companyId, patch) }
}
