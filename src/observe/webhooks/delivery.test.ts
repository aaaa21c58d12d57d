import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { addressPolicy } from '../../adapters/index.ts'
import { follow } from '../../dev/testing/follower.ts'
import { waitUntil } from '../../dev/testing/holds.ts'
import { idOf, startReceiver } from '../../dev/testing/webhookReceiver.ts'
import type { Received } from '../../dev/testing/webhookReceiver.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { applyRetention } from '../../scheduler/retention.ts'
import { startWebhookDelivery } from './index.ts'
import type { WebhookDelivery } from './index.ts'

const server = useServer({ adapters: { allowedAddresses: ['127.0.0.1', 'turning.example'] } })

const LOOK_INTERVAL_MS = 20
const TIMEOUT_MS = 400

/** The names of the test; `turning.example` is on the operator's list until a test takes it off. */
const outbound = {
  policy: addressPolicy(['127.0.0.1']),
  resolve: async () => [{ address: '127.0.0.2', family: 4 }],
}

/** The task of a server. It ends with the test. */
function deliver(of: TestServer = server(), lookIntervalMs = LOOK_INTERVAL_MS): WebhookDelivery {
  const { store, feed } = of
  const options = { lookIntervalMs, renewIntervalMs: 5 * lookIntervalMs }
  const delivery = startWebhookDelivery({ store, feed, outbound, log: createLog('silent', false), timeoutMs: TIMEOUT_MS }, options)
  onTestFinished(() => delivery.stop())
  return delivery
}

async function setup() {
  const here = await world(server())
  const receiver = await startReceiver()
  const webhook = async (fields: Record<string, unknown> = {}) => {
    const answer = await server().board.post(`/api/companies/${here.company.id}/webhooks`, { url: receiver.url, ...fields })
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }
  return { ...here, receiver, webhook }
}

const read = async (id: string) => (await server().board.get(`/api/webhooks/${id}`)).body
const attemptsOf = async (id: string) => (await server().board.get(`/api/webhooks/${id}/deliveries`)).body
const subjectOf = ({ body }: Received): string => body.payload.entityId
const isStatus = (id: string, status: string) => waitUntil(`the webhook is ${status}`, async () => (await read(id)).status === status)
const hasFailures = (id: string, count: number) =>
  waitUntil(`${count} attempts have failed`, async () => (await read(id)).consecutiveFailures === count)

/** Gives the delivery the time to do what it must not do. No event marks an absence. */
const meanwhile = () => sleep(10 * LOOK_INTERVAL_MS)

