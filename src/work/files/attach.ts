import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockThroughWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { attachments } from '../../model/assets.ts'
import { comments } from '../../model/issues.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unawaited } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { touchIssue } from '../issues/index.ts'
import { attachmentAdded, attachmentRemoved } from './events.ts'
import { attachmentById } from './queries.ts'
import type { AttachmentRow } from './queries.ts'
import { storeFile } from './storeFile.ts'
import { acceptFile } from './validateFile.ts'

/** Attachments of one issue. The limit stops an agent that attaches one in each step. */
const MAX_ATTACHMENTS = 200

interface AttachmentTarget {
  readonly issueId: string
  readonly companyId: string
  readonly commentId: string | null
}

const loadAttachmentFacts = statement<AttachmentTarget, { count: number; hasComment: boolean }>('attachment_look').read(sql`
  select (select count(*)::int from ${attachments} where issue_id = ${param('issueId', 'uuid')}) as count,
    exists (select 1 from ${comments} where id = ${param('commentId', 'uuid')} and issue_id = ${param('issueId', 'uuid')}
      and company_id = ${param('companyId', 'uuid')}) as "hasComment"`)

async function requireAttachable(tx: Tx, target: AttachmentTarget): Promise<void> {
  const { count, hasComment } = exactlyOne(await tx.run(loadAttachmentFacts, target))
  if (target.commentId !== null && !hasComment) refuse('unknown_reference', { message: 'Comment does not belong to this issue' })
  if (count >= MAX_ATTACHMENTS) refuse('unprocessable', { message: `An issue has at most ${MAX_ATTACHMENTS} attachments` })
}

type AttachmentOnly = Pick<AttachmentRow, 'id' | 'companyId' | 'issueId' | 'issueCommentId' | 'createdAt' | 'updatedAt'>

const insertAttachment = statement<AttachmentTarget & { id: string }, AttachmentOnly>('attachment_insert').write(sql`
  insert into ${attachments} (id, company_id, issue_id, issue_comment_id)
  values (${param('id')}, ${param('companyId')}, ${param('issueId')}, ${param('commentId', 'uuid')})
  returning id, company_id as "companyId", issue_id as "issueId", issue_comment_id as "issueCommentId",
    created_at as "createdAt", updated_at as "updatedAt"`)

const deleteAttachment = statement<{ id: string }, never>('attachment_delete').write(
  sql`delete from ${attachments} where id = ${param('id')}`,
)

/** The issue that a file is attached to, and the conditions of the client. */
interface NewAttachment {
  readonly issueId: string
  /** The comment it belongs to. */
  readonly commentId: string | null
  readonly expected: Expected
}

/**
 * Attaches a file to an issue. Its row, its bytes and its audit row commit together.
 * @throws Refusal of the gate (LOCK_PROTOCOL §4.2); `unknown_reference` for a comment that is not the issue's; `unprocessable` beyond the limits
 */
export async function attachFile(ctx: Ctx, { issueId, commentId, expected }: NewAttachment, file: ReceivedFile): Promise<AttachmentRow> {
  const companyId = companyOf(ctx)
  const validated = acceptFile(file)
  return await mutate(ctx, async (tx) => {
    const gate = await lockThroughWriteGate(tx, ctx, issueId, expected)
    await requireAttachable(tx, { issueId, companyId, commentId })
    const inserted = exactlyOne(await tx.run(insertAttachment, { id: randomUUID(), issueId, companyId, commentId }))
    const asset = await storeFile(tx, ctx, validated, { namespace: `issues/${issueId}`, attachmentId: inserted.id })
    unawaited(touchIssue(tx, issueId))
    const { createdAt, updatedAt, ...ids } = inserted
    // The order of the keys is that of `attachmentColumns`.
    const attachment: AttachmentRow = { ...ids, ...asset, createdAt, updatedAt, contentPath: `/api/attachments/${inserted.id}/content` }
    const { assetId, contentType, byteSize, sha256, originalFilename } = asset
    const details = { attachmentId: inserted.id, assetId, issueCommentId: commentId, contentType, byteSize, sha256, originalFilename }
    return changed(attachment, attachmentAdded(issueId, details), ...gate.events)
  })
}

/** Removes an attachment, with its bytes. @throws Refusal of the gate; `not_found`; `board_required` for an agent and the file of a person */
export async function detachFile(ctx: Ctx, attachmentId: string, expected: Expected): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    // An attachment never moves to another issue, so its issue may be read before the lock.
    const { issueId } = await attachmentById(tx, companyId, attachmentId)
    const gate = await lockThroughWriteGate(tx, ctx, issueId, expected)
    const { assetId, contentType, byteSize, sha256, createdByUserId } = await attachmentById(tx, companyId, attachmentId)
    // A file of a person is what the work was asked with, and its bytes are nowhere else.
    if (ctx.actor.kind === 'agent' && createdByUserId !== null)
      refuse('board_required', { message: 'Only the board deletes a file that a person attached' })
    await tx.run(deleteAttachment, { id: attachmentId })
    unawaited(touchIssue(tx, issueId))
    const removed = attachmentRemoved(issueId, { attachmentId, assetId, contentType, byteSize, sha256 })
    return changed({ ok: true as const }, removed, ...gate.events)
  })
}
