import { getTableColumns, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { clearingHoldIf, issueColumns, issueWithRelations, withLabelIds } from '../../engine/holds/index.ts'
import type { IssueRow, IssueWithRelations } from '../../engine/holds/index.ts'
import { issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { plainFields } from './patchPlan.ts'
import type { ColumnsToSet } from './patchPlan.ts'

// One statement for every patch, with a plan that is kept: a statement for each set of columns would be planned at each use. A column that
// the patch leaves out is written as it is, which costs nothing: a long text is not read for it.

/** The new value of a column from the JSON of the patch. */
function fromJson(key: keyof ColumnsToSet): SQL {
  const type = getTableColumns(issues)[key].getSQLType()
  const name = sql.raw(`'${key}'`)
  return type === 'jsonb' ? sql`nullif(patch.columns -> ${name}, 'null')` : sql`(patch.columns ->> ${name})::${sql.raw(type)}`
}

const presentWhereTrue = (key: 'completedAt' | 'cancelledAt'): SQL =>
  sql`case when (patch.columns -> ${sql.raw(`'${key}'`)})::boolean then now() end`

const newValues: Readonly<Record<keyof ColumnsToSet, SQL>> = {
  ...(Object.fromEntries(plainFields.map((key) => [key, fromJson(key)])) as Record<(typeof plainFields)[number], SQL>),
  status: fromJson('status'),
  startedAt: sql`coalesce(${issues.startedAt}, now())`,
  completedAt: presentWhereTrue('completedAt'),
  cancelledAt: presentWhereTrue('cancelledAt'),
  closedByRunId: fromJson('closedByRunId'),
  assigneeAgentId: fromJson('assigneeAgentId'),
  assigneeUserId: fromJson('assigneeUserId'),
}

const assignments = sql.join(
  Object.entries(newValues).map(([key, value]) => {
    const column = getTableColumns(issues)[key as keyof ColumnsToSet]
    return sql`${sql.identifier(column.name)} = case when patch.columns ? ${sql.raw(`'${key}'`)} then ${value} else ${column} end`
  }),
  sql`, `,
)

interface Update {
  readonly id: string
  /** As JSON. */
  readonly columns: string
  readonly endsHold: boolean
}

const updateReturning = (returned: SQL): SQL => sql`
  update ${issues} set ${assignments}, ${clearingHoldIf(sql`patch.ends_hold`)}, updated_at = now()
  from (select ${param('columns', 'jsonb')} as columns, ${param('endsHold', 'boolean')} as ends_hold) patch
  where ${issues.id} = ${param('id', 'uuid')}
  returning ${returned}`

const update = statement<Update, Omit<IssueWithRelations, 'labelIds'>>('issue_patch').write(updateReturning(issueWithRelations))
// Three aggregates that find nothing are a third of the statement.
const updateUnrelated = statement<Update, IssueRow>('issue_patch_unrelated').write(updateReturning(issueColumns))

/** A change of the columns of an issue. */
export interface ColumnsToWrite {
  readonly columns: ColumnsToSet
  /** Clears the hold too: the row is then written once, and with it each of its indexes. */
  readonly endsHold: boolean
  /** Whether the issue may have labels, blockers, or issues that it blocks. Where it is false, the answer has none of them. */
  readonly isRelated: boolean
}

/**
 * (tx) Writes columns of an issue, and marks it as active. Expects its row lock.
 * @returns the issue as it then is
 */
export async function writeColumns(tx: Tx, id: string, { columns, endsHold, isRelated }: ColumnsToWrite): Promise<IssueWithRelations> {
  const params = { id, columns: JSON.stringify(columns), endsHold }
  if (isRelated) return withLabelIds(exactlyOne(await tx.run(update, params)))
  return Object.assign(exactlyOne(await tx.run(updateUnrelated, params)), { labels: [], blockedBy: [], blocks: [], labelIds: [] })
}