describe('the delivery of events', () => {
  test('A receiver gets what the event stream serves, in its order, signed so that standardwebhooks verifies it', async () => {
    const { receiver, webhook, issue, company } = await setup()
    deliver()
    const { id, secret, cursor } = await webhook()
    const last = [await issue(), await issue(), await issue()].at(-1)
    await receiver.waitFor((message) => subjectOf(message) === last?.id)
    const stream = await follow(server().url, `/api/companies/${company.id}/events/stream?follow=false&after=${cursor}`)
    await stream.ended
    // The webhook was created behind its own cursor.
    expect(receiver.messages.map(({ body }) => body)).toEqual(stream.messages.map(({ data }) => data))
    expect(receiver.messages.map(({ body }) => body.payload.action)).toEqual([
      'webhook.created',
      'issue.created',
      'issue.created',
      'issue.created',
    ])
    for (const { text, headers } of receiver.messages) {
      expect(new Webhook(secret).verify(text, headers as Record<string, string>)).toEqual(JSON.parse(text))
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-paperclip-adapter': '1' })
    }
    expect(new Set(receiver.messages.map(idOf)).size).toBe(4)
    await waitUntil('the cursor is at the last event', async () => (await read(id)).cursor === stream.messages.at(-1)?.id)
    expect(
      (await attemptsOf(id)).map((row: { event: string; status: number; attempt: number }) => [row.event, row.status, row.attempt]),
    ).toEqual([
      ['issue.created', 204, 1],
      ['issue.created', 204, 1],
      ['issue.created', 204, 1],
      ['webhook.created', 204, 1],
    ])
  })

  test('A webhook gets no event of another company and none that its filters leave out', async () => {
    const { receiver, webhook, issue, company } = await setup()
    const elsewhere = await setup()
    deliver()
    await webhook({ events: ['goal.*'] })
    await elsewhere.issue()
    await issue()
    await server().board.post(`/api/companies/${elsewhere.company.id}/goals`, { title: 'Theirs' })
    const { body } = await server().board.post(`/api/companies/${company.id}/goals`, { title: 'Ours' })
    await receiver.waitForCount(1)
    await meanwhile()
    expect(receiver.messages.map(subjectOf)).toEqual([body.id])
  })

  test('Transactions that commit out of order are delivered in the order of the log, and no event before its commit', async () => {
    const { receiver, webhook, company } = await setup()
    deliver()
    await webhook({ events: ['test.*'] })
    const uncommitted: string[] = []
    receiver.answer(async ({ body }) => {
      const { rows } = await server().database.sql.query('select 1 from activity_log where id = $1', [body.payload.id])
      if (rows.length === 0) uncommitted.push(body.payload.id)
      return 204
    })
    const insert = `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id)
      select $1::uuid, 'system', 'test', 'test.' || $2::text, 'company', $1::uuid::text`
    const writers = Array.from({ length: 3 }, async (_, writer) => {
      for (let round = 0; round < 12; round += 1) {
        const connection = await server().database.sql.connect()
        try {
          await connection.query('begin')
          await connection.query(insert, [company.id, `w${writer}`])
          await connection.query('select pg_sleep($1)', [Math.random() * 0.02])
          await connection.query(insert, [company.id, `w${writer}`])
          await connection.query(round % 5 === 3 ? 'rollback' : 'commit')
        } finally {
          connection.release()
        }
      }
    })
    const hints = setInterval(() => server().feed.notify(), 5)
    onTestFinished(() => clearInterval(hints))
    await Promise.all(writers)
    const { rows } = await server().database.sql.query<{ id: string }>(
      `select id from activity_log where company_id = $1 and action like 'test.%' order by txid, seq`,
      [company.id],
    )
    expect(rows.length).toBeGreaterThan(50)
    await receiver.waitForCount(rows.length)
    expect(receiver.messages.map(({ body }) => body.payload.id)).toEqual(rows.map((row) => row.id))
    expect(uncommitted).toEqual([])
  })

  test('An event of a run is delivered as a member with the weakest role sees it, without secrets of the settings', async () => {
    const { receiver, webhook, run, agent, company } = await setup()
    deliver()
    await webhook({ events: ['heartbeat.run.event'] })
    const { id: runId, agentId } = await run(await agent())
    await server().database.sql.query(
      `insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type, message, payload) values ($1, $2, $3, 900, 'adapter.invoke', 'started',
        '{"command":"tool","env":{"API_KEY":"canary-of-the-environment"}}')`,
      [company.id, runId, agentId],
    )
    server().feed.notify()
    await receiver.waitFor(({ body }) => body.payload.seq === 900)
    expect(receiver.messages.map(({ text }) => text).join()).not.toContain('canary-of-the-environment')
    expect(receiver.messages.at(-1)?.body).toMatchObject({ type: 'heartbeat.run.event', payload: { runId, payload: { command: 'tool' } } })
  })
})

