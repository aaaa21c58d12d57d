import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { startOver } from '../holds/index.ts'
import { needsCompany } from './payload.ts'
import { approvalRow, lockApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'

/**
 * (tx) Locks an approval and, where its effect is about names or the hierarchy, first its company: the global order has
 * the company before it, so what it is about is looked up without a lock and looked at again under it.
 * @throws Refusal `not_found`
 */
export async function lockForEffect(tx: Tx, ctx: Ctx, approvalId: string): Promise<ApprovalRow> {
  const companyId = companyOf(ctx)
  const withCompany = needsCompany(await approvalRow(tx, companyId, approvalId))
  if (withCompany) await lockCompany(tx, companyId)
  const approval = await lockApproval(tx, companyId, approvalId)
  if (!withCompany && needsCompany(approval)) throw startOver()
  return approval
}
