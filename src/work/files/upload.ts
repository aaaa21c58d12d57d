import { sql } from 'drizzle-orm'
import { requireActingRun } from '../../auth/runFacts.ts'
import { assets } from '../../model/assets.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { assetCreated } from './events.ts'
import type { AssetRow } from './queries.ts'
import { storeFile } from './storeFile.ts'
import { validateImage } from './validateFile.ts'

/** Images of one company that belong to no issue. No request deletes one, because any text may show it. */
const MAX_IMAGES = 1000

const countImages = statement<{ companyId: string }, { count: number }>('asset_count_images').read(
  sql`select count(*)::int as count from ${assets} where company_id = ${param('companyId')} and attachment_id is null`,
)

/**
 * Stores an image of a company: a picture in a text, or its logo once the company names it.
 * @param namespace the folder of the image within its company, as clients see it in `objectKey`
 * @throws Refusal `file_type_unsupported`, `file_invalid`; `company_not_active`; `unprocessable` beyond the limits
 */
export async function uploadImage(ctx: Ctx, file: ReceivedFile, namespace: string): Promise<AssetRow> {
  const companyId = companyOf(ctx)
  const image = validateImage(file)
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const { count } = exactlyOne(await tx.run(countImages, { companyId }))
    if (count >= MAX_IMAGES) refuse('unprocessable', { message: `A company has at most ${MAX_IMAGES} images` })
    const asset = await storeFile(tx, ctx, image, { namespace, attachmentId: null })
    const { assetId, contentType, byteSize, sha256, objectKey } = asset
    return changed(asset, assetCreated(assetId, { contentType, byteSize, sha256, objectKey }))
  })
}