describe('a receiver that fails', () => {
  test('An event that is refused is sent again with the same id, and later events wait behind it', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    const { id } = await webhook({ events: ['issue.created'] })
    receiver.answer(() => 500)
    const issues = [await issue(), await issue(), await issue()]
    await hasFailures(id, 1)
    expect(await read(id)).toMatchObject({ status: 'active', lastError: expect.stringContaining('answered 500') as string })
    await server().database.passTime('6 seconds')
    await hasFailures(id, 2)
    await server().database.passTime('4 minutes')
    await meanwhile()
    expect(receiver.messages).toHaveLength(2)
    receiver.answer(() => 200)
    await server().database.passTime('2 minutes')
    await receiver.waitForCount(5)
    expect(receiver.messages.map(subjectOf)).toEqual([issues[0], issues[0], issues[0], issues[1], issues[2]].map((each) => each?.id))
    expect(new Set(receiver.messages.slice(0, 3).map(idOf)).size).toBe(1)
    expect(receiver.inEffect().map(subjectOf)).toEqual(issues.map((each) => each.id))
    await waitUntil('the failures are forgotten', async () => (await read(id)).consecutiveFailures === 0)
    expect(await read(id)).toMatchObject({ lastError: null, failingSince: null, nextAttemptAt: null })
    expect((await attemptsOf(id)).map((row: { attempt: number; status: number }) => [row.attempt, row.status])).toEqual([
      [1, 200],
      [1, 200],
      [3, 200],
      [2, 500],
      [1, 500],
    ])
  })

  test('A redirect is a failure and is not followed', async () => {
    const { receiver, webhook, issue } = await setup()
    const other = await startReceiver()
    deliver()
    receiver.answer((_, response) => void response.writeHead(301, { location: other.url }).end())
    const { id } = await webhook({ events: ['issue.created'] })
    await issue()
    await hasFailures(id, 1)
    expect(await attemptsOf(id)).toMatchObject([{ status: 301, errorCode: 'status' }])
    expect(other.messages).toEqual([])
  })

  test('A receiver that hangs, before its answer or within it, is a failure after the time limit, and no other webhook waits for it', async () => {
    const { receiver, webhook, issue } = await setup()
    const steady = await startReceiver()
    deliver()
    receiver.answer(({ path }, response) => {
      if (path === '/body') response.writeHead(200).write('beginning')
    })
    const silent = await webhook({ events: ['issue.created'] })
    const endless = await webhook({ url: receiver.url.replace('/hook', '/body'), events: ['issue.created'] })
    await webhook({ url: steady.url, events: ['issue.created'] })
    const { id } = await issue()
    await steady.waitFor((message) => subjectOf(message) === id)
    for (const each of [silent, endless]) {
      await hasFailures(each.id, 1)
      expect(await attemptsOf(each.id)).toMatchObject([{ status: null, errorCode: 'timeout' }])
    }
  })

  test('Of a long answer one kilobyte is read, and a success stays one', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    receiver.answer((_, response) => void response.writeHead(200).write('x'.repeat(100_000)))
    const { id } = await webhook({ events: ['issue.created'] })
    await issue()
    await waitUntil('it is delivered', async () => (await read(id)).lastSuccessAt !== null)
    const [attempt] = await attemptsOf(id)
    expect(attempt).toMatchObject({ status: 200, errorCode: null })
    expect(attempt.answer).toHaveLength(1024)
  })

  test('Retry-After lengthens the wait', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    receiver.answer((_, response) => void response.writeHead(429, { 'retry-after': '3600' }).end())
    const { id } = await webhook({ events: ['issue.created'] })
    await issue()
    await hasFailures(id, 1)
    const { failingSince, nextAttemptAt } = await read(id)
    expect(Date.parse(nextAttemptAt) - Date.parse(failingSince)).toBeGreaterThanOrEqual(3_600_000)
    await server().database.passTime('30 minutes')
    await meanwhile()
    expect(receiver.messages).toHaveLength(1)
  })

  test('A 410 disables the webhook at once, and the board sees it', async () => {
    const { receiver, webhook, issue, company } = await setup()
    deliver()
    receiver.answer(() => 410)
    const { id } = await webhook({ events: ['issue.created'] })
    await issue()
    await isStatus(id, 'disabled')
    expect(await read(id)).toMatchObject({ stoppedReason: 'gone' })
    expect(await lastAudit(server(), id, 'webhook.disabled')).toMatchObject({
      actorType: 'system',
      actorId: 'webhooks',
      details: { reason: 'gone', consecutiveFailures: 1, origin: new URL(receiver.url).origin },
    })
    await issue()
    await meanwhile()
    expect(receiver.messages).toHaveLength(1)
    expect((await server().board.get(`/api/companies/${company.id}/dashboard`)).body.stoppedWebhooks).toBe(1)
    expect((await server().board.get(`/api/companies/${company.id}/sidebar-badges`)).body.inbox).toBe(1)
  })

  test('After a day of failures the webhook is parked as a whole, and a replay resumes it in order without a gap', async () => {
    const { receiver, webhook, issue, company } = await setup()
    deliver()
    receiver.answer(() => 503)
    const { id } = await webhook({ events: ['issue.created'] })
    const issues = [await issue(), await issue()]
    await hasFailures(id, 1)
    for (const [failures, wait] of [
      [2, '6 seconds'],
      [3, '6 minutes'],
      [4, '34 minutes'],
      [5, '135 minutes'],
      [6, '6 hours'],
      [7, '11 hours'],
    ] as const) {
      await server().database.passTime(wait)
      await hasFailures(id, failures)
    }
    expect((await read(id)).status).toBe('active')
    await server().database.passTime('11 hours')
    await isStatus(id, 'parked')
    expect(await read(id)).toMatchObject({ stoppedReason: 'retries_exhausted', consecutiveFailures: 8, nextAttemptAt: null })
    expect((await lastAudit(server(), id, 'webhook.parked')).details).toMatchObject({ reason: 'retries_exhausted', consecutiveFailures: 8 })
    expect((await server().board.get(`/api/companies/${company.id}/dashboard`)).body.stoppedWebhooks).toBe(1)
    issues.push(await issue())
    await server().database.passTime('2 days')
    await meanwhile()
    expect(receiver.messages).toHaveLength(8)
    receiver.answer(() => 200)
    expect(await server().board.post(`/api/webhooks/${id}/replay`)).toMatchObject({
      status: 200,
      body: { status: 'active', consecutiveFailures: 0 },
    })
    await receiver.waitForCount(11)
    expect(receiver.inEffect().map(subjectOf)).toEqual(issues.map((each) => each.id))
    expect((await server().board.get(`/api/companies/${company.id}/dashboard`)).body.stoppedWebhooks).toBe(0)
  })

  test('A replay behind an event that is always refused skips that event and no other', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    const { id } = await webhook({ events: ['issue.created'] })
    receiver.answer(() => 500)
    const poison = await issue()
    await hasFailures(id, 1)
    receiver.answer((message) => (subjectOf(message) === poison.id ? 500 : 200))
    const next = await issue()
    const [{ cursor }] = await attemptsOf(id)
    await server().board.post(`/api/webhooks/${id}/replay`, { after: cursor })
    await receiver.waitFor((message) => subjectOf(message) === next.id)
  })

  test('A receiver that restarts gets every event once in effect and in order', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    const { id } = await webhook({ events: ['issue.created'] })
    let count = 0
    // It breaks off every third message: handled, and not answered.
    receiver.answer((_, response) => {
      count += 1
      if (count % 3 !== 0) return 204
      response.destroy()
      return undefined
    })
    const issues = []
    for (let made = 0; made < 10; made += 1) issues.push(await issue())
    await waitUntil('the last event is delivered', async () => {
      await server().database.passTime('6 seconds')
      await sleep(2 * LOOK_INTERVAL_MS)
      return receiver.inEffect().length === issues.length && (await read(id)).consecutiveFailures === 0
    })
    expect(receiver.inEffect().map(subjectOf)).toEqual(issues.map((each) => each.id))
    expect(receiver.messages.length).toBeGreaterThan(issues.length)
  })
})

