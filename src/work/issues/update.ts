import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { mutate, changedIfAny } from '../../platform/db/mutate.ts'
import type { Expected, IssueWithRelations } from '../../engine/holds/index.ts'
import { patchIssue } from './patch.ts'
import { issueById } from './queries.ts'
import type { CommentRow } from './queries.ts'
import type { PatchIssue } from './views.ts'

/** Changes an issue. @throws Refusal as `patchIssue` */
export async function updateIssue(
  ctx: Ctx,
  issueId: string,
  input: PatchIssue,
  expected: Expected,
): Promise<IssueWithRelations & { comment: CommentRow | null }> {
  return await mutate(ctx, async (tx) => {
    const { comment, issue, events } = await patchIssue(tx, ctx, issueId, { input, expected })
    const after = issue ?? issueById(tx, companyOf(ctx), issueId)
    return changedIfAny(
      after.then(async (row) => Object.assign(row, { comment: await comment })),
      events,
    )
  })
}
