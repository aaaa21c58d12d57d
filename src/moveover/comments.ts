import { commentBody } from '../work/issues/index.ts'
import { comments } from '../model/issues.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { createdColumn, id, idColumn, needed, person, reference, updatedColumn } from './columns.ts'
import type { SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move } from './move.ts'
import { found, moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

export const commentTable = {
  name: 'issue_comments',
  columns: {
    id: idColumn,
    issueId: needed('uuid', 'issue_id', id),
    authorAgentId: reference('author_agent_id'),
    authorUserId: person('author_user_id'),
    createdByRunId: reference('created_by_run_id'),
    body: needed('text', 'body', commentBody.shape.body),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertComments = insertRows('moveover_comments', comments, [
  'id',
  'companyId',
  'issueId',
  'authorAgentId',
  'authorUserId',
  'createdByRunId',
  'body',
  'createdAt',
  'updatedAt',
])
type CommentRow = Parameters<typeof insertComments>[1][number] & { readonly id: string }

const movement: Movement<(typeof commentTable)['columns'], CommentRow> = {
  table: commentTable,
  noun: {
    name: 'issue_comments',
    knownById: knownIn('comments', comments),
    async write(tx, rows) {
      await insertComments(tx, rows)
      return []
    },
  },
  shape(row, note, { companyId, present }) {
    if (found(present.issues, row.issueId, 'the comment', note) === null) return null
    return { ...row, companyId, authorAgentId: found(present.agents, row.authorAgentId, 'its author', note) }
  },
}

/** Brings the comments of issues. They wake no agent. */
export const moveComments = async (move: Move): Promise<void> => await moveTable(move, movement)
