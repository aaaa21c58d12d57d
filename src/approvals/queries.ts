import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { approvals } from '../db/schema/approvals.ts'
import { param, shapedRead } from '../db/statement.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import { approvalColumns, approvalRow, presented } from './row.ts'
import type { ApprovalRow } from './row.ts'
import type { ApprovalStatus } from './status.ts'

interface ListParams {
  companyId: string
  status: ApprovalStatus | null
  limit: number
  atTime: string | null
  atId: string | null
}

const shaped = shapedRead<ListParams, ApprovalRow>('approval_list')

/** Approvals of a company, newest first, secrets covered. */
export async function listApprovals(
  ctx: Ctx,
  query: { status?: ApprovalStatus | undefined; limit?: number | undefined; after?: string | undefined },
): Promise<Page<ApprovalRow>> {
  const limit = query.limit ?? DEFAULT_LIMIT
  const at = query.after === undefined ? null : decodeCursor(query.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const ofStatus = query.status === undefined ? sql`` : sql`and status = ${param('status')}`
  const behind = at === null ? sql`` : sql`and (created_at, id) < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      `${query.status !== undefined}:${at !== null}`,
      () => sql`select ${approvalColumns} from ${approvals} where company_id = ${param('companyId')} ${ofStatus} ${behind}
      order by created_at desc, id desc limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), status: query.status ?? null, limit: limit + 1, atTime: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  const { items, next } = cut(rows, limit, (row) => [row.createdAt, row.id])
  return { items: items.map(presented), next }
}

/** One approval, secrets covered. @throws Refusal `not_found` */
export const getApproval = async (ctx: Ctx, id: string): Promise<ApprovalRow> =>
  presented(await approvalRow(ctx.store.read, companyOf(ctx), id))
