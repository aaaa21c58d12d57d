import { eq, sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { companies } from '../db/schema/companies.ts'
import { mutate, settled } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { judgeActingRun } from '../runs/index.ts'
import { companyUpdated } from './events.ts'
import { lockCompany } from './lock.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import { companyStatus } from './status.ts'
import type { PatchCompany } from './views.ts'

/** What a CEO may change: how the company looks. */
const branding: ReadonlySet<string> = new Set(['name', 'description', 'brandColor', 'logoAssetId'])

/** Refuses a logo that is not there; this server keeps no images yet, so only taking it away is possible. */
export function demandLogo(logoAssetId: string | null | undefined): void {
  if (typeof logoAssetId === 'string') throw notFound('Logo asset')
}

/**
 * (tx) Changes a company; who may change what has been judged before. Expects the company's row lock.
 * @returns what happened: nothing, when it was so already
 * @throws Refusal `illegal_transition`
 */
export async function applyToCompany(tx: Tx, ctx: Ctx, id: string, wanted: PatchCompany): Promise<DomainEvent[]> {
  const before = await companyById(tx, id)
  const given = Object.entries(wanted).filter(([key, value]) => value !== undefined && key !== 'spentMonthlyCents')
  const changes = given.filter(([key, value]) => value !== before[key as keyof CompanyRow])
  if (wanted.status !== undefined && wanted.status !== before.status) companyStatus.step(before.status, wanted.status)
  if (changes.length === 0) return []
  const consents = wanted.feedbackDataSharingEnabled === true && before.feedbackDataSharingConsentAt === null && ctx.actor.kind === 'board'
  await tx
    .update(companies)
    .set({
      ...Object.fromEntries(changes),
      ...(consents
        ? {
            feedbackDataSharingConsentAt: sql`now()`,
            feedbackDataSharingConsentByUserId: ctx.actor.kind === 'board' ? ctx.actor.userId : null,
          }
        : {}),
      updatedAt: sql`now()`,
    })
    .where(eq(companies.id, id))
  const changedKeys = changes.map(([key]) => key)
  const previous = Object.fromEntries(changedKeys.map((key) => [key, before[key as keyof CompanyRow]]))
  return [companyUpdated(id, { ...Object.fromEntries(changes), changedKeys, _previous: previous })]
}

/** Changes a company. A CEO may change its branding only. @throws Refusal `field_not_permitted`, `illegal_transition` */
export async function updateCompany(ctx: Ctx, wanted: PatchCompany): Promise<CompanyRow> {
  const id = companyOf(ctx)
  const given = Object.entries(wanted).filter(([key, value]) => value !== undefined && key !== 'spentMonthlyCents')
  const refused = given.map(([key]) => key).filter((key) => !branding.has(key))
  if (ctx.actor.kind === 'agent' && refused.length > 0) refuse('field_not_permitted', { details: { fields: refused } })
  // Archiving ends work, which a plain change of a field does not.
  if (wanted.status === 'archived') refuse('unprocessable', { message: 'Use POST /api/companies/:companyId/archive' })
  demandLogo(wanted.logoAssetId)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await judgeActingRun(tx, ctx)
    const events = await applyToCompany(tx, ctx, id, wanted)
    return settled(await companyById(tx, id), events)
  })
}
