import { sql } from 'drizzle-orm'
import { lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import { assets } from '../db/schema/assets.ts'
import { param, statement } from '../db/statement.ts'
import type { ReceivedFile } from '../http/multipart.ts'
import { refuse } from '../kernel/errors.ts'
import { only } from '../kernel/only.ts'
import { judgeActingRun } from '../runs/index.ts'
import { assetCreated } from './events.ts'
import { imageTypes, judgeFile } from './media.ts'
import { assetById } from './queries.ts'
import type { AssetRow } from './queries.ts'
import { keepFile } from './store.ts'

/** Images of one company that hang on no issue. Nothing takes one away again, because any text may show it. */
const MOST_IMAGES = 1000

const countImages = statement<{ companyId: string }, { count: number }>('asset_count_images').read(
  sql`select count(*)::int as count from ${assets} where company_id = ${param('companyId')} and attachment_id is null`,
)

/**
 * Keeps an image of a company: its logo, once the company names it, or a picture in a text.
 * @throws Refusal `file_type_unsupported`, `file_invalid`; `company_not_active`; `unprocessable` beyond the limits
 */
export async function uploadImage(ctx: Ctx, file: ReceivedFile, namespace: string): Promise<AssetRow> {
  const companyId = companyOf(ctx)
  const image = judgeFile(file, imageTypes)
  return await mutate(ctx, async (tx) => {
    const company = await lockCompany(tx, companyId)
    if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
    await judgeActingRun(tx, ctx)
    const { count } = only(await tx.run(countImages, { companyId }))
    if (count >= MOST_IMAGES) refuse('unprocessable', { message: `A company has at most ${MOST_IMAGES} images` })
    const { id, contentType, byteSize, sha256, objectKey } = await keepFile(tx, ctx, image, namespace, null)
    return changed(await assetById(tx, companyId, id), assetCreated(id, { contentType, byteSize, sha256, objectKey }))
  })
}
