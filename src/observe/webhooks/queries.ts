import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { runEventFloors, webhookDeliveries, webhookEndpoints } from '../../model/webhooks.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation, keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { cursorOf, isAfter, sources } from '../events/index.ts'
import type { Position } from '../events/index.ts'
import type { webhookDeliveryView, webhookView } from './views.ts'

export type Webhook = z.output<typeof webhookView>
export type WebhookDelivery = z.output<typeof webhookDeliveryView>

/** The cursor of an endpoint as its columns have it. */
export interface CursorColumns {
  readonly cursorTxid: string
  readonly cursorSource: number
  readonly cursorNumber: number
}

export const cursorColumns = sql`${webhookEndpoints}.cursor_txid::text as "cursorTxid", ${webhookEndpoints}.cursor_source as "cursorSource",
  ${webhookEndpoints}.cursor_number as "cursorNumber"`

export const positionIn = ({ cursorTxid, cursorSource, cursorNumber }: CursorColumns): Position => ({
  txid: BigInt(cursorTxid),
  source: cursorSource,
  number: cursorNumber,
})

/** A position as parameters of a statement. */
export const cursorParams = ({ txid, source, number }: Position) => ({
  cursorTxid: String(txid),
  cursorSource: source,
  cursorNumber: number,
})

type Row = Omit<Webhook, 'cursor'> & CursorColumns

// An endpoint that waits for nothing has no next attempt.
const columns = sql`${columnsOf(webhookEndpoints, [
  'cursorTxid',
  'cursorSource',
  'cursorNumber',
  'nextAttemptAt',
  'previousSecretUntil',
  'secretKeyId',
  'secretSealed',
  'previousSecretKeyId',
  'previousSecretSealed',
  'leaseEpoch',
  'leasedUntil',
])}, ${cursorColumns},
  case when status = 'active' and consecutive_failures > 0 then next_attempt_at end as "nextAttemptAt",
  case when previous_secret_until > now() then previous_secret_until end as "previousSecretUntil"`

function present(row: Row): Webhook {
  const { cursorTxid, cursorSource, cursorNumber, ...rest } = row
  return { ...rest, cursor: cursorOf(positionIn({ cursorTxid, cursorSource, cursorNumber })) }
}

const selectWebhook = statement<{ id: string; companyId: string }, Row>('webhook_by_id').read(
  sql`select ${columns} from ${webhookEndpoints} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** One endpoint of a company. @throws Refusal `not_found` */
export async function webhookById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<Webhook> {
  const [row] = await db.run(selectWebhook, { id, companyId })
  return row === undefined ? refuse('not_found', { message: 'Webhook not found' }) : present(row)
}

const listOrder = byCreation('asc')
const listStatement = dynamicRead<KeysetParams & { companyId: string }, Row>('webhook_list')

/** The endpoints of a company, oldest first. */
export async function listWebhooks(ctx: Ctx, request: PageRequest): Promise<Page<Webhook>> {
  const page = listOrder.page(request)
  const list = listStatement(
    String(page.hasCursor),
    () => sql`select ${columns} from ${webhookEndpoints} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
  )
  return await mapPage(await page.read(ctx.store.read, list, { companyId: companyOf(ctx), ...page.params }), present)
}

const deliveryOrder = keyset('desc', [{ field: 'id', column: 'id', type: 'bigint' }])
const deliveryList = dynamicRead<KeysetParams & { companyId: string; webhookId: string }, WebhookDelivery>('webhook_delivery_list')

/** The attempts of an endpoint that are kept, newest first. @throws Refusal `not_found` for its endpoint */
export async function listDeliveries(ctx: Ctx, webhookId: string, request: PageRequest): Promise<Page<WebhookDelivery>> {
  const companyId = companyOf(ctx)
  await webhookById(ctx.store.read, companyId, webhookId)
  const page = deliveryOrder.page(request)
  const list = deliveryList(
    String(page.hasCursor),
    () => sql`select ${columnsOf(webhookDeliveries, ['companyId'])} from ${webhookDeliveries} where webhook_id = ${param('webhookId', 'uuid')}
      and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor} order by ${deliveryOrder.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, list, { companyId, webhookId, ...page.params })
}

const selectFloor = statement<{ companyId: string }, { txid: string; number: number }>('webhook_log_floor').read(
  sql`select txid::text as txid, number from ${runEventFloors} where company_id = ${param('companyId', 'uuid')}`,
)

/** Whether events of runs of a company behind a position were deleted. Then the events that were read from there before this call are not all. */
export async function isLogCut(db: Pick<ReadDb, 'run'>, companyId: string, position: Position): Promise<boolean> {
  const [floor] = await db.run(selectFloor, { companyId })
  return floor !== undefined && isAfter({ txid: BigInt(floor.txid), source: sources.runEvent, number: floor.number }, position)
}
