import { eq, sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { companies } from '../db/schema/companies.ts'
import { changed, mutate, unchanged } from '../db/mutate.ts'
import { abridge } from '../kernel/text.ts'
import { judgeActingRun } from '../runs/index.ts'
import { companyBranded } from './events.ts'
import { lockCompany } from './lock.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import { demandLogo } from './update.ts'
import type { Branding } from './views.ts'

/** Changes how a company looks; what is already so records nothing. @throws Refusal of `demandLogo` */
export async function brandCompany(ctx: Ctx, wanted: Branding): Promise<CompanyRow> {
  const id = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await judgeActingRun(tx, ctx)
    await demandLogo(tx, ctx, wanted.logoAssetId)
    const before = await companyById(tx, id)
    const changes = Object.entries(wanted).filter(([key, value]) => value !== undefined && value !== before[key as keyof CompanyRow])
    if (changes.length === 0) return unchanged(before)
    await tx
      .update(companies)
      .set({ ...Object.fromEntries(changes), updatedAt: sql`now()` })
      .where(eq(companies.id, id))
    const said = Object.fromEntries(changes.map(([key, value]) => [key, abridge(value)]))
    const previous = Object.fromEntries(changes.map(([key]) => [key, abridge(before[key as keyof CompanyRow])]))
    const event = companyBranded(id, { ...said, changedKeys: changes.map(([key]) => key), _previous: previous })
    return changed(await companyById(tx, id), event)
  })
}