describe('several servers', () => {
  test('Each webhook is served by one server at a time, and each event is sent once', async () => {
    const { receiver, webhook, issue } = await setup()
    const peer = await server().startPeer()
    onTestFinished(() => peer.stop())
    const deliveries = [deliver(), deliver(peer)]
    const made = []
    for (let each = 0; each < 6; each += 1) made.push(await webhook({ url: `${receiver.url}/${each}`, events: ['issue.created'] }))
    await waitUntil('every webhook is served', async () => new Set(deliveries.flatMap((each) => each.servedIds())).size >= 6)
    const issues = []
    for (let count = 0; count < 5; count += 1) issues.push(await issue())
    await receiver.waitForCount(30)
    await meanwhile()
    expect(receiver.messages).toHaveLength(30)
    for (let each = 0; each < 6; each += 1)
      expect(receiver.messages.filter(({ path }) => path.endsWith(`/${each}`)).map(subjectOf)).toEqual(issues.map(({ id }) => id))
  })

  test('A server that was stopped for longer than its lease moves no cursor and sends nothing more', async () => {
    const { receiver, webhook, issue } = await setup()
    const peer = await server().startPeer()
    onTestFinished(() => peer.stop())
    // After it has taken the webhook it neither looks nor renews in the time of the test, so only the fence stops it.
    const first = deliver(server(), 3_600_000)
    const { id } = await webhook({ events: ['issue.created'] })
    let letGo = (): void => {}
    const released = new Promise<void>((resolve) => (letGo = resolve))
    receiver.answer(async () => {
      if (receiver.messages.length === 1) await Promise.race([released, sleep(TIMEOUT_MS / 2)])
      return 204
    })
    const issues = [await issue(), await issue(), await issue()]
    await receiver.waitForCount(1)
    // As if its lease had run out while it waits for the receiver.
    await server().database.sql.query("update webhook_endpoints set leased_until = now() - interval '1 second' where id = $1", [id])
    const second = deliver(peer)
    await receiver.waitForCount(4)
    letGo()
    await meanwhile()
    expect(receiver.messages.map(subjectOf)).toEqual([issues[0], ...issues].map((each) => each?.id))
    expect(receiver.inEffect().map(subjectOf)).toEqual(issues.map((each) => each.id))
    expect([first, second].map((each) => each.servedIds().includes(id))).toEqual([false, true])
  })

  test('A server that stops gives its webhooks back at once, behind what it has delivered', async () => {
    const { receiver, webhook, issue } = await setup()
    const first = deliver()
    const { id } = await webhook({ events: ['issue.created'] })
    const before = await issue()
    await receiver.waitForCount(1)
    await first.stop()
    const { rows } = await server().database.sql.query(
      'select leased_until <= clock_timestamp() as free from webhook_endpoints where id = $1',
      [id],
    )
    expect(rows).toEqual([{ free: true }])
    const after = await issue()
    await meanwhile()
    expect(receiver.messages).toHaveLength(1)
    deliver()
    await receiver.waitForCount(2)
    await meanwhile()
    expect(receiver.messages.map(subjectOf)).toEqual([before.id, after.id])
  })

  test('A server that stops while a receiver hangs is done soon, and counts no failure', async () => {
    const { receiver, webhook, issue } = await setup()
    const { store, feed } = server()
    // A receiver may take fifteen seconds; a stop may not.
    const delivery = startWebhookDelivery({ store, feed, outbound, log: createLog('silent', false) }, { lookIntervalMs: LOOK_INTERVAL_MS })
    receiver.answer(() => undefined)
    const { id } = await webhook({ events: ['issue.created'] })
    await issue()
    await receiver.waitForCount(1)
    await delivery.stop()
    expect(await read(id)).toMatchObject({ consecutiveFailures: 0, status: 'active' })
    expect(await attemptsOf(id)).toEqual([])
  })
})

