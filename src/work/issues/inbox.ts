import { sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { inboxArchives, issues, readStates } from '../../model/issues.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { requireIssue } from './queries.ts'
import { inboxArchived, inboxUnarchived, readMarked, readUnmarked } from './events.ts'
import type { ArchiveRow, ReadRow } from './views.ts'

interface Mark {
  readonly companyId: string
  readonly issueId: string
  readonly userId: string
}

/** The mark of the acting person, never of a person that a body names (I8). */
function markOf(ctx: Ctx, issueId: string): Mark {
  invariant(ctx.actor.kind === 'board', 'only people have an inbox')
  return { companyId: companyOf(ctx), issueId, userId: ctx.actor.userId }
}

const upsertReadMark = statement<Mark, ReadRow>('inbox_read').write(sql`
  insert into ${readStates} (company_id, issue_id, user_id)
  select i.company_id, i.id, ${param('userId', 'text')} from ${issues} i where i.id = ${param('issueId')} and i.company_id = ${param('companyId')}
  on conflict (issue_id, user_id) do update set last_read_at = now(), updated_at = now() returning ${columnsOf(readStates)}`)

/** Marks an issue as read now. @throws Refusal `not_found` */
export async function markRead(ctx: Ctx, issueId: string): Promise<ReadRow> {
  const mark = markOf(ctx, issueId)
  return await mutate(ctx, async (tx) => {
    const [row] = await tx.run(upsertReadMark, mark)
    if (row === undefined) refuse('not_found', { message: 'Issue not found' })
    return changed(row, readMarked(issueId, { userId: mark.userId, lastReadAt: row.lastReadAt }))
  })
}

// The row is locked, so that of two concurrent requests that remove the same mark only one reports the removal.
const lockReadMark = statement<Mark, { id: string }>('inbox_lock_read').read(sql`
  select id from ${readStates} where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and user_id = ${param('userId')}
  for update`)

const deleteReadMark = statement<Mark, { id: string }>('inbox_unread').write(sql`
  delete from ${readStates} where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and user_id = ${param('userId')}
  returning id`)

/** Removes the read mark of an issue. @throws Refusal `not_found` */
export async function unmarkRead(ctx: Ctx, issueId: string): Promise<{ id: string; removed: boolean }> {
  const mark = markOf(ctx, issueId)
  return await mutate<{ id: string; removed: boolean }>(ctx, async (tx) => {
    await requireIssue(tx, mark.companyId, issueId)
    if ((await tx.run(lockReadMark, mark)).length === 0) return unchanged({ id: issueId, removed: false })
    await tx.run(deleteReadMark, mark)
    return changed({ id: issueId, removed: true }, readUnmarked(issueId, { userId: mark.userId }))
  })
}

const upsertArchive = statement<Mark, ArchiveRow>('inbox_archive').write(sql`
  insert into ${inboxArchives} (company_id, issue_id, user_id)
  select i.company_id, i.id, ${param('userId', 'text')} from ${issues} i where i.id = ${param('issueId')} and i.company_id = ${param('companyId')}
  on conflict (issue_id, user_id) do update set archived_at = now(), updated_at = now() returning ${columnsOf(inboxArchives)}`)

/** Archives an issue in the inbox until its next activity. @throws Refusal `not_found` */
export async function archiveInInbox(ctx: Ctx, issueId: string): Promise<ArchiveRow> {
  const mark = markOf(ctx, issueId)
  return await mutate(ctx, async (tx) => {
    const [row] = await tx.run(upsertArchive, mark)
    if (row === undefined) refuse('not_found', { message: 'Issue not found' })
    return changed(row, inboxArchived(issueId, { userId: mark.userId, archivedAt: row.archivedAt }))
  })
}

const lockArchive = statement<Mark, { id: string }>('inbox_lock_archive').read(sql`
  select id from ${inboxArchives} where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and user_id = ${param('userId')}
  for update`)

const deleteArchive = statement<Mark, ArchiveRow>('inbox_unarchive').write(sql`
  delete from ${inboxArchives} where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and user_id = ${param('userId')}
  returning ${columnsOf(inboxArchives)}`)

/** Returns an archived issue to the inbox. @returns the removed mark, or `ok` when none existed @throws Refusal `not_found` */
export async function unarchiveInInbox(ctx: Ctx, issueId: string): Promise<ArchiveRow | { ok: true }> {
  const mark = markOf(ctx, issueId)
  return await mutate<ArchiveRow | { ok: true }>(ctx, async (tx) => {
    await requireIssue(tx, mark.companyId, issueId)
    if ((await tx.run(lockArchive, mark)).length === 0) return unchanged({ ok: true as const })
    return changed(exactlyOne(await tx.run(deleteArchive, mark)), inboxUnarchived(issueId, { userId: mark.userId }))
  })
}
