import { sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { approvals } from '../../model/approvals.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { approvalColumns, approvalById, redactApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { ApprovalStatus } from '../../model/approvalStatus.ts'

const newestFirst = byCreation('desc')

const approvalList = dynamicRead<KeysetParams & { companyId: string; status: ApprovalStatus | null }, ApprovalRow>('approval_list')

/** Approvals of a company, newest first, with redacted secrets. @throws Refusal `malformed_cursor` */
export async function listApprovals(ctx: Ctx, query: PageRequest & { status?: ApprovalStatus | undefined }): Promise<Page<ApprovalRow>> {
  const page = newestFirst.page(query)
  const statusCondition = query.status === undefined ? sql`` : sql`and status = ${param('status')}`
  const shown = await page.read(
    ctx.store.read,
    approvalList(
      `${query.status !== undefined}:${page.hasCursor}`,
      () => sql`select ${approvalColumns} from ${approvals} where company_id = ${param('companyId')} ${statusCondition} ${page.andAfterCursor}
      order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), status: query.status ?? null, ...page.params },
  )
  return mapPage(shown, redactApproval)
}

/** One approval, with redacted secrets. @throws Refusal `not_found` */
export const getApproval = async (ctx: Ctx, id: string): Promise<ApprovalRow> =>
  redactApproval(await approvalById(ctx.store.read, companyOf(ctx), id))
