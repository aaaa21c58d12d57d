import type { Ctx } from '../../platform/db/types.ts'
import { drawIssueNumber } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { IssueWithRelations } from '../../engine/holds/index.ts'
import { insertIssue } from './create.ts'
import { childCreated } from './events.ts'
import { issueById } from './queries.ts'
import type { CreateChild } from './views.ts'

/**
 * Creates a child of an issue. It has the parent's project and goal, unless the input names others.
 * @throws Refusal `not_found` for the parent, and as `insertIssue`
 */
export async function createChild(ctx: Ctx, parentId: string, input: CreateChild): Promise<IssueWithRelations> {
  const companyId = companyOf(ctx)
  const number = await drawIssueNumber(ctx.store, companyId)
  return await mutate(ctx, async (tx) => {
    const parent = await issueById(tx, companyId, parentId)
    const fields = {
      ...input,
      parentId,
      projectId: input.projectId === undefined ? parent.projectId : input.projectId,
      goalId: input.goalId === undefined ? parent.goalId : input.goalId,
      requestDepth: input.requestDepth ?? parent.requestDepth + 1,
    }
    const { id, events } = await insertIssue(tx, ctx, fields, number)
    const child = await issueById(tx, companyId, id)
    const { identifier, title } = child
    return changed(child, ...events, childCreated(parentId, { parentId, childIssueId: id, identifier, title }))
  })
}
