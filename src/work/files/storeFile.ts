import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { assetContents, assets } from '../../model/assets.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { assetColumns } from './queries.ts'
import type { AssetRow } from './queries.ts'
import type { ValidatedFile } from './validateFile.ts'

/**
 * 10 GB of files in one company, so that an agent that uploads in a loop is refused before the disk of the database is full.
 * The limit is advisory: attachments are counted without the company's row lock, so uploads that commit at the same time
 * may exceed it by their own size, at most 10 MB each.
 */
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
  readonly content: Buffer
}

// Row and bytes are inserted by one statement, so that neither exists without the other.
const insertAsset = statement<NewAsset, AssetRow>('asset_insert').write(sql`
  with s as (insert into ${assets} (id, company_id, attachment_id, object_key, content_type, byte_size, sha256, original_filename,
      created_by_agent_id, created_by_user_id)
    values (${param('id', 'uuid')}, ${param('companyId', 'uuid')}, ${param('attachmentId', 'uuid')}, ${param('objectKey')},
      ${param('contentType')}, ${param('byteSize', 'int')}, ${param('sha256')}, ${param('originalFilename')},
      ${param('createdByAgentId', 'uuid')}, ${param('createdByUserId')}) returning *),
  stored as (insert into ${assetContents} (asset_id, content) values (${param('id', 'uuid')}, ${param('content', 'bytea')}))
  select ${assetColumns} from s`)

/** The place of a new asset. */
interface AssetPlace {
  /** The folder of the file within its company, as clients see it in `objectKey`. */
  readonly namespace: string
  /** The attachment whose file it is; the file is deleted with it. Null for an image of the company. */
  readonly attachmentId: string | null
}

/**
 * (tx) Stores a validated file. Size and hash are those of the stored bytes, which differ from the received ones for a drawing.
 * @throws Refusal `unprocessable` when the files of the company reach their limit
 */
export async function storeFile(tx: Tx, ctx: Ctx, file: ValidatedFile, { namespace, attachmentId }: AssetPlace): Promise<AssetRow> {
  const companyId = companyOf(ctx)
  const { bytes: usedBytes } = exactlyOne(await tx.run(sumCompanyBytes, { companyId }))
  if (usedBytes + file.bytes.length > MAX_COMPANY_BYTES)
    refuse('unprocessable', { message: 'The files of this company have reached their limit of 10 GB' })
  const id = randomUUID()
  const { agentId, userId } = authorOf(ctx.actor)
  const rows = await tx.run(insertAsset, {
    id,
    companyId,
    attachmentId,
    objectKey: `${companyId}/${namespace}/${id}`,
    contentType: file.contentType,
    byteSize: file.bytes.length,
    sha256: file.sha256,
    originalFilename: file.name,
    createdByAgentId: agentId,
    createdByUserId: userId,
    content: file.bytes,
  })
  return exactlyOne(rows)
}
