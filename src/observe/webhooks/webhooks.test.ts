import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { startReceiver } from '../../dev/testing/webhookReceiver.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

/** Names of the test and their addresses, so that no name server is asked. */
const names: Readonly<Record<string, readonly string[]>> = {
  'public.example': ['93.184.216.34'],
  'private.example': ['10.0.0.7'],
  localhost: ['127.0.0.2'],
  'mapped.example': ['::ffff:10.0.0.7'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
  'listed.example': ['10.1.2.3'],
}

const resolve = async (host: string) => {
  const found = names[host]
  if (found === undefined) throw new Error('no such name')
  return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

const server = useServer({ adapters: { allowedAddresses: ['127.0.0.1', 'listed.example'], resolve } })

const URL_OF_TEST = 'https://public.example/hook?token=s3cret'

async function setup() {
  const here = await world(server())
  const list = `/api/companies/${here.company.id}/webhooks`
  const create = async (fields: Record<string, unknown> = {}) => await server().board.post(list, { url: URL_OF_TEST, ...fields })
  const made = async (fields: Record<string, unknown> = {}) => {
    const answer = await create(fields)
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }
  return { ...here, list, create, made }
}

describe('webhooks', () => {
  test('The board creates a webhook, whose secret no later answer and no audit row has', async () => {
    const { create, list } = await setup()
    const { status, body } = await create({ events: ['issue.*', 'goal.created'], description: 'The team' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      url: URL_OF_TEST,
      events: ['issue.*', 'goal.created'],
      description: 'The team',
      status: 'active',
      stoppedAt: null,
      stoppedReason: null,
      consecutiveFailures: 0,
      nextAttemptAt: null,
      secretVersion: 1,
      previousSecretUntil: null,
    })
    expect(body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const { secret: _, ...shown } = body
    expect((await server().board.get(`/api/webhooks/${body.id}`)).body).toEqual(shown)
    expect((await server().board.get(list)).body).toEqual([shown])
    const { details } = await lastAudit(server(), body.id, 'webhook.created')
    // Agents read the record, and a path or a query is often the secret of the receiver.
    expect(details).toEqual({ origin: 'https://public.example', events: ['issue.*', 'goal.created'], description: 'The team' })
    const { rows } = await server().database.sql.query('select secret_sealed from webhook_endpoints where id = $1', [body.id])
    expect(rows[0].secret_sealed.toString('latin1')).not.toContain(body.secret.slice(6, 20))
  })

  test('Without a filter a webhook wants every event', async () => {
    const { made } = await setup()
    expect((await made()).events).toEqual(['*'])
  })

  test('A change is recorded by its keys, and a change without a difference is not recorded', async () => {
    const { made } = await setup()
    const { id } = await made({ events: ['issue.*'] })
    const answer = await server().board.patch(`/api/webhooks/${id}`, { url: 'https://public.example:8443/other', events: ['*'] })
    expect(answer).toMatchObject({ status: 200, body: { url: 'https://public.example:8443/other', events: ['*'] } })
    expect((await lastAudit(server(), id, 'webhook.updated')).details).toEqual({
      changedKeys: ['url', 'events'],
      origin: 'https://public.example:8443',
      previousOrigin: 'https://public.example',
      events: ['*'],
      previousEvents: ['issue.*'],
      status: 'active',
      previousStatus: 'active',
    })
    const before = await auditCount(server())
    expect(await server().board.patch(`/api/webhooks/${id}`, { events: ['*'] })).toMatchObject({ status: 200 })
    expect(await auditCount(server())).toBe(before)
  })

  test('A change under an old entity tag is refused', async () => {
    const { made } = await setup()
    const { id } = await made()
    const { etag = '' } = (await server().board.get(`/api/webhooks/${id}`)).headers
    await server().board.patch(`/api/webhooks/${id}`, { description: 'first' })
    expect(await server().board.patch(`/api/webhooks/${id}`, { description: 'second' }, { 'if-match': etag })).toMatchObject({
      status: 412,
      body: { code: 'precondition_failed', webhook: { description: 'first' } },
    })
  })

  test('The board disables a webhook and makes it active again behind the same cursor', async () => {
    const { made } = await setup()
    const { id, cursor } = await made()
    expect(await server().board.patch(`/api/webhooks/${id}`, { status: 'disabled' })).toMatchObject({
      status: 200,
      body: { status: 'disabled', stoppedReason: 'board', cursor },
    })
    expect(await server().board.patch(`/api/webhooks/${id}`, { status: 'active' })).toMatchObject({
      status: 200,
      body: { status: 'active', stoppedReason: null, stoppedAt: null, cursor },
    })
    expect(await server().board.patch(`/api/webhooks/${id}`, { status: 'parked' })).toMatchObject({ status: 400 })
  })

  test('A deleted webhook is a 404 with its attempts, and the audit row names its cursor', async () => {
    const { made, list } = await setup()
    const { id, cursor } = await made()
    expect(await server().board.del(`/api/webhooks/${id}`)).toMatchObject({ status: 200, body: { id } })
    expect((await lastAudit(server(), id, 'webhook.deleted')).details).toEqual({ origin: 'https://public.example', cursor })
    expect((await server().board.get(list)).body).toEqual([])
    for (const answer of [
      await server().board.get(`/api/webhooks/${id}`),
      await server().board.get(`/api/webhooks/${id}/deliveries`),
      await server().board.del(`/api/webhooks/${id}`),
      await server().board.post(`/api/webhooks/${id}/test`),
    ])
      expect(answer).toMatchObject({ status: 404, body: { error: 'Webhook not found' } })
  })

  test('Places that are not public are refused when a webhook is saved, in every form that an address has', async () => {
    const { create, made } = await setup()
    const { id } = await made()
    const before = await auditCount(server())
    const places = [
      'https://localhost/',
      'https://private.example/',
      'https://mapped.example/',
      'https://10.0.0.1/',
      'https://127.2/',
      'https://2130706434/',
      'https://0x7f.0.0.2/',
      'https://0177.0.0.2/',
      'https://169.254.169.254/latest/meta-data/',
      'https://[::1]/',
      'https://[::ffff:10.0.0.1]/',
      'https://[::ffff:a00:1]/',
      'https://[64:ff9b::a00:1]/',
      'https://[2002:a00:1::1]/',
      'https://[fe80::1]/',
      'https://[fd00::1]/',
      // Over http only what the operator lists.
      'http://public.example/',
      'http://93.184.216.34/',
      'http://unknown.example/',
    ]
    for (const url of places) {
      expect(await create({ url }), url).toMatchObject({ status: 422, body: { code: 'address_not_allowed' } })
      expect(await server().board.patch(`/api/webhooks/${id}`, { url }), url).toMatchObject({ status: 422 })
    }
    for (const url of [
      'ftp://public.example/',
      'not a url',
      'https://',
      '//public.example/',
      'https://user:secret@public.example/',
      'https://public.example/#part',
    ])
      expect(await create({ url }), url).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
    expect(await create({ url: `https://public.example/${'x'.repeat(2000)}` })).toMatchObject({ status: 400 })
    expect(await auditCount(server())).toBe(before)
  })

  test('Places that the operator lists may have http and a private address, and a name that cannot be looked up now is looked up with each delivery', async () => {
    const { made } = await setup()
    for (const url of [
      'http://127.0.0.1:9/',
      'http://listed.example/',
      'https://listed.example/',
      'https://unknown.example/',
      'https://mixed.example/',
    ])
      expect((await made({ url })).url).toBe(url)
  })

  test('Filters that no event could have, too many of them and unknown status are refused', async () => {
    const { create } = await setup()
    for (const events of [[], [''], ['Issue.created'], ['issue*'], Array.from({ length: 51 }, () => '*'), ['x'.repeat(101)], '*'])
      expect(await create({ events }), JSON.stringify(events).slice(0, 50)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed' },
      })
  })

  test('A company has at most 20 webhooks, also when many are created at once', async () => {
    const { create, list } = await setup()
    const answers = await race(Array.from({ length: 24 }), () => create())
    expect(countByStatus(answers)).toEqual({ 201: 20, 422: 4 })
    expect((await server().board.get(list)).body).toHaveLength(20)
  })

  test('Two requests with the same Idempotency-Key create one webhook and show the same secret', async () => {
    const { list } = await setup()
    const key = { 'Idempotency-Key': randomUUID() }
    const answers = [await server().board.post(list, { url: URL_OF_TEST }, key), await server().board.post(list, { url: URL_OF_TEST }, key)]
    expect(answers[1]?.body).toEqual(answers[0]?.body)
    expect((await server().board.get(list)).body).toHaveLength(1)
  })

  test('No agent reads or changes webhooks, and those of another company are answered as missing ones', async () => {
    const { made, list, run, agent } = await setup()
    const { id } = await made()
    const worker = await run(await agent({ role: 'ceo' }))
    for (const client of [worker.client, (await agent()).client]) {
      expect(await client.get(list)).toMatchObject({ status: 403, body: { error: 'Board access required' } })
      expect(await client.post(list, { url: URL_OF_TEST })).toMatchObject({ status: 403 })
      expect(await client.post(`/api/webhooks/${id}/replay`, {})).toMatchObject({ status: 403 })
    }
    expect(await server().board.get(`/api/webhooks/${randomUUID()}`)).toMatchObject({ status: 404, body: { error: 'Webhook not found' } })
    expect((await server().board.get('/api/webhooks/nope')).status).toBe(400)
    const elsewhere = await setup()
    expect((await server().board.get(elsewhere.list)).body).toEqual([])
  })
})

describe('the secret of a webhook', () => {
  test('A rotation shows a new secret, keeps the one before for the overlap, and a rotation without overlap ends it at once', async () => {
    const { made } = await setup()
    const { id, secret } = await made()
    const first = await server().board.post(`/api/webhooks/${id}/rotate-secret`, { overlapSec: 3600 })
    expect(first).toMatchObject({ status: 200, body: { secretVersion: 2 } })
    expect(first.body.secret).not.toBe(secret)
    expect(Date.parse(first.body.previousSecretUntil)).toBeGreaterThan(Date.parse(first.body.createdAt) + 3_590_000)
    expect((await lastAudit(server(), id, 'webhook.secret_rotated')).details).toEqual({
      version: 2,
      previousUntil: first.body.previousSecretUntil,
    })
    const second = await server().board.post(`/api/webhooks/${id}/rotate-secret`, { overlapSec: 0 })
    expect(second.body).toMatchObject({ secretVersion: 3, previousSecretUntil: null })
    expect(await server().board.post(`/api/webhooks/${id}/rotate-secret`, { overlapSec: 8 * 86_400 })).toMatchObject({ status: 400 })
  })
})

describe('the test of a webhook', () => {
  test('A test sends a signed message at once, records what came of it, and moves no cursor', async () => {
    const { made, company } = await setup()
    const receiver = await startReceiver()
    const { id, secret, cursor } = await made({ url: receiver.url })
    const answer = await server().board.post(`/api/webhooks/${id}/test`)
    expect(answer).toMatchObject({
      status: 200,
      body: { webhookId: id, event: 'webhook.test', cursor: null, attempt: 1, status: 204, errorCode: null, error: null },
    })
    const [message] = receiver.messages
    if (message === undefined) throw new Error('no message came')
    expect(new Webhook(secret).verify(message.text, message.headers as Record<string, string>)).toMatchObject({
      type: 'webhook.test',
      companyId: company.id,
      payload: {},
    })
    expect((await server().board.get(`/api/webhooks/${id}/deliveries`)).body).toEqual([answer.body])
    expect((await server().board.get(`/api/webhooks/${id}`)).body.cursor).toBe(cursor)
    expect((await lastAudit(server(), id, 'webhook.tested')).details).toEqual({
      origin: new URL(receiver.url).origin,
      status: 204,
      errorCode: null,
    })
  })

  test('A test that fails is an answer with the reason, and of an answer the first kilobyte is kept without what looks like a secret', async () => {
    const { made } = await setup()
    const receiver = await startReceiver()
    receiver.answer((_, response) => void response.writeHead(500).end(`bearer abcdefghijklmnopqrstuvwx ${'x'.repeat(5000)}`))
    const { id } = await made({ url: receiver.url })
    const { body } = await server().board.post(`/api/webhooks/${id}/test`)
    expect(body).toMatchObject({ status: 500, errorCode: 'status', error: expect.stringContaining('answered 500') as string })
    expect(body.answer.length).toBeLessThanOrEqual(1024)
    expect(body.answer).toMatch(/^bearer \*\*\*REDACTED\*\*\* x/)
    expect(await actionsOf(server(), id)).toEqual(['webhook.created', 'webhook.tested'])
    const unreachable = await made({ url: 'https://unknown.example/' })
    expect((await server().board.post(`/api/webhooks/${unreachable.id}/test`)).body).toMatchObject({
      status: null,
      errorCode: 'connection_failed',
    })
  })

  test('A name that became private after it was saved gets no connection', async () => {
    const { made } = await setup()
    const { id } = await made({ url: 'https://turning.example/' })
    Object.assign(names, { 'turning.example': ['127.0.0.2'] })
    expect((await server().board.post(`/api/webhooks/${id}/test`)).body).toMatchObject({ status: null, errorCode: 'address_refused' })
  })
})

describe('the replay of a webhook', () => {
  test('A replay sets the cursor to a position of the log, and cursors of the future and malformed ones are refused', async () => {
    const { made, issue } = await setup()
    const { id, cursor } = await made()
    await issue()
    const before = await auditCount(server())
    expect(await server().board.post(`/api/webhooks/${id}/replay`, { after: 'nonsense' })).toMatchObject({
      status: 400,
      body: { code: 'malformed_cursor' },
    })
    const future = Buffer.from(JSON.stringify(['99999999999', 0, 1])).toString('base64url')
    expect(await server().board.post(`/api/webhooks/${id}/replay`, { after: future })).toMatchObject({
      status: 400,
      body: { code: 'malformed_cursor' },
    })
    expect(await auditCount(server())).toBe(before)
    const replayed = await server().board.post(`/api/webhooks/${id}/replay`, { after: '0' })
    expect(replayed).toMatchObject({ status: 200, body: { status: 'active' } })
    expect((await lastAudit(server(), id, 'webhook.replayed')).details).toEqual({
      cursor: replayed.body.cursor,
      previousCursor: cursor,
      previousStatus: 'active',
    })
  })

  test('A replay of events that retention has deleted is refused, and one that wants none of them is not', async () => {
    const { made, company } = await setup()
    const { id } = await made()
    const audits = await made({ events: ['issue.*'] })
    await server().database.sql.query(
      `insert into run_event_floors (company_id, txid, number) select $1, horizon, 9007199254740991 from event_horizon()`,
      [company.id],
    )
    expect(await server().board.post(`/api/webhooks/${id}/replay`, { after: '0' })).toMatchObject({
      status: 409,
      body: { code: 'log_not_kept' },
    })
    expect(await server().board.post(`/api/webhooks/${audits.id}/replay`, { after: '0' })).toMatchObject({ status: 200 })
  })
})
