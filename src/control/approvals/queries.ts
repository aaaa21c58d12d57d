import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { approvals } from '../../model/approvals.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { approvalColumns, approvalById, redactApproval } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { ApprovalStatus } from '../../model/approvalStatus.ts'

interface ListParams {
  companyId: string
  status: ApprovalStatus | null
  limit: number
  atTime: string | null
  atId: string | null
}

const listStatement = dynamicRead<ListParams, ApprovalRow>('approval_list')

/** Approvals of a company, newest first, secrets covered. */
export async function listApprovals(
  ctx: Ctx,
  query: { status?: ApprovalStatus | undefined; limit?: number | undefined; after?: string | undefined },
): Promise<Page<ApprovalRow>> {
  const limit = query.limit ?? DEFAULT_LIMIT
  const cursor = query.after === undefined ? null : decodeCursor(query.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const statusCondition = query.status === undefined ? sql`` : sql`and status = ${param('status')}`
  const cursorCondition =
    cursor === null ? sql`` : sql`and (created_at, id) < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      `${query.status !== undefined}:${cursor !== null}`,
      () => sql`select ${approvalColumns} from ${approvals} where company_id = ${param('companyId')} ${statusCondition} ${cursorCondition}
      order by created_at desc, id desc limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), status: query.status ?? null, limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  const { items, next } = toPage(rows, limit, (row) => [row.createdAt, row.id])
  return { items: items.map(redactApproval), next }
}

/** One approval, secrets covered. @throws Refusal `not_found` */
export const getApproval = async (ctx: Ctx, id: string): Promise<ApprovalRow> =>
  redactApproval(await approvalById(ctx.store.read, companyOf(ctx), id))