describe('acts of the board while events are delivered', () => {
  test('A webhook that is deleted or disabled gets nothing from the answer on', async () => {
    const { receiver, webhook, issue } = await setup()
    const delivery = deliver()
    const [deleted, disabled] = [await webhook({ events: ['issue.created'] }), await webhook({ events: ['issue.created'] })]
    await issue()
    await receiver.waitForCount(2)
    await server().board.del(`/api/webhooks/${deleted.id}`)
    await server().board.patch(`/api/webhooks/${disabled.id}`, { status: 'disabled' })
    await issue()
    await waitUntil(
      'neither is served',
      async () => !delivery.servedIds().some((served) => served === deleted.id || served === disabled.id),
    )
    await meanwhile()
    expect(receiver.messages).toHaveLength(2)
  })

  test('A webhook whose company is being deleted gets nothing more', async () => {
    const { receiver, webhook, company } = await setup()
    deliver()
    await webhook({ events: ['*'] })
    await receiver.waitForCount(1)
    expect((await server().board.del(`/api/companies/${company.id}`)).status).toBe(200)
    await meanwhile()
    expect(receiver.messages.map(({ body }) => body.payload.action).filter((action) => action === 'company.deleted')).toEqual([])
    const { rows } = await server().database.sql.query('select 1 from webhook_endpoints where company_id = $1', [company.id])
    expect(rows).toEqual([])
  })

  test('Changed filters and a changed URL take effect at once, behind the same cursor', async () => {
    const { receiver, webhook, issue, company } = await setup()
    const other = await startReceiver()
    deliver()
    const { id } = await webhook({ events: ['issue.created'] })
    const first = await issue()
    await receiver.waitForCount(1)
    await server().board.patch(`/api/webhooks/${id}`, { url: other.url, events: ['goal.created'] })
    await issue()
    const { body: goal } = await server().board.post(`/api/companies/${company.id}/goals`, { title: 'Ours' })
    await other.waitForCount(1)
    expect(other.messages.map(subjectOf)).toEqual([goal.id])
    expect(receiver.messages.map(subjectOf)).toEqual([first.id])
  })

  test('During the overlap of a rotation both secrets sign, and behind it the new one alone', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    const { id, secret } = await webhook({ events: ['issue.created'] })
    const { body: rotated } = await server().board.post(`/api/webhooks/${id}/rotate-secret`, { overlapSec: 60 })
    await issue()
    await receiver.waitForCount(1)
    // By the package again, but for its check of the time: the clock of the database goes before that of the test.
    const signatures = ({ headers }: Received): string[] => String(headers['webhook-signature']).split(' ')
    const signed = (by: string, { text, headers }: Received): string =>
      new Webhook(by).sign(String(headers['webhook-id']), new Date(Number(headers['webhook-timestamp']) * 1000), text)
    const [during] = receiver.messages as [Received]
    expect(signatures(during)).toEqual([signed(rotated.secret, during), signed(secret, during)])
    await server().database.passTime('61 seconds')
    await issue()
    await receiver.waitForCount(2)
    const behind = receiver.messages[1] as Received
    expect(signatures(behind)).toEqual([signed(rotated.secret, behind)])
  })
})

