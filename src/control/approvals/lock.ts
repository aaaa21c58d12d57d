import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { retryTransaction } from '../../engine/holds/index.ts'
import { affectsOrganization } from './payload.ts'
import { approvalById, lockApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'

/**
 * (tx) Locks an approval and, where its effect is about names or the hierarchy, first its company: the global order has
 * the company before it, so what it is about is looked up without a lock and looked at again under it.
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
