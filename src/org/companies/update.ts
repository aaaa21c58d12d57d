import { eq, sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { assets } from '../../model/assets.ts'
import { companies } from '../../model/companies.ts'
import { mutate, changedIfAny } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { notFound, refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyUpdated } from './events.ts'
import { lockCompany } from './lock.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import { companyStatus } from '../../model/companyStatus.ts'
import type { PatchCompany } from './views.ts'

/** What a CEO may change: how the company looks. */
const brandingFields: ReadonlySet<string> = new Set(['name', 'description', 'brandColor', 'logoAssetId'])

interface LogoFacts {
  readonly isOwn: boolean
  readonly contentType: string
  readonly isAttached: boolean
}

const selectLogo = statement<{ id: string; companyId: string; anywhere: boolean }, LogoFacts>('company_logo').read(sql`
  select company_id = ${param('companyId')} as "isOwn", content_type as "contentType", attachment_id is not null as "isAttached"
  from ${assets} where id = ${param('id')} and (company_id = ${param('companyId')} or ${param('anywhere', 'boolean')})`)

/**
 * (tx) Refuses a logo that is not there, is no image, or goes with an attachment. To an agent a foreign one is missing
 * (I12); the board, which may see every company, is told what is wrong.
 * @throws Refusal `not_found`, `other_company`, `unprocessable`
 */
export async function requireLogo(tx: Tx, ctx: Ctx, id: string | null | undefined): Promise<void> {
  if (typeof id !== 'string') return
  const [logo] = await tx.run(selectLogo, { id, companyId: companyOf(ctx), anywhere: ctx.actor.kind !== 'agent' })
  if (logo === undefined) throw notFound('Logo asset')
  if (!logo.isOwn) refuse('other_company', { message: 'Logo asset belongs to another company' })
  if (logo.isAttached || !logo.contentType.startsWith('image/')) {
    refuse('unprocessable', { message: 'A logo is an image that was uploaded as one' })
  }
}

/**
 * (tx) Changes a company; who may change what has been judged before. Expects the company's row lock.
 * @returns what happened: nothing, when it was so already
 * @throws Refusal `illegal_transition`
 */
export async function applyCompanyPatch(tx: Tx, ctx: Ctx, id: string, input: PatchCompany): Promise<DomainEvent[]> {
  const before = await companyById(tx, id)
  const providedFields = Object.entries(input).filter(([key, value]) => value !== undefined && key !== 'spentMonthlyCents')
  const changes = providedFields.filter(([key, value]) => value !== before[key as keyof CompanyRow])
  if (input.status !== undefined && input.status !== before.status) companyStatus.transition(before.status, input.status)
  if (changes.length === 0) return []
  const givesConsent =
    input.feedbackDataSharingEnabled === true && before.feedbackDataSharingConsentAt === null && ctx.actor.kind === 'board'
  await tx
    .update(companies)
    .set({
      ...Object.fromEntries(changes),
      ...(givesConsent
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
export async function updateCompany(ctx: Ctx, input: PatchCompany): Promise<CompanyRow> {
  const id = companyOf(ctx)
  const providedFields = Object.entries(input).filter(([key, value]) => value !== undefined && key !== 'spentMonthlyCents')
  const refusedFields = providedFields.map(([key]) => key).filter((key) => !brandingFields.has(key))
  if (ctx.actor.kind === 'agent' && refusedFields.length > 0) refuse('field_not_permitted', { details: { fields: refusedFields } })
  // Archiving ends work, which a plain change of a field does not.
  if (input.status === 'archived') refuse('unprocessable', { message: 'Use POST /api/companies/:companyId/archive' })
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await requireActingRun(tx, ctx)
    await requireLogo(tx, ctx, input.logoAssetId)
    const events = await applyCompanyPatch(tx, ctx, id, input)
    return changedIfAny(await companyById(tx, id), events)
  })
}
