import { agentById } from '../../org/agents/index.ts'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { approvals } from '../../model/approvals.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { decides, presentApproval, presentDetail } from './present.ts'
import type { ApprovalDetail } from './present.ts'
import { recordReading } from './readings.ts'
import { reviewOf, subjectIdOf } from './review.ts'
import { approvalColumns, approvalById } from './row.ts'
import type { ApprovalRow, ApprovalView } from './row.ts'
import type { ApprovalStatus } from '../../model/approvalStatus.ts'

const newestFirst = byCreation('desc')

const approvalList = dynamicRead<KeysetParams & { companyId: string; status: ApprovalStatus | null }, ApprovalRow>('approval_list')

/** Approvals of a company, newest first, as the caller may see them. @throws Refusal `malformed_cursor` */
export async function listApprovals(ctx: Ctx, query: PageRequest & { status?: ApprovalStatus | undefined }): Promise<Page<ApprovalView>> {
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
  return await mapPage(shown, (row) => presentApproval(ctx.actor, row))
}

/**
 * One approval as the caller may see it. For the board: with what a decision would be about, and the version is recorded as the
 * one that this person has read.
 * @throws Refusal `not_found`
 */
export async function getApproval(ctx: Ctx, id: string): Promise<ApprovalDetail> {
  const { actor } = ctx
  const companyId = companyOf(ctx)
  const row = await approvalById(ctx.store.read, companyId, id)
  const subjectId = decides(actor) ? subjectIdOf(row) : null
  const review = reviewOf(row, subjectId === null ? null : await agentById(ctx.store.read, companyId, subjectId))
  if (actor.kind === 'board' && decides(actor) && (row.status === 'pending' || row.status === 'revision_requested'))
    await recordReading(ctx, { approvalId: id, userId: actor.userId, shownHash: review.payloadHash })
  return presentDetail(actor, row, review)
}
