// The server gives up on an endpoint. It is an act with an audit row, so it waits for the company like those of the board.

import { sql } from 'drizzle-orm'
import { webhookEndpoints } from '../../model/webhooks.ts'
import type { WebhookStop } from '../../model/webhookStatus.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import { cursorOf } from '../events/index.ts'
import { webhookDisabled, webhookParked } from './events.ts'
import { cursorColumns, positionIn } from './queries.ts'
import type { CursorColumns } from './queries.ts'
import { originOf } from './target.ts'

const statusOf = { retries_exhausted: 'parked', log_not_kept: 'parked', gone: 'disabled' } as const satisfies Partial<
  Record<WebhookStop, string>
>

interface Stopped extends CursorColumns {
  readonly url: string
  readonly consecutiveFailures: number
}

const stopServed = statement<{ id: string; companyId: string; epoch: number; status: string; reason: string }, Stopped>('webhook_stop')
  .write(sql`
  update ${webhookEndpoints} set status = ${param('status', 'text')}, stopped_reason = ${param('reason', 'text')}, stopped_at = now(),
    lease_epoch = lease_epoch + 1, leased_until = now(), updated_at = ${nextUpdatedAt}
  where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} and lease_epoch = ${param('epoch', 'bigint')} and status = 'active'
  returning url, consecutive_failures as "consecutiveFailures", ${cursorColumns}`)

/**
 * Parks or disables an endpoint that this server serves. Nothing happens when it does not serve it any more: the board was faster.
 * @param reason `gone` disables; the others park
 */
export async function stopEndpoint(
  store: Store,
  { id, companyId, epoch }: { readonly id: string; readonly companyId: string; readonly epoch: number },
  reason: keyof typeof statusOf,
): Promise<void> {
  const ctx = systemCtx(store, companyId, 'webhooks')
  await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const status = statusOf[reason]
    const [stopped] = await tx.run(stopServed, { id, companyId, epoch, status, reason })
    if (stopped === undefined) return unchanged(null)
    const { url, consecutiveFailures } = stopped
    const details = { reason, origin: originOf(url), cursor: cursorOf(positionIn(stopped)), consecutiveFailures }
    return changed(null, status === 'parked' ? webhookParked(id, details) : webhookDisabled(id, details))
  })
}
