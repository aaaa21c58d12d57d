import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { retryTransaction } from '../../engine/holds/index.ts'
import { affectsOrganization } from './payload.ts'
import { approvalById, lockApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'

/**
 * (tx) Locks an approval and, when its effect concerns names or the hierarchy, its company before it, as the order of
 * locks requires. Whether the company is needed is read without a lock, and checked again under the approval's lock; an
 * approval that was changed in between starts the transaction again.
 * @throws Refusal `not_found`
 */
export async function lockForEffect(tx: Tx, ctx: Ctx, approvalId: string): Promise<ApprovalRow> {
  const companyId = companyOf(ctx)
  const locksCompany = affectsOrganization(await approvalById(tx, companyId, approvalId))
  if (locksCompany) await lockCompany(tx, companyId)
  const approval = await lockApproval(tx, companyId, approvalId)
  if (!locksCompany && affectsOrganization(approval)) throw retryTransaction()
  return approval
}
