import { eq } from 'drizzle-orm'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { companies } from '../../model/companies.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import { requireTag } from '../../http/entityTag.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyBranded } from './events.ts'
import { lockCompany } from './lock.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import { requireLogo } from './update.ts'
import type { Branding } from './views.ts'

/** Changes the appearance of a company. Without a difference it records nothing. @throws Refusal as `requireLogo`; `precondition_failed` */
export async function updateBranding(ctx: Ctx, input: Branding, ifMatch: string | null): Promise<CompanyRow> {
  const id = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await requireActingRun(tx, ctx)
    const before = await companyById(tx, id)
    requireTag(ifMatch, before, 'company')
    await requireLogo(tx, ctx, input.logoAssetId)
    const changes = changesOf(before, input)
    if (changes.length === 0) return unchanged(before)
    await tx
      .update(companies)
      .set({ ...Object.fromEntries(changes), updatedAt: nextUpdatedAt })
      .where(eq(companies.id, id))
    return changed(await companyById(tx, id), companyBranded(id, changeDetails(before, changes)))
  })
}
