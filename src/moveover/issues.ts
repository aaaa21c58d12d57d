import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { createIssueBody } from '../work/issues/index.ts'
import { issueLabels, issues } from '../model/issues.ts'
import { issuePriorities, issueStatus } from '../model/issueStatus.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { param, statement } from '../platform/db/statement.ts'
import { MAX_ISSUE_NUMBER, raiseCounter } from './companies.ts'
import { count, createdColumn, id, idColumn, line, needed, orElse, person, record, reference, time, updatedColumn } from './columns.ts'
import type { Fitted, SourceTable } from './columns.ts'
import type { Note } from './fit.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { found, moveTree } from './moveTable.ts'
import type { Movement } from './moveTable.ts'
import { readLinks } from './read.ts'
import type { LinkTable } from './read.ts'

const { shape: body } = createIssueBody
/** As many as a request may name. */
const MAX_LABELS = 50

export const issueTable = {
  name: 'issues',
  columns: {
    id: idColumn,
    issueNumber: needed('int', 'issue_number', z.int().min(1).max(MAX_ISSUE_NUMBER)),
    identifier: needed('text', 'identifier', line(300)),
    projectId: reference('project_id'),
    projectWorkspaceId: reference('project_workspace_id'),
    goalId: reference('goal_id'),
    parentId: reference('parent_id'),
    title: needed('text', 'title', body.title),
    description: orElse('text', 'description', body.description, null),
    status: orElse('text', 'status', z.enum(issueStatus.statuses), 'backlog'),
    priority: orElse('text', 'priority', z.enum(issuePriorities), 'medium'),
    assigneeAgentId: reference('assignee_agent_id'),
    assigneeUserId: person('assignee_user_id'),
    createdByAgentId: reference('created_by_agent_id'),
    createdByUserId: person('created_by_user_id'),
    originKind: orElse('text', 'origin_kind', line(100), 'manual'),
    originId: orElse('text', 'origin_id', line(200).nullable(), null),
    originRunId: orElse('text', 'origin_run_id', id.nullable(), null),
    requestDepth: orElse('int', 'request_depth', count, 0),
    billingCode: orElse('text', 'billing_code', body.billingCode, null),
    assigneeAdapterOverrides: orElse('json', 'assignee_adapter_overrides', record.nullable(), null),
    startedAt: orElse('time', 'started_at', time.nullable(), null),
    completedAt: orElse('time', 'completed_at', time.nullable(), null),
    cancelledAt: orElse('time', 'cancelled_at', time.nullable(), null),
    hiddenAt: orElse('time', 'hidden_at', time.nullable(), null),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable
type SourceIssue = Fitted<(typeof issueTable)['columns']>

export const labelLinks: LinkTable = { name: 'issue_labels', from: 'issue_id', to: 'label_id' }

// The columns of the hold are not among them: no run of the source is alive here, so every hold arrives free.
const insertIssues = insertRows('moveover_issues', issues, [
  'id',
  'companyId',
  'issueNumber',
  'identifier',
  'projectId',
  'projectWorkspaceId',
  'goalId',
  'parentId',
  'title',
  'description',
  'status',
  'priority',
  'assigneeAgentId',
  'assigneeUserId',
  'createdByAgentId',
  'createdByUserId',
  'originKind',
  'originId',
  'originRunId',
  'requestDepth',
  'billingCode',
  'assigneeAdapterOverrides',
  'startedAt',
  'completedAt',
  'cancelledAt',
  'hiddenAt',
  'createdAt',
  'updatedAt',
])
type IssueRow = Parameters<typeof insertIssues>[1][number] & { readonly id: string; readonly labelIds: readonly string[] }

const insertLinks = statement<{ issueIds: string[]; labelIds: string[] }, never>('moveover_issue_labels').write(sql`
  insert into ${issueLabels} (issue_id, label_id) select * from unnest(${param('issueIds', 'uuid[]')}, ${param('labelIds', 'uuid[]')})
  on conflict do nothing`)

const selectIdentifiers = statement<{ identifiers: string[] }, { identifier: string }>('moveover_identifiers').read(
  sql`select identifier from ${issues} where identifier = any(${param('identifiers', 'text[]')})`,
)

const issueNoun: Noun<IssueRow> = {
  name: 'issues',
  knownById: knownIn('issues', issues),
  deletedBy: { actions: ['issue.deleted'] },
  async clashes(db, rows) {
    const taken = new Set(
      (await db.run(selectIdentifiers, { identifiers: rows.map((row) => row.identifier) })).map((row) => row.identifier),
    )
    const because = 'not brought: another issue here has its identifier; both servers have made issues since the last move'
    return new Map(rows.filter((row) => taken.has(row.identifier)).map((row) => [row.id, because]))
  },
  async write(tx, rows, { companyId }) {
    await insertIssues(
      tx,
      rows.map(({ labelIds: _, ...row }) => row),
    )
    await raiseCounter(tx, companyId, Math.max(...rows.map((row) => row.issueNumber)))
    const links = rows.flatMap((row) => row.labelIds.map((labelId) => ({ issueId: row.id, labelId })))
    if (links.length > 0)
      await tx.run(insertLinks, { issueIds: links.map((link) => link.issueId), labelIds: links.map((link) => link.labelId) })
    return []
  },
}

/** The assignee and the status that fit together: one assignee, and work in progress has one. */
function assignmentOf(row: SourceIssue, note: Note, { present }: Move): Pick<IssueRow, 'assigneeAgentId' | 'assigneeUserId' | 'status'> {
  const assigneeAgentId = found(present.agents, row.assigneeAgentId, 'its assignee', note)
  const assigneeUserId = assigneeAgentId === null ? row.assigneeUserId : null
  if (row.assigneeUserId !== assigneeUserId) note('its second assignee is left out')
  const isWithoutAssignee = assigneeAgentId === null && assigneeUserId === null
  if (row.status !== 'in_progress' || !isWithoutAssignee) return { assigneeAgentId, assigneeUserId, status: row.status }
  note('it arrives as todo: work in progress needs an assignee')
  return { assigneeAgentId, assigneeUserId, status: 'todo' }
}

const movementOf =
  (identifiers: Set<string>) =>
  (cut: ReadonlyMap<string, string>): Movement<(typeof issueTable)['columns'], IssueRow> => ({
    table: issueTable,
    noun: issueNoun,
    shape(row, note, move) {
      const { companyId, issuePrefix, present } = move
      const identifier = `${issuePrefix}-${row.issueNumber}`
      const refuse = (because: string): null => (note(`not brought: ${because}`), null)
      if (row.identifier !== identifier) return refuse('its identifier is not made of the prefix of its company and its number')
      if (identifiers.has(identifier)) return refuse('another issue of the source has its identifier')
      identifiers.add(identifier)
      const because = cut.get(row.id)
      if (because !== undefined) note(`its parent is left out: ${because}`)
      return {
        ...row,
        ...assignmentOf(row, note, move),
        companyId,
        description: row.description ?? null,
        billingCode: row.billingCode ?? null,
        projectId: found(present.projects, row.projectId, 'its project', note),
        projectWorkspaceId: found(present.workspaces, row.projectWorkspaceId, 'its workspace', note),
        goalId: found(present.goals, row.goalId, 'its goal', note),
        parentId: because === undefined ? found(present.issues, row.parentId, 'its parent', note) : null,
        createdByAgentId: found(present.agents, row.createdByAgentId, 'the agent that made it', note),
        labelIds: [],
      }
    },
    async complete(rows, { source, present }) {
      const links = await readLinks(
        source,
        labelLinks,
        rows.map((row) => row.id),
        MAX_LABELS,
      )
      return rows.map((row) => ({
        ...row,
        labelIds: [...new Set((links.get(row.id) ?? []).flatMap((each) => present.labels.get(each) ?? []))],
      }))
    },
  })

/** Brings the issues of a company under their identifiers, parents first. No run holds them. */
export const moveIssues = async (move: Move): Promise<void> =>
  await moveTree(move, movementOf(new Set()), 'parent_id', (id) => move.present.issues.add(id))
