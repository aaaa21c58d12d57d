import { eq, sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { assets } from '../db/schema/assets.ts'
import { companies } from '../db/schema/companies.ts'
import { mutate, settled } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { param, statement } from '../db/statement.ts'
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

interface LogoFound {
  readonly isOwn: boolean
  readonly contentType: string
  readonly isAttached: boolean
}

const logoById = statement<{ id: string; companyId: string; anywhere: boolean }, LogoFound>('company_logo').read(sql`
  select company_id = ${param('companyId')} as "isOwn", content_type as "contentType", attachment_id is not null as "isAttached"
  from ${assets} where id = ${param('id')} and (company_id = ${param('companyId')} or ${param('anywhere', 'boolean')})`)

/**
 * (tx) Refuses a logo that is not there, is no image, or goes with an attachment. To an agent a foreign one is missing
 * (I12); the board, which may see every company, is told what is wrong.
 * @throws Refusal `not_found`, `other_company`, `unprocessable`
 */
export async function demandLogo(tx: Tx, ctx: Ctx, id: string | null | undefined): Promise<void> {
  if (typeof id !== 'string') return
  const [found] = await tx.run(logoById, { id, companyId: companyOf(ctx), anywhere: ctx.actor.kind !== 'agent' })
  if (found === undefined) throw notFound('Logo asset')
  if (!found.isOwn) refuse('other_company', { message: 'Logo asset belongs to another company' })
  if (found.isAttached || !found.contentType.startsWith('image/')) {
    refuse('unprocessable', { message: 'A logo is an image that was uploaded as one' })
  }
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
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await judgeActingRun(tx, ctx)
    await demandLogo(tx, ctx, wanted.logoAssetId)
    const events = await applyToCompany(tx, ctx, id, wanted)
    return settled(await companyById(tx, id), events)
  })
}
