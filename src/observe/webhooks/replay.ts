import { eq } from 'drizzle-orm'
import { webhookEndpoints } from '../../model/webhooks.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { cursorOf, isAfter, parseCursor } from '../events/index.ts'
import type { Feed } from '../events/index.ts'
import { webhookReplayed } from './events.ts'
import { wantsRunEvents } from './filters.ts'
import { cursorParams, isLogCut, webhookById } from './queries.ts'
import type { Webhook } from './queries.ts'
import { takenAway, triedAfresh } from './write.ts'

/**
 * Delivers again from a position, or goes on from where an endpoint stood; one that was parked or disabled is active again. Each message has the id that it had
 * before.
 * @param after the cursor behind which delivery begins; null for that of the endpoint
 * @throws Refusal `malformed_cursor` also for a cursor of the future, `log_not_kept` when retention has deleted what follows
 */
export async function replayWebhook(ctx: Ctx, feed: Feed, id: string, after: string | null): Promise<Webhook> {
  const companyId = companyOf(ctx)
  const asked = after === null ? null : parseCursor(after)
  const { highWatermark } = await feed.readWatermarks()
  if (asked !== null && isAfter(asked, highWatermark))
    refuse('malformed_cursor', { message: 'The cursor lies behind every event of this database' })
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const before = await webhookById(tx, companyId, id)
    const position = asked ?? parseCursor(before.cursor)
    if (wantsRunEvents(before.events) && (await isLogCut(tx, companyId, position)))
      refuse('log_not_kept', { details: { after: cursorOf(position) } })
    await tx
      .update(webhookEndpoints)
      .set({
        status: 'active',
        stoppedAt: null,
        stoppedReason: null,
        ...cursorParams(position),
        ...takenAway,
        ...triedAfresh,
        updatedAt: nextUpdatedAt,
      })
      .where(eq(webhookEndpoints.id, id))
    const details = { cursor: cursorOf(position), previousCursor: before.cursor, previousStatus: before.status }
    return changed(await webhookById(tx, companyId, id), webhookReplayed(id, details))
  })
}
