import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { assetContents, assets, attachments } from '../../model/assets.ts'
import { issues } from '../../model/issues.ts'
import { param, dynamicRead, statement } from '../../platform/db/statement.ts'
import type { FileResponse } from '../../platform/kernel/content.ts'
import { invariant, notFound } from '../../platform/kernel/errors.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { servingOptions } from './validateFile.ts'
import type { assetView, attachmentView } from './views.ts'

type Reader = Pick<ReadDb, 'run'>

export type AssetRow = z.output<typeof assetView>
export type AttachmentRow = z.output<typeof attachmentView>

const fileColumns = sql`s.provider, s.object_key as "objectKey", s.content_type as "contentType", s.byte_size as "byteSize", s.sha256,
  s.original_filename as "originalFilename", s.created_by_agent_id as "createdByAgentId", s.created_by_user_id as "createdByUserId"`

const selectAsset = statement<{ id: string; companyId: string }, AssetRow>('asset_by_id').read(sql`
  select s.id as "assetId", s.company_id as "companyId", ${fileColumns}, s.created_at as "createdAt", s.updated_at as "updatedAt",
    '/api/assets/' || s.id || '/content' as "contentPath"
  from ${assets} s where s.id = ${param('id')} and s.company_id = ${param('companyId')}`)

/** What is known of a file. @throws Refusal `not_found` */
export async function assetById(db: Reader, companyId: string, id: string): Promise<AssetRow> {
  const [row] = await db.run(selectAsset, { id, companyId })
  if (row === undefined) throw notFound('Asset')
  return row
}

const attachmentColumns = sql`a.id, a.company_id as "companyId", a.issue_id as "issueId", a.issue_comment_id as "issueCommentId", s.id as "assetId",
  ${fileColumns}, a.created_at as "createdAt", a.updated_at as "updatedAt", '/api/attachments/' || a.id || '/content' as "contentPath"`
const attachmentTables = sql`${attachments} a join ${assets} s on s.attachment_id = a.id`

const selectAttachment = statement<{ id: string; companyId: string }, AttachmentRow>('attachment_by_id').read(sql`
  select ${attachmentColumns} from ${attachmentTables} where a.id = ${param('id')} and a.company_id = ${param('companyId')}`)

/** An attachment with what is known of its file. @throws Refusal `not_found` */
export async function attachmentById(db: Reader, companyId: string, id: string): Promise<AttachmentRow> {
  const [row] = await db.run(selectAttachment, { id, companyId })
  if (row === undefined) throw notFound('Attachment')
  return row
}

interface ListParams {
  companyId: string
  issueId: string
  limit: number
  atTime: string | null
  atId: string | null
}

const listStatement = dynamicRead<ListParams, AttachmentRow>('attachment_list')

/** Attachments of an issue, newest first, without their bytes. */
export async function listAttachments(
  ctx: Ctx,
  issueId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<AttachmentRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const cursorCondition =
    cursor === null ? sql`` : sql`and (a.created_at, a.id) < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      String(cursor !== null),
      () => sql`
      select ${attachmentColumns} from ${attachmentTables}
      where a.issue_id = ${param('issueId', 'uuid')} and a.company_id = ${param('companyId', 'uuid')} ${cursorCondition}
      order by a.created_at desc, a.id desc limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), issueId, limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  return toPage(rows, limit, (row) => [row.createdAt, row.id])
}

/** Bytes that are read at once: a file of 10 MB is never whole in the memory of this process while somebody slow takes it. */
const CHUNK_BYTES = 512 * 1024

const selectChunk = statement<{ id: string; companyId: string; from: number; size: number }, { piece: Buffer }>('asset_piece').read(sql`
  select substring(c.content from ${param('from', 'int')} for ${param('size', 'int')}) as piece
  from ${assetContents} c join ${assets} s on s.id = c.asset_id where s.id = ${param('id')} and s.company_id = ${param('companyId')}`)

/** Reads a file piece by piece. What a file consists of never changes; one that is deleted meanwhile ends in the middle. */
async function* readChunks(db: Reader, companyId: string, id: string, byteSize: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < byteSize; offset += CHUNK_BYTES) {
    const [row] = await db.run(selectChunk, { id, companyId, from: offset + 1, size: CHUNK_BYTES })
    if (row === undefined) throw notFound('Asset')
    invariant(row.piece.length === Math.min(CHUNK_BYTES, byteSize - offset), 'a file has as many bytes as its row says')
    yield row.piece
  }
}

type StoredFile = Pick<AssetRow, 'assetId' | 'companyId' | 'contentType' | 'byteSize' | 'sha256' | 'originalFilename'>

/** The file of an asset or an attachment, as it is served. */
export const fileResponseOf = (
  db: Reader,
  { assetId, companyId, contentType, byteSize, sha256, originalFilename }: StoredFile,
): FileResponse => ({
  ...servingOptions(contentType),
  byteSize,
  sha256,
  name: originalFilename,
  pieces: () => readChunks(db, companyId, assetId, byteSize),
})

const selectIssueByReference = statement<{ id: string | null; identifier: string; companyId: string }, { id: string }>('attachment_issue')
  .read(sql`
  select id from ${issues}
  where company_id = ${param('companyId')} and (id = ${param('id', 'uuid')} or identifier = ${param('identifier')})`)

/** Three letters, and up to 200 more where companies share them. */
const IDENTIFIER_MAX = 213

/** An issue of the company by its id or its identifier. @throws Refusal `not_found` */
export async function resolveIssueId(db: Reader, companyId: string, reference: string): Promise<string> {
  const id = z.uuid().safeParse(reference).data?.toLowerCase() ?? null
  const [row] = await db.run(selectIssueByReference, { id, identifier: reference.slice(0, IDENTIFIER_MAX).toUpperCase(), companyId })
  if (row === undefined) throw notFound('Issue')
  return row.id
}
