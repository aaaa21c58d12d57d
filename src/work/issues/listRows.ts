import { sql } from 'drizzle-orm'
import { issueColumns, issueJsonColumns, labelsJson } from '../../engine/holds/index.ts'
import type { IssueRow, Label } from '../../engine/holds/index.ts'
import { issuePriorities } from '../../model/issueStatus.ts'
import type { IssuePriority } from '../../model/issueStatus.ts'
import { runStatus } from '../../model/runStatus.ts'
import { jsonForms, jsonMembers, knownTexts } from '../../platform/db/rawRows.ts'
import type { JsonColumn, RawRow } from '../../platform/db/rawRows.ts'
import { JsonText } from '../../platform/kernel/jsonText.ts'
import { encodeCursor } from '../../platform/kernel/page.ts'
import { fromPostgres } from '../../platform/kernel/time.ts'
import type { RunBrief } from './queries.ts'

// The rows of the list of issues stay as Postgres sends them, and become text once.

export interface IssueListRow extends IssueRow {
  readonly labels: readonly Label[]
  readonly labelIds: readonly string[]
  readonly activeRun: RunBrief | null
  readonly lastActivityAt: string
  readonly myLastTouchAt?: string | null
  readonly lastExternalCommentAt?: string | null
  readonly isUnreadForMe?: boolean
}

// Postgres sets up the aggregate of every row, and few issues have labels. (An `exists` could be planned as a read of the whole table.)
const listedLabels = sql`case when (select true from issue_labels il where il.issue_id = "issues"."id" limit 1) then ${labelsJson} else '[]'::json end`

/** Joins the unended run in the issue's `execution_run_id`. With the `offset` it stays one look-up for each row. */
export const withRun = sql`left join lateral (select r.id, r.status, r.agent_id, r.invocation_source, r.trigger_detail, r.started_at, r.finished_at, r.created_at
  from heartbeat_runs r where r.id = "issues"."execution_run_id" and r.status in ('queued', 'running') offset 0) run on true`

const runColumns: readonly JsonColumn[] = [
  { key: 'id', form: jsonForms.id },
  { key: 'status', form: knownTexts(runStatus.statuses) },
  { key: 'agentId', form: jsonForms.id },
  { key: 'invocationSource', form: jsonForms.text },
  { key: 'triggerDetail', form: jsonForms.text },
  { key: 'startedAt', form: jsonForms.instant },
  { key: 'finishedAt', form: jsonForms.instant },
  { key: 'createdAt', form: jsonForms.instant },
]

/** The columns of an issue in every list, in this order. JSON of a run that Postgres builds costs as much as all columns of the issue. */
export const listedColumns = sql`${issueColumns}, ${listedLabels} as labels, run.id as "runId", run.status as "runStatus", run.agent_id as "runAgentId",
  run.invocation_source as "runSource", run.trigger_detail as "runDetail", run.started_at as "runStartedAt", run.finished_at as "runFinishedAt",
  run.created_at as "runCreatedAt"`

const LABELS = issueJsonColumns.length
const RUN = LABELS + 1
const PERSONAL = RUN + runColumns.length

/** The further columns of a list for a person. */
const personalColumns: readonly JsonColumn[] = [
  { key: 'myLastTouchAt', form: jsonForms.instant },
  { key: 'lastExternalCommentAt', form: jsonForms.instant },
  { key: 'isUnreadForMe', form: jsonForms.flag },
]

const membersOfIssue = jsonMembers(issueJsonColumns, 0)
const membersOfRun = jsonMembers(runColumns, RUN)
const personalMembers = jsonMembers(personalColumns, PERSONAL)

const indexOf = (key: keyof IssueRow): number => issueJsonColumns.findIndex((column) => column.key === key)
const [ID, PRIORITY, UPDATED_AT] = [indexOf('id'), indexOf('priority'), indexOf('updatedAt')]

/** The labels of a row, and their ids: a second read of them would cost the database more than this walk. */
function membersOfLabels(row: RawRow): { labels: string; ids: string } {
  const text = row[LABELS] ?? '[]'
  if (text === '[]') return { labels: text, ids: text }
  const labels = JSON.parse(text) as Label[]
  return { labels: JSON.stringify(labels), ids: JSON.stringify(labels.map((label) => label.id)) }
}

const updatedAtOf = (row: RawRow): string => fromPostgres(row[UPDATED_AT] as string)

function textOf(row: RawRow, personal: string): string {
  const { labels, ids } = membersOfLabels(row)
  const run = row[RUN] === null ? 'null' : `{${membersOfRun(row)}}`
  return `{${membersOfIssue(row)},"labels":${labels},"activeRun":${run},"lastActivityAt":"${updatedAtOf(row)}"${personal},"labelIds":${ids}}`
}

/** Behind the other columns of a search comes the rank of the match. Without a search, fields of the row itself order the list. */
const cursorOf = (row: RawRow, match: string | null | undefined): string =>
  encodeCursor([Number(match ?? 0), issuePriorities.indexOf(row[PRIORITY] as IssuePriority), updatedAtOf(row), row[ID] as string])

/** How the rows of a list become items and cursors. */
interface ListRows {
  readonly itemOf: (row: RawRow) => JsonText<IssueListRow>
  readonly cursorOf: (row: RawRow) => string
}

export const usualRows: ListRows = {
  itemOf: (row) => new JsonText(() => textOf(row, '')),
  cursorOf: (row) => cursorOf(row, row[PERSONAL]),
}

/** For a list with the columns of a person. */
export const rowsOfPerson: ListRows = {
  itemOf: (row) => new JsonText(() => textOf(row, `,${personalMembers(row)}`)),
  cursorOf: (row) => cursorOf(row, row[PERSONAL + personalColumns.length]),
}
