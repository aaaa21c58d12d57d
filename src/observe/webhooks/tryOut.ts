import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Outbound } from '../../adapters/index.ts'
import { webhookDeliveries } from '../../model/webhooks.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { createSemaphore } from '../../platform/kernel/semaphore.ts'
import { webhookTested } from './events.ts'
import { webhookById } from './queries.ts'
import type { WebhookDelivery } from './queries.ts'
import { readReceiver } from './receiver.ts'
import { sendMessage } from './send.ts'
import { originOf } from './target.ts'

/** The name of the message of a test. No event has it. */
const TEST_EVENT = 'webhook.test'

/** A test holds its request for as long as the receiver takes, so few are under way at once. */
const tests = createSemaphore()
const MAX_TESTS = 16
const MAX_TESTS_PER_COMPANY = 4
const RETRY_AFTER_S = 5

type Attempt = Omit<WebhookDelivery, 'id' | 'webhookId' | 'cursor' | 'createdAt'>

const insertTest = statement<Attempt & { id: string; companyId: string }, WebhookDelivery>('webhook_insert_test').write(sql`
  insert into ${webhookDeliveries} (company_id, webhook_id, message_id, event, attempt, status, error_code, error, duration_ms, answer)
  values (${param('companyId', 'uuid')}, ${param('id', 'uuid')}, ${param('messageId')}, ${param('event')}, ${param('attempt', 'int')},
    ${param('status', 'int')}, ${param('errorCode')}, ${param('error')}, ${param('durationMs', 'int')}, ${param('answer')})
  returning ${columnsOf(webhookDeliveries, ['companyId'])}`)

const bodyOf = (companyId: string, timestamp: number): string =>
  JSON.stringify({ type: TEST_EVENT, companyId, createdAt: new Date(timestamp * 1000).toISOString(), payload: {} })

/**
 * Sends a test message now, whatever the status of the endpoint, and records what came of it. The message says nothing of the company but its id, and the cursor does
 * not move. It is sent before it is recorded: a mutation waits for no receiver.
 * @throws Refusal `not_found`, `busy` with too many tests under way
 */
export async function testWebhook(ctx: Ctx, outbound: Outbound, id: string): Promise<WebhookDelivery> {
  const companyId = companyOf(ctx)
  const release = tests.tryAcquire([
    { key: 'all', max: MAX_TESTS },
    { key: companyId, max: MAX_TESTS_PER_COMPANY },
  ])
  if (release === null) return refuse('busy', { retryAfter: RETRY_AFTER_S })
  try {
    const receiver = await readReceiver(ctx.store.read, { id, companyId })
    if (receiver === null) return refuse('not_found', { message: 'Webhook not found' })
    const message = {
      id: `msg_test_${randomUUID().replaceAll('-', '')}`,
      timestamp: receiver.timestamp,
      body: bodyOf(companyId, receiver.timestamp),
    }
    const { status, errorCode, error, answer, durationMs } = await sendMessage(
      { outbound },
      receiver,
      message,
      new AbortController().signal,
    )
    return await mutate(ctx, async (tx) => {
      await lockCompany(tx, companyId)
      const { url } = await webhookById(tx, companyId, id)
      const attempt = { messageId: message.id, event: TEST_EVENT, attempt: 1, status, errorCode, error, answer, durationMs }
      const delivery = exactlyOne(await tx.run(insertTest, { id, companyId, ...attempt }))
      return changed(delivery, webhookTested(id, { origin: originOf(url), status, errorCode }))
    })
  } finally {
    release()
  }
}
