// The acts of the board on endpoints. Each one that changes what is sent takes the endpoint from the server that serves it, by raising its epoch.

import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Outbound } from '../../adapters/index.ts'
import { requireTag } from '../../http/entityTag.ts'
import { webhookEndpoints } from '../../model/webhooks.ts'
import { webhookStatus } from '../../model/webhookStatus.ts'
import { lockCompany, lockUnarchivedCompany } from '../../org/companies/index.ts'
import { sealValue } from '../../org/vault/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Position } from '../events/index.ts'
import { webhookCreated, webhookDeleted, webhookUpdated } from './events.ts'
import { cursorParams, webhookById } from './queries.ts'
import type { Webhook } from './queries.ts'
import { createSecret, sealPurpose } from './signing.ts'
import { checkTarget, originOf } from './target.ts'
import type { CreateWebhook, PatchWebhook } from './views.ts'

/** The most endpoints of a company: each reads the log and sends by itself. */
const MAX_WEBHOOKS = 20

/** The columns by which an endpoint leaves the server that serves it; the next look of any server takes it again. */
export const takenAway = { leaseEpoch: sql`lease_epoch + 1`, leasedUntil: sql`now()` } as const

/** The columns of an endpoint that begins a new series of attempts. */
export const triedAfresh = { consecutiveFailures: 0, failingSince: null, nextAttemptAt: sql`now()`, lastError: null } as const

const countWebhooks = statement<{ companyId: string }, { count: number }>('webhook_count').read(
  sql`select count(*)::int as count from ${webhookEndpoints} where company_id = ${param('companyId')}`,
)

/**
 * Creates an endpoint. It gets every event that commits from now on.
 * @param present a position behind which every event of the future lies, read before
 * @returns the endpoint with its secret, which is shown once
 * @throws Refusal `unprocessable` beyond the endpoints of a company, `address_not_allowed`, `company_not_active`, `vault_locked`
 */
export async function createWebhook(
  ctx: Ctx,
  outbound: Outbound,
  input: CreateWebhook,
  present: Position,
): Promise<Webhook & { readonly secret: string }> {
  const companyId = companyOf(ctx)
  const url = await checkTarget(outbound, input.url)
  const { events, description = null } = input
  const [id, secret] = [randomUUID(), createSecret()]
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    const { count } = exactlyOne(await tx.run(countWebhooks, { companyId }))
    if (count >= MAX_WEBHOOKS) refuse('unprocessable', { message: `A company has at most ${MAX_WEBHOOKS} webhooks` })
    const { keyId, sealed } = await sealValue(tx, companyId, sealPurpose(id, 1), secret)
    await tx
      .insert(webhookEndpoints)
      .values({ id, companyId, url, description, events, secretKeyId: keyId, secretSealed: sealed, ...cursorParams(present) })
    const webhook = await webhookById(tx, companyId, id)
    return changed({ ...webhook, secret }, webhookCreated(id, { origin: originOf(url), events, description }))
  })
}

/** The columns that a change of the status writes. @throws Refusal `illegal_transition` */
function statusColumns(from: Webhook['status'], to: Webhook['status'] | undefined): Record<string, string | SQL | null> {
  if (to === undefined || to === from) return {}
  const status = webhookStatus.transition(from, to)
  return status === 'active' ? { status, stoppedAt: null, stoppedReason: null } : { status, stoppedAt: sql`now()`, stoppedReason: 'board' }
}

/**
 * Changes an endpoint. Without a difference it records nothing. Every event that was not delivered stays behind the cursor, whatever is changed.
 * @throws Refusal `address_not_allowed`, `unprocessable`, `illegal_transition`, `precondition_failed`
 */
export async function updateWebhook(
  ctx: Ctx,
  outbound: Outbound,
  id: string,
  { input, ifMatch }: { readonly input: PatchWebhook; readonly ifMatch: string | null },
): Promise<Webhook> {
  const companyId = companyOf(ctx)
  const wanted = input.url === undefined ? input : { ...input, url: await checkTarget(outbound, input.url) }
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const before = await webhookById(tx, companyId, id)
    requireTag(ifMatch, before, 'webhook')
    const changes = changesOf(before, wanted)
    if (changes.length === 0) return unchanged(before)
    const { status, ...fields } = Object.fromEntries(changes) as PatchWebhook
    const changesDelivery = changes.some(([key]) => key !== 'description')
    await tx
      .update(webhookEndpoints)
      .set({
        ...fields,
        ...statusColumns(before.status, status),
        ...(changesDelivery ? { ...takenAway, ...triedAfresh } : {}),
        updatedAt: nextUpdatedAt,
      })
      .where(eq(webhookEndpoints.id, id))
    const after = await webhookById(tx, companyId, id)
    const details = {
      changedKeys: changes.map(([key]) => key),
      origin: originOf(after.url),
      previousOrigin: originOf(before.url),
      events: after.events,
      previousEvents: before.events,
      status: after.status,
      previousStatus: before.status,
    }
    return changed(after, webhookUpdated(id, details))
  })
}

/** Deletes an endpoint with its deliveries. From the commit on nothing is sent to it. @throws Refusal `not_found` */
export async function deleteWebhook(ctx: Ctx, id: string): Promise<Webhook> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const webhook = await webhookById(tx, companyId, id)
    await tx.delete(webhookEndpoints).where(eq(webhookEndpoints.id, id))
    return changed(webhook, webhookDeleted(id, { origin: originOf(webhook.url), cursor: webhook.cursor }))
  })
}
