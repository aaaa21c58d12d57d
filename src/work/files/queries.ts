import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { assetContents, assets, attachments } from '../../model/assets.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { param, dynamicRead, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import type { FileResponse } from '../../platform/kernel/content.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { servingOptions } from './validateFile.ts'
import type { assetView, attachmentView } from './views.ts'

type Reader = Pick<ReadDb, 'run'>

export type AssetRow = z.output<typeof assetView>
export type AttachmentRow = z.output<typeof attachmentView>

const fileColumns = sql`s.provider, s.object_key as "objectKey", s.content_type as "contentType", s.byte_size as "byteSize", s.sha256,
  s.original_filename as "originalFilename", s.created_by_agent_id as "createdByAgentId", s.created_by_user_id as "createdByUserId"`

/** An asset without its bytes, of the table `assets` as `s`. */
export const assetColumns = sql`s.id as "assetId", s.company_id as "companyId", ${fileColumns}, s.created_at as "createdAt",
  s.updated_at as "updatedAt", '/api/assets/' || s.id || '/content' as "contentPath"`

/** An attachment with its file without the bytes, of `issue_attachments` as `a` and `assets` as `s`. */
const attachmentColumns = sql`a.id, a.company_id as "companyId", a.issue_id as "issueId", a.issue_comment_id as "issueCommentId",
  s.id as "assetId", ${fileColumns}, a.created_at as "createdAt", a.updated_at as "updatedAt",
  '/api/attachments/' || a.id || '/content' as "contentPath"`

/** An asset by its id. The file of an attachment is one, too, and is not an image of the company. */
type FoundAsset = AssetRow & { readonly isImage: boolean }

const selectAsset = statement<{ id: string; companyId: string }, FoundAsset>('asset_by_id').read(sql`
  select ${assetColumns}, s.attachment_id is null as "isImage" from ${assets} s where s.id = ${param('id')} and s.company_id = ${param('companyId')}`)

async function assetById(db: Reader, companyId: string, id: string): Promise<FoundAsset> {
  const [row] = await db.run(selectAsset, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Asset not found' })
  return row
}

const attachmentTables = sql`${attachments} a join ${assets} s on s.attachment_id = a.id`

const selectAttachment = statement<{ id: string; companyId: string }, AttachmentRow>('attachment_by_id').read(sql`
  select ${attachmentColumns} from ${attachmentTables} where a.id = ${param('id')} and a.company_id = ${param('companyId')}`)

/** An attachment with its file, without the bytes. @throws Refusal `not_found` */
export async function attachmentById(db: Reader, companyId: string, id: string): Promise<AttachmentRow> {
  const [row] = await db.run(selectAttachment, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Attachment not found' })
  return row
}

const newestFirst = byCreation('desc', 'a')

const selectAttachments = dynamicRead<{ companyId: string; issueId: string; limit: number }, AttachmentRow>('attachment_list')

/** Attachments of an issue, newest first, without their bytes. */
export async function listAttachments(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<AttachmentRow>> {
  const page = newestFirst.page(request)
  const query = selectAttachments(
    String(page.hasCursor),
    () => sql`
      select ${attachmentColumns} from ${attachmentTables}
      where a.issue_id = ${param('issueId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${newestFirst.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, query, { companyId: companyOf(ctx), issueId, ...page.params })
}

/** Bytes that are read at once, so that a file of 10 MB is never whole in the memory of this process while a slow client reads it. */
const CHUNK_BYTES = 512 * 1024

const selectChunk = statement<{ id: string; companyId: string; from: number; size: number }, { piece: Buffer }>('asset_piece').read(sql`
  select substring(c.content from ${param('from', 'int')} for ${param('size', 'int')}) as piece
  from ${assetContents} c join ${assets} s on s.id = c.asset_id where s.id = ${param('id')} and s.company_id = ${param('companyId')}`)

/** Reads a file piece by piece. The bytes of a file never change. A file that is deleted while it is read ends with a refusal. */
async function* readChunks(db: Reader, companyId: string, id: string, byteSize: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < byteSize; offset += CHUNK_BYTES) {
    const [row] = await db.run(selectChunk, { id, companyId, from: offset + 1, size: CHUNK_BYTES })
    if (row === undefined) refuse('not_found', { message: 'Asset not found' })
    invariant(row.piece.length === Math.min(CHUNK_BYTES, byteSize - offset), 'a file has as many bytes as its row says')
    yield row.piece
  }
}

type StoredFile = Pick<AssetRow, 'assetId' | 'companyId' | 'contentType' | 'byteSize' | 'sha256' | 'originalFilename'>

const fileResponseOf = (
  db: Reader,
  { assetId, companyId, contentType, byteSize, sha256, originalFilename }: StoredFile,
  isImage: boolean,
): FileResponse => ({
  ...servingOptions(contentType, isImage),
  byteSize,
  sha256,
  name: originalFilename,
  pieces: () => readChunks(db, companyId, assetId, byteSize),
})

/** The file of an asset, ready to be sent. @throws Refusal `not_found` */
export async function openAsset(ctx: Ctx, id: string): Promise<FileResponse> {
  const asset = await assetById(ctx.store.read, companyOf(ctx), id)
  return fileResponseOf(ctx.store.read, asset, asset.isImage)
}

/** The file of an attachment, ready to be sent. @throws Refusal `not_found` */
export const openAttachment = async (ctx: Ctx, id: string): Promise<FileResponse> =>
  fileResponseOf(ctx.store.read, await attachmentById(ctx.store.read, companyOf(ctx), id), false)
