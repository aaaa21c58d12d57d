import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { interactions } from '../../model/documents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { interactionExpired } from './events.ts'

interface ExpiredRow {
  id: string
  kind: string
}

// Only pending confirmations expire. A decision that was made is final.
const isPendingConfirmation = sql`kind = 'request_confirmation' and status = 'pending'`

const expireOnComment = statement<{ issueId: string; result: string }, ExpiredRow>('confirmation_expire_comment').write(sql`
  update ${interactions} set status = 'expired', result = ${param('result', 'jsonb')}, resolved_at = now(), updated_at = now()
  where issue_id = ${param('issueId')} and ${isPendingConfirmation} and payload->'supersedeOnUserComment' = 'true'::jsonb returning id, kind`)

/**
 * (tx) Expires the pending confirmations of an issue that a comment of a person supersedes. Expects the issue's row lock,
 * under which all interactions are resolved.
 */
export async function expireByComment(tx: Tx, issueId: string, commentId: string): Promise<DomainEvent[]> {
  const result = JSON.stringify({ version: 1, outcome: 'superseded_by_comment', commentId })
  const rows = await tx.run(expireOnComment, { issueId, result })
  return rows.map((row) =>
    interactionExpired(issueId, { interactionId: row.id, interactionKind: row.kind, why: 'superseded_by_comment', commentId }),
  )
}

const expireOnCancel = statement<{ issueId: string; result: string }, ExpiredRow>('interaction_expire_cancelled').write(sql`
  update ${interactions} set status = 'expired', result = ${param('result', 'jsonb')}, resolved_at = now(), updated_at = now()
  where issue_id = ${param('issueId')} and status = 'pending' returning id, kind`)

/**
 * (tx) Expires every pending question of an issue that is cancelled: no answer would cause anything any more. Of an issue that is done
 * they stay, because an agent may propose what is to follow. Expects the issue's row lock.
 */
export async function expireByCancellation(tx: Tx, issueId: string): Promise<DomainEvent[]> {
  const rows = await tx.run(expireOnCancel, { issueId, result: JSON.stringify({ version: 1, outcome: 'issue_cancelled' }) })
  return rows.map((row) => interactionExpired(issueId, { interactionId: row.id, interactionKind: row.kind, why: 'issue_cancelled' }))
}

const expireOnTarget = statement<{ issueId: string; documentId: string; revisionId: string | null; result: string }, ExpiredRow>(
  'confirmation_expire_target',
).write(sql`
  update ${interactions} set status = 'expired', result = ${param('result', 'jsonb')}, resolved_at = now(), updated_at = now()
  where issue_id = ${param('issueId')} and ${isPendingConfirmation} and payload->'target'->>'type' = 'issue_document'
    and payload->'target'->>'documentId' = ${param('documentId', 'text')}
    and payload->'target'->>'revisionId' is distinct from ${param('revisionId', 'text')} returning id, kind`)

/**
 * (tx) Expires the pending confirmations of an older text of a document that was changed or deleted. Expects the issue's
 * row lock.
 * @param document the document after the change; `revisionId` is null when it was deleted
 */
export async function expireByDocument(
  tx: Tx,
  issueId: string,
  document: { id: string; key: string; revisionId: string | null },
): Promise<DomainEvent[]> {
  const { id: documentId, key: documentKey, revisionId } = document
  const why = revisionId === null ? 'target_deleted' : 'target_changed'
  const result = JSON.stringify({ version: 1, outcome: 'stale_target', documentKey, currentRevisionId: revisionId })
  const rows = await tx.run(expireOnTarget, { issueId, documentId, revisionId, result })
  return rows.map((row) =>
    interactionExpired(issueId, {
      interactionId: row.id,
      interactionKind: row.kind,
      why,
      documentKey,
      ...(revisionId === null ? {} : { revisionId }),
    }),
  )
}
