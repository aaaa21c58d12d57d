import { identifierOf, issueNumbersInside, lockUnarchivedCompany } from '../../org/companies/index.ts'
import { onEnter } from '../../model/issueStatus.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { issueCreated } from './events.ts'
import type { InsertedIssue } from './create.ts'
import { insertIssueRows } from './insertIssueRows.ts'
import { requireMayAssign } from './references.ts'
import { insertBlockers, insertLabelsOf } from './relations.ts'
import type { CreateIssue } from './views.ts'

/** An issue of a batch. Its id is chosen before, so that others of the batch may name it as their parent or their blocker. */
export interface BatchIssue {
  readonly id: string
  readonly input: CreateIssue
}

/**
 * (tx) Inserts issues under the next numbers of their company, each kind of row in one statement, however many there are. No
 * run holds them, and they wake no agent. Takes the company's lock.
 *
 * @param batch expects references that this transaction has read under the company's lock or has inserted; blockers are of the batch
 * @returns the issues in the order of the batch; the last of them has the events of all relations
 * @throws Refusal `assign_not_permitted`; `unprocessable` when issues would wait for each other in a circle
 */
export async function insertIssues(tx: Tx, ctx: Ctx, batch: readonly BatchIssue[]): Promise<InsertedIssue[]> {
  if (batch.length === 0) return []
  const companyId = companyOf(ctx)
  await lockUnarchivedCompany(tx, companyId)
  if (batch.some(({ input }) => Boolean(input.assigneeAgentId) || Boolean(input.assigneeUserId))) await requireMayAssign(tx, ctx)
  const numbers = await issueNumbersInside(tx, companyId, batch.length)
  const rows = batch.map(({ id, input }, index) => {
    invariant(onEnter[input.status].hold === 'clear', 'no run holds an issue of a batch')
    const number = exactlyOne(numbers.slice(index, index + 1))
    return { input, issue: { id, identifier: identifierOf(number), issueNumber: number.issueNumber, status: input.status } }
  })
  await insertIssueRows(tx, ctx, rows)
  await insertLabelsOf(
    tx,
    batch.map(({ id, input }) => ({ id, labelIds: input.labelIds ?? [] })),
  )
  const relationEvents = await insertBlockers(
    tx,
    rows.map(({ issue, input }) => ({ id: issue.id, identifier: issue.identifier, blockerIds: input.blockedByIssueIds ?? [] })),
  )
  return rows.map(({ issue: { id, identifier, status }, input }, index) => {
    const { title, assigneeAgentId = null, assigneeUserId = null } = input
    const created = issueCreated(id, { title, identifier, status, assigneeAgentId, assigneeUserId })
    return { id, identifier, events: [created, ...(index === rows.length - 1 ? relationEvents : [])] }
  })
}
