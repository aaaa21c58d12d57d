import { eq, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { assets } from '../../model/assets.ts'
import { companies } from '../../model/companies.ts'
import { mutate, changedIfAny } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { requireTag } from '../../http/entityTag.ts'
import { reasonDetails } from '../../http/reasonBody.ts'
import { fieldsMeaning } from '../../auth/power.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyUpdated } from './events.ts'
import { lockCompany } from './lock.ts'
import { setMonthlyBudgetAtEnd } from './monthlyBudgets.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import { companyStatus } from '../../model/companyStatus.ts'
import type { CompanyStatus } from '../../model/companyStatus.ts'
import type { PatchCompany, patchCompanyBody } from './views.ts'

/** The fields that a CEO may change: the appearance of the company. */
const brandingFields = fieldsMeaning('company.update', 'free')

interface LogoFacts {
  readonly isOwn: boolean
  readonly contentType: string
  readonly isAttached: boolean
}

const selectLogo = statement<{ id: string; companyId: string; anywhere: boolean }, LogoFacts>('company_logo').read(sql`
  select company_id = ${param('companyId')} as "isOwn", content_type as "contentType", attachment_id is not null as "isAttached"
  from ${assets} where id = ${param('id')} and (company_id = ${param('companyId')} or ${param('anywhere', 'boolean')})`)

/**
 * (tx) Refuses a logo that does not exist, is not an image, or belongs to an attachment. For an agent, a logo of another
 * company does not exist (I12). The board may see every company and gets the exact reason.
 * @throws Refusal `not_found`, `other_company`, `unprocessable`
 */
export async function requireLogo(tx: Tx, ctx: Ctx, id: string | null | undefined): Promise<void> {
  if (typeof id !== 'string') return
  const [logo] = await tx.run(selectLogo, { id, companyId: companyOf(ctx), anywhere: ctx.actor.kind !== 'agent' })
  if (logo === undefined) refuse('not_found', { message: 'Logo asset not found' })
  if (!logo.isOwn) refuse('other_company', { message: 'Logo asset belongs to another company' })
  if (logo.isAttached || !logo.contentType.startsWith('image/')) {
    refuse('unprocessable', { message: 'A logo is an image that was uploaded as one' })
  }
}

/** The columns of a pause after a change of status by a person: also one that a budget has made ends with it. */
function pauseColumns(before: CompanyStatus, status: CompanyStatus | undefined): { pauseReason?: string | null; pausedAt?: SQL | null } {
  if (status === undefined || status === before) return {}
  return status === 'paused' ? { pauseReason: 'manual', pausedAt: sql`now()` } : { pauseReason: null, pausedAt: null }
}

/**
 * (tx) Changes a company. Expects the company's row lock and a caller that was allowed to change these fields.
 * @param input with the reason of a person, which only the audit row has
 * @returns the events: none when nothing differs
 * @throws Refusal `illegal_transition`
 */
export async function applyCompanyPatch(
  tx: Tx,
  ctx: Ctx,
  id: string,
  input: PatchCompany & { reason?: string | null },
): Promise<DomainEvent[]> {
  const before = await companyById(tx, id)
  const { spentMonthlyCents: _, reason = null, ...fields } = input
  const changes = changesOf(before, fields)
  if (input.status !== undefined && input.status !== before.status) companyStatus.transition(before.status, input.status)
  if (changes.length === 0) return []
  const givesConsent =
    input.feedbackDataSharingEnabled === true && before.feedbackDataSharingConsentAt === null && ctx.actor.kind === 'board'
  const { budgetMonthlyCents, ...columns } = Object.fromEntries(changes) as Partial<CompanyRow>
  if (budgetMonthlyCents !== undefined) setMonthlyBudgetAtEnd(tx, id, id, budgetMonthlyCents)
  await tx
    .update(companies)
    .set({
      ...columns,
      ...pauseColumns(before.status, input.status),
      ...(givesConsent
        ? {
            feedbackDataSharingConsentAt: sql`now()`,
            feedbackDataSharingConsentByUserId: ctx.actor.kind === 'board' ? ctx.actor.userId : null,
          }
        : {}),
      updatedAt: nextUpdatedAt,
    })
    .where(eq(companies.id, id))
  const details = changeDetails(before, changes, (_key, value) => value)
  return [companyUpdated(id, { ...details, ...reasonDetails(reason) })]
}

/** Changes a company. A CEO may change its branding only. @throws Refusal `field_not_permitted`, `illegal_transition`, `precondition_failed` */
export async function updateCompany(ctx: Ctx, input: z.output<typeof patchCompanyBody>, ifMatch: string | null): Promise<CompanyRow> {
  const id = companyOf(ctx)
  const providedFields = Object.entries(input).filter(([key, value]) => value !== undefined && key !== 'spentMonthlyCents')
  const refusedFields = providedFields.map(([key]) => key).filter((key) => !brandingFields.has(key))
  if (ctx.actor.kind === 'agent' && refusedFields.length > 0) refuse('field_not_permitted', { details: { fields: refusedFields } })
  // Archiving ends runs, so it has its own endpoint.
  if (input.status === 'archived') refuse('unprocessable', { message: 'Use POST /api/companies/:companyId/archive' })
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, id)
    await requireActingRun(tx, ctx)
    requireTag(ifMatch, await companyById(tx, id), 'company')
    await requireLogo(tx, ctx, input.logoAssetId)
    const events = await applyCompanyPatch(tx, ctx, id, input)
    const { budgetMonthlyCents } = input
    return changedIfAny({ ...(await companyById(tx, id)), ...(budgetMonthlyCents === undefined ? {} : { budgetMonthlyCents }) }, events)
  })
}
