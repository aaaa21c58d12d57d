import { eq, sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { companies } from '../../model/companies.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { truncateForAudit } from '../../platform/kernel/text.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyBranded } from './events.ts'
import { lockCompany } from './lock.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import { requireLogo } from './update.ts'
import type { Branding } from './views.ts'

/** Changes how a company looks; what is already so records nothing. @throws Refusal of `demandLogo` */
export async function updateBranding(ctx: Ctx, input: Branding): Promise<CompanyRow> {
  const id = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await requireActingRun(tx, ctx)
    await requireLogo(tx, ctx, input.logoAssetId)
    const before = await companyById(tx, id)
    const changes = Object.entries(input).filter(([key, value]) => value !== undefined && value !== before[key as keyof CompanyRow])
    if (changes.length === 0) return unchanged(before)
    await tx
      .update(companies)
      .set({ ...Object.fromEntries(changes), updatedAt: sql`now()` })
      .where(eq(companies.id, id))
    const details = Object.fromEntries(changes.map(([key, value]) => [key, truncateForAudit(value)]))
    const previous = Object.fromEntries(changes.map(([key]) => [key, truncateForAudit(before[key as keyof CompanyRow])]))
    const event = companyBranded(id, { ...details, changedKeys: changes.map(([key]) => key), _previous: previous })
    return changed(await companyById(tx, id), event)
  })
}
