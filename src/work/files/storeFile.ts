import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { assetContents, assets } from '../../model/assets.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { ValidatedFile } from './validateFile.ts'

/** 10 GB of files in one company: an agent that uploads in a loop meets a wall before the disk of the database does. */
const MAX_COMPANY_BYTES = 10 * 1024 ** 3

const sumCompanyBytes = statement<{ companyId: string }, { bytes: number }>('asset_company_bytes').read(
  sql`select coalesce(sum(byte_size), 0)::bigint as bytes from ${assets} where company_id = ${param('companyId')}`,
)

interface NewAsset {
  readonly id: string
  readonly companyId: string
  readonly attachmentId: string | null
  readonly objectKey: string
  readonly contentType: string
  readonly byteSize: number
  readonly sha256: string
  readonly originalFilename: string | null
  readonly createdByAgentId: string | null
  readonly createdByUserId: string | null
}

// Row and bytes in one statement, so that there is never one without the other.
const insertAsset = statement<NewAsset & { content: Buffer }, never>('asset_insert').write(sql`
  with asset as (insert into ${assets} (id, company_id, attachment_id, object_key, content_type, byte_size, sha256, original_filename,
      created_by_agent_id, created_by_user_id)
    values (${param('id', 'uuid')}, ${param('companyId', 'uuid')}, ${param('attachmentId', 'uuid')}, ${param('objectKey')},
      ${param('contentType')}, ${param('byteSize', 'int')}, ${param('sha256')}, ${param('originalFilename')},
      ${param('createdByAgentId', 'uuid')}, ${param('createdByUserId')}))
  insert into ${assetContents} (asset_id, content) values (${param('id', 'uuid')}, ${param('content', 'bytea')})`)

/**
 * (tx) Keeps a file that has been judged. Size and hash are those of what is kept, not of what was sent.
 * @param namespace where in the company it belongs, as clients see it in `objectKey`
 * @param attachmentId the attachment whose file it is; the file goes when that goes
 * @throws Refusal `unprocessable` when the company has no room left
 */
export async function storeFile(tx: Tx, ctx: Ctx, file: ValidatedFile, namespace: string, attachmentId: string | null): Promise<NewAsset> {
  const companyId = companyOf(ctx)
  const { bytes: usedBytes } = exactlyOne(await tx.run(sumCompanyBytes, { companyId }))
  if (usedBytes + file.bytes.length > MAX_COMPANY_BYTES)
    refuse('unprocessable', { message: 'The files of this company take all the room there is' })
  const id = randomUUID()
  const asset: NewAsset = {
    id,
    companyId,
    attachmentId,
    objectKey: `${companyId}/${namespace}/${id}`,
    contentType: file.contentType,
    byteSize: file.bytes.length,
    sha256: createHash('sha256').update(file.bytes).digest('hex'),
    originalFilename: file.name,
    createdByAgentId: ctx.actor.kind === 'agent' ? ctx.actor.agentId : null,
    createdByUserId: ctx.actor.kind === 'board' ? ctx.actor.userId : null,
  }
  await tx.run(insertAsset, { ...asset, content: file.bytes })
  return asset
}