describe('what retention has deleted', () => {
  test('Retention notes up to where it deleted events of runs, and a webhook that wanted them is parked and not silently behind', async () => {
    const { receiver, webhook, run, agent, company } = await setup()
    const [wanting, other] = [await webhook({ events: ['*'] }), await webhook({ events: ['issue.*'] })]
    const { id: runId, agentId } = await run(await agent())
    await server().database.sql.query(
      `insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type, message) values ($1, $2, $3, 900, 'progress', 'on')`,
      [company.id, runId, agentId],
    )
    await server().database.passTime('3 days')
    await applyRetention(server().store, { logDays: 2, wakeDays: 0, runDays: 0 })
    const delivery = deliver()
    await isStatus(wanting.id, 'parked')
    expect(await read(wanting.id)).toMatchObject({ stoppedReason: 'log_not_kept', cursor: wanting.cursor })
    expect(await actionsOf(server(), wanting.id)).toEqual(['webhook.created', 'webhook.parked'])
    expect(receiver.messages).toEqual([])
    await waitUntil('the other one is served', async () => delivery.servedIds().includes(other.id))
    expect(await server().board.post(`/api/webhooks/${wanting.id}/replay`)).toMatchObject({ status: 409, body: { code: 'log_not_kept' } })
    const { lowWatermark } = await server().feed.readWatermarks()
    const present = Buffer.from(JSON.stringify([String(lowWatermark.txid), lowWatermark.source, lowWatermark.number])).toString('base64url')
    expect(await server().board.post(`/api/webhooks/${wanting.id}/replay`, { after: present })).toMatchObject({
      status: 200,
      body: { status: 'active' },
    })
  })

  test('Attempts are deleted after a month', async () => {
    const { receiver, webhook, issue } = await setup()
    deliver()
    const { id } = await webhook({ events: ['issue.created'] })
    await issue()
    await receiver.waitForCount(1)
    await waitUntil('the attempt is recorded', async () => (await attemptsOf(id)).length === 1)
    await server().database.passTime('31 days')
    await applyRetention(server().store, { logDays: 0, wakeDays: 0, runDays: 0 })
    expect(await attemptsOf(id)).toEqual([])
  })
})

test('A webhook whose address became private is refused with each delivery, and waits for the board like any that fails', async () => {
  const { webhook, issue } = await setup()
  deliver()
  const { id } = await webhook({ events: ['issue.created'] })
  await server().database.sql.query("update webhook_endpoints set url = 'https://turning.example/hook' where id = $1", [id])
  await issue()
  await hasFailures(id, 1)
  expect(await attemptsOf(id)).toMatchObject([{ status: null, errorCode: 'address_refused' }])
})

test('Webhooks that wait cost at most three queries a second', async () => {
  const { webhook, issue, receiver } = await setup()
  const { store, feed } = server()
  const delivery = startWebhookDelivery({ store, feed, outbound, log: createLog('silent', false) })
  onTestFinished(() => delivery.stop())
  await webhook({ events: ['issue.created'] })
  await issue()
  await receiver.waitForCount(1)
  let queries = 0
  const run = store.read.run.bind(store.read)
  const counting = Object.assign(store.read, {
    run: ((...args: Parameters<typeof run>) => ((queries += 1), run(...args))) as typeof store.read.run,
  })
  onTestFinished(() => void (counting.run = run))
  await sleep(500)
  queries = 0
  // No event marks the absence of queries, so the test can only watch for a while.
  await sleep(2000)
  // Two looks of the tail and two of the delivery, and what begins within the time.
  expect(queries).toBeLessThanOrEqual(6)
})
