import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { mutate, settled } from '../db/mutate.ts'
import type { Expected, IssueWithRelations } from '../holds/index.ts'
import { patchIssue } from './patch.ts'
import { issueById } from './queries.ts'
import type { CommentRow } from './queries.ts'
import type { PatchIssue } from './views.ts'

/** Changes an issue. @throws Refusal as `patchIssue` */
export async function updateIssue(
  ctx: Ctx,
  issueId: string,
  wanted: PatchIssue,
  expected: Expected,
): Promise<IssueWithRelations & { comment: CommentRow | null }> {
  return await mutate(ctx, async (tx) => {
    const { comment, events } = await patchIssue(tx, ctx, issueId, wanted, expected)
    return settled({ ...(await issueById(tx, companyOf(ctx), issueId)), comment }, events)
  })
}
