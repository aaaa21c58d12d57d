import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { approvalCommentBody, createApprovalBody, decideBody } from '../control/approvals/index.ts'
import { approvalComments, approvals, issueApprovals } from '../model/approvals.ts'
import { approvalStatus, approvalTypes } from '../model/approvalStatus.ts'
import type { ApprovalStatus } from '../model/approvalStatus.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { param, statement } from '../platform/db/statement.ts'
import { createdColumn, id, idColumn, needed, orElse, person, reference, time, updatedColumn } from './columns.ts'
import type { Columns, Fitted, SourceTable } from './columns.ts'
import type { Note } from './fit.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { found, moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'
import { readLinks } from './read.ts'
import type { LinkTable } from './read.ts'

/** As many as a request may name. */
const MAX_ISSUES = 50

const approvalTable = {
  name: 'approvals',
  columns: {
    id: idColumn,
    type: needed('text', 'type', z.enum(approvalTypes)),
    status: needed('text', 'status', z.enum(approvalStatus.statuses)),
    payload: needed('json', 'payload', createApprovalBody.shape.payload),
    requestedByAgentId: reference('requested_by_agent_id'),
    requestedByUserId: person('requested_by_user_id'),
    decisionNote: orElse('text', 'decision_note', decideBody.shape.decisionNote, null),
    decidedByUserId: person('decided_by_user_id'),
    decidedAt: orElse('time', 'decided_at', time.nullable(), null),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable
type SourceApproval = Fitted<(typeof approvalTable)['columns']>

const issueLinks: LinkTable = { name: 'issue_approvals', from: 'approval_id', to: 'issue_id' }

const insertApprovals = insertRows('moveover_approvals', approvals, [
  'id',
  'companyId',
  'type',
  'status',
  'payload',
  'requestedByAgentId',
  'requestedByUserId',
  'decisionNote',
  'decidedByUserId',
  'decidedAt',
  'createdAt',
  'updatedAt',
])
type ApprovalRow = Parameters<typeof insertApprovals>[1][number] & { readonly id: string; readonly issueIds: readonly string[] }

const insertLinks = statement<{ issueIds: string[]; approvalIds: string[] }, never>('moveover_issue_approvals').write(sql`
  insert into ${issueApprovals} (issue_id, approval_id) select * from unnest(${param('issueIds', 'uuid[]')}, ${param('approvalIds', 'uuid[]')})
  on conflict do nothing`)

const approvalNoun: Noun<ApprovalRow> = {
  name: 'approvals',
  knownById: knownIn('approvals', approvals),
  async write(tx, rows) {
    await insertApprovals(
      tx,
      rows.map(({ issueIds: _, ...row }) => row),
    )
    const links = rows.flatMap((row) => row.issueIds.map((issueId) => ({ issueId, approvalId: row.id })))
    if (links.length > 0)
      await tx.run(insertLinks, { issueIds: links.map((link) => link.issueId), approvalIds: links.map((link) => link.approvalId) })
    return []
  },
}

/** Fields of a payload that only this server writes: what stands there is applied when the board approves. */
const ownFields: ReadonlySet<string> = new Set(['agentConfiguration', 'textChange'])

const isOpen = (status: ApprovalStatus): boolean => status === 'pending' || status === 'revision_requested'

const NOT_HERE = 'Cancelled when the company was moved here: what it is about did not come'

/** A question that is still open here must be about something that is here. */
function openness(row: SourceApproval, note: Note, { present }: Move): Pick<ApprovalRow, 'status' | 'decisionNote'> {
  const kept = { status: row.status, decisionNote: row.decisionNote ?? null }
  const { agentId } = row.payload
  const isMissing =
    row.type === 'budget_override_required' ||
    (row.type === 'hire_agent' && agentId !== undefined && !(typeof agentId === 'string' && present.agents.has(agentId)))
  if (!isOpen(row.status) || !isMissing) return kept
  note('it arrives as cancelled: what it asks about is not here')
  return { status: 'cancelled', decisionNote: NOT_HERE }
}

const approvalMovement: Movement<(typeof approvalTable)['columns'], ApprovalRow> = {
  table: approvalTable,
  noun: approvalNoun,
  shape(row, note, move) {
    const payload = Object.fromEntries(Object.entries(row.payload).filter(([key]) => !ownFields.has(key)))
    if (Object.keys(payload).length !== Object.keys(row.payload).length)
      note('a field of its payload is left out: only this server writes it')
    return {
      ...row,
      ...openness(row, note, move),
      companyId: move.companyId,
      payload,
      requestedByAgentId: found(move.present.agents, row.requestedByAgentId, 'the agent that asked', note),
      issueIds: [],
    }
  },
  async complete(rows, { source, present }) {
    const links = await readLinks(
      source,
      issueLinks,
      rows.map((row) => row.id),
      MAX_ISSUES,
    )
    return rows.map((row) => ({ ...row, issueIds: (links.get(row.id) ?? []).filter((issueId) => present.issues.has(issueId)) }))
  },
}

const commentTable = {
  name: 'approval_comments',
  columns: {
    id: idColumn,
    approvalId: needed('uuid', 'approval_id', id),
    authorAgentId: reference('author_agent_id'),
    authorUserId: person('author_user_id'),
    body: needed('text', 'body', approvalCommentBody.shape.body),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertComments = insertRows('moveover_approval_comments', approvalComments, [
  'id',
  'companyId',
  'approvalId',
  'authorAgentId',
  'authorUserId',
  'body',
  'createdAt',
  'updatedAt',
])
type CommentRow = Parameters<typeof insertComments>[1][number] & { readonly id: string }

const commentMovement: Movement<(typeof commentTable)['columns'], CommentRow> = {
  table: commentTable,
  noun: {
    name: 'approval_comments',
    knownById: knownIn('approval_comments', approvalComments),
    async write(tx, rows) {
      await insertComments(tx, rows)
      return []
    },
  },
  shape(row, note, { companyId, present }) {
    if (found(present.approvals, row.approvalId, 'the comment', note) === null) return null
    return { ...row, companyId, authorAgentId: found(present.agents, row.authorAgentId, 'its author', note) }
  },
}

/** Brings approvals with their comments and issues. Those that are open are open here, and the board decides on them here. */
export async function moveApprovals(move: Move): Promise<void> {
  await moveTable(move, approvalMovement, (id) => move.present.approvals.add(id))
  await moveTable(move, commentMovement)
}

export const approvalTables: readonly SourceTable<Columns>[] = [approvalTable, commentTable]
export const approvalLinks: readonly LinkTable[] = [issueLinks]
