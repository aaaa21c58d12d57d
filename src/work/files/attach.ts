import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { attachments } from '../../model/assets.ts'
import { comments } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockIssue, checkWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { touchIssue } from '../issues/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { attachmentAdded, attachmentRemoved } from './events.ts'
import { attachmentTypes, validateFile } from './validateFile.ts'
import { attachmentById } from './queries.ts'
import type { AttachmentRow } from './queries.ts'
import { storeFile } from './storeFile.ts'

/** Attachments of one issue; an agent that attaches one per step must meet a wall. */
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

/**
 * Attaches a file to an issue: its row, its bytes and its audit row commit together, or nothing does.
 * @param commentId the comment it belongs to, or null
 * @throws Refusal of the gate (lock-protocol §4.2); `file_type_unsupported`, `file_invalid`; `unknown_reference` for a comment
 *   that is not the issue's; `unprocessable` beyond the limits
 */
export async function attachFile(
  ctx: Ctx,
  issueId: string,
  file: ReceivedFile,
  commentId: string | null,
  expected: Expected,
): Promise<AttachmentRow> {
  const companyId = companyOf(ctx)
  const validated = validateFile(file, attachmentTypes)
  return await mutate(ctx, async (tx) => {
    const issue = await lockIssue(tx, companyId, issueId)
    const gate = await checkWriteGate(tx, ctx, issue, expected)
    await requireAttachable(tx, { issueId, companyId, commentId })
    const id = randomUUID()
    await tx.insert(attachments).values({ id, companyId, issueId, issueCommentId: commentId })
    await storeFile(tx, ctx, validated, `issues/${issueId}`, id)
    await touchIssue(tx, issueId)
    const attachment = await attachmentById(tx, companyId, id)
    const { assetId, contentType, byteSize, sha256, originalFilename } = attachment
    const details = { attachmentId: id, assetId, issueCommentId: commentId, contentType, byteSize, sha256, originalFilename }
    return changed(attachment, attachmentAdded(issueId, details), ...gate.events)
  })
}

/** Takes an attachment away, with its bytes. @throws Refusal of the gate; `not_found` */
export async function detachFile(ctx: Ctx, attachmentId: string, expected: Expected): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    // An attachment never moves to another issue, so which one to lock may be read before it is locked.
    const { issueId } = await attachmentById(tx, companyId, attachmentId)
    const issue = await lockIssue(tx, companyId, issueId)
    const gate = await checkWriteGate(tx, ctx, issue, expected)
    const { assetId, contentType, byteSize, sha256 } = await attachmentById(tx, companyId, attachmentId)
    await tx.delete(attachments).where(eq(attachments.id, attachmentId))
    await touchIssue(tx, issueId)
    return changed(
      { ok: true as const },
      attachmentRemoved(issueId, { attachmentId, assetId, contentType, byteSize, sha256 }),
      ...gate.events,
    )
  })
}
