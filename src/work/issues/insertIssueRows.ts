import { sql } from 'drizzle-orm'
import { issueColumns } from '../../engine/holds/index.ts'
import type { IssueRow, IssueWithRelations } from '../../engine/holds/index.ts'
import { onEnter } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { issues } from '../../model/issues.ts'
import { companyOf } from '../../platform/db/context.ts'
import { insertRows, rowColumn } from '../../platform/db/insertRows.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { actingRunIdOf, authorOf } from '../../platform/kernel/actor.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { resolveGoalId } from './queries.ts'
import type { CreateIssue } from './views.ts'

/** The identity of a new issue, decided before its row is written. */
export interface NewIssue {
  readonly id: string
  readonly identifier: string
  readonly issueNumber: number
  readonly status: IssueStatus
}

type Stamp = 'startedAt' | 'completedAt' | 'cancelledAt'

/** The time of the statement where the status of the row sets this stamp. */
const stampOf = (stamp: Stamp) => {
  const statuses = Object.entries(onEnter).flatMap(([status, entry]) => ('stamp' in entry && entry.stamp === stamp ? [`'${status}'`] : []))
  return sql`case when r.status in (${sql.raw(statuses.join(', '))}) then now() end`
}

const keys = [
  'id',
  'companyId',
  'issueNumber',
  'identifier',
  'title',
  'description',
  'status',
  'priority',
  'projectId',
  'projectWorkspaceId',
  'goalId',
  'parentId',
  'assigneeAgentId',
  'assigneeUserId',
  'requestDepth',
  'billingCode',
  'assigneeAdapterOverrides',
  'createdByAgentId',
  'createdByUserId',
  'originKind',
  'originId',
  'originRunId',
] as const

const computed = {
  goalId: resolveGoalId(rowColumn('goalId'), rowColumn('projectId'), rowColumn('companyId')),
  startedAt: stampOf('startedAt'),
  completedAt: stampOf('completedAt'),
  cancelledAt: stampOf('cancelledAt'),
}

const insert = insertRows('issue_insert', issues, keys, { computed })
const insertOne = insertRows<typeof issues, (typeof keys)[number], IssueRow>('issue_insert_one', issues, keys, {
  computed,
  returning: issueColumns,
})

/** The maker of an issue, where no request made it. */
export interface IssueOrigin {
  readonly kind: string
  readonly id: string
  readonly runId: string
}

/** An issue as it is to be created. Only this server gives an origin. */
export type IssueInput = CreateIssue & { readonly origin?: IssueOrigin }

interface IssueToInsert {
  readonly issue: NewIssue
  readonly input: IssueInput
}

/** (tx) Writes the rows of new issues in one statement. Parents may be among them. */
export const insertIssueRows = async (tx: Tx, ctx: Ctx, rows: readonly IssueToInsert[]): Promise<void> =>
  void (await insert(tx, rowsOf(ctx, rows)))

/** (tx) Writes the row of a new issue. @returns the issue as it is while it has neither labels nor relations */
export async function insertIssueRow(tx: Tx, ctx: Ctx, row: IssueToInsert): Promise<IssueWithRelations> {
  const inserted = exactlyOne(await insertOne(tx, rowsOf(ctx, [row])))
  return Object.assign(inserted, { labels: [], blockedBy: [], blocks: [], labelIds: [] })
}

// Column by column: V8 makes a copy of all but some properties slowly, each through the most general way.
function rowsOf(ctx: Ctx, rows: readonly IssueToInsert[]) {
  const companyId = companyOf(ctx)
  const author = authorOf(ctx.actor)
  const runId = actingRunIdOf(ctx.actor)
  return rows.map(({ issue, input }) => {
    return {
      id: issue.id,
      companyId,
      issueNumber: issue.issueNumber,
      identifier: issue.identifier,
      title: input.title,
      description: input.description,
      status: issue.status,
      priority: input.priority ?? 'medium',
      projectId: input.projectId,
      projectWorkspaceId: input.projectWorkspaceId,
      goalId: input.goalId,
      parentId: input.parentId,
      assigneeAgentId: input.assigneeAgentId,
      assigneeUserId: input.assigneeUserId,
      requestDepth: input.requestDepth ?? 0,
      billingCode: input.billingCode,
      assigneeAdapterOverrides: input.assigneeAdapterOverrides,
      createdByAgentId: author.agentId,
      createdByUserId: author.userId,
      originKind: input.origin?.kind ?? 'manual',
      originId: input.origin?.id ?? null,
      originRunId: input.origin?.runId ?? runId,
    } satisfies Record<(typeof keys)[number], unknown>
  })
}
