import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { addTrigger, createRoutine, nowOf, runsOf } from '../../dev/testing/routines.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const guessed = useServer({ guessesPerMinute: 3 })
const board = () => server().board

async function webhook(fields: Record<string, unknown> = {}, routine: Record<string, unknown> = {}) {
  const here = await world(server())
  const agent = await here.agent()
  const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id, concurrencyPolicy: 'always_enqueue', ...routine })
  const { trigger, secretMaterial } = await addTrigger(id, { kind: 'webhook', ...fields }, board())
  const path = new URL(secretMaterial.webhookUrl).pathname
  return {
    here,
    agent,
    routineId: id,
    trigger,
    secret: secretMaterial.webhookSecret as string,
    path,
    url: secretMaterial.webhookUrl as string,
  }
}

const secondsNow = async (): Promise<number> => Math.floor(Date.parse(await nowOf(server())) / 1000)

/** Sends bytes as they are. */
async function call(path: string, body: string, headers: Record<string, string>) {
  const response = await fetch(`${server().url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  const text = await response.text()
  // oxlint-disable-next-line typescript/no-explicit-any
  return { status: response.status, text, body: (text.startsWith('{') ? JSON.parse(text) : undefined) as any }
}

const signed = (secret: string, timestamp: number | string, body: string): Record<string, string> => ({
  'x-paperclip-timestamp': String(timestamp),
  'x-paperclip-signature': `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`,
})

describe('a webhook with a bearer', () => {
  test('Its address and its secret are shown once, the secret is sealed in the database, and no audit row has it', async () => {
    const { trigger, secret, url, routineId } = await webhook()
    expect(url).toBe(`${server().url.replace('localhost', '127.0.0.1')}/api/routine-triggers/public/${trigger.publicId}/fire`)
    expect(trigger).toMatchObject({
      publicId: expect.stringMatching(/^[0-9a-f]{24}$/),
      signingMode: 'bearer',
      replayWindowSec: 300,
      secretId: null,
    })
    expect(JSON.stringify((await board().get(`/api/routines/${routineId}`)).body)).not.toContain(secret)
    const { rows } = await server().database.sql.query(
      `select (select string_agg(t::text, '') from routine_triggers t) || (select string_agg(l::text, '') from activity_log l) as all`,
    )
    expect(rows[0].all).not.toContain(secret)
    expect(rows[0].all).not.toContain(Buffer.from(secret).toString('hex'))
  })

  test('A call with the secret runs the routine with the values of the payload', async () => {
    const { secret, path, routineId } = await webhook({}, { title: 'From {{sender}}', variables: [{ name: 'sender' }] })
    const answer = await call(path, '{"sender":"Ada","more":[1]}', { authorization: `Bearer ${secret}` })
    expect(answer).toMatchObject({
      status: 202,
      body: { status: 'issue_created', source: 'webhook', triggerPayload: { sender: 'Ada', more: [1] } },
    })
    expect((await board().get(`/api/issues/${answer.body.linkedIssueId}`)).body.title).toBe('From Ada')
    expect(await lastAudit(server(), answer.body.id, 'routine.run_triggered')).toMatchObject({
      actorType: 'system',
      actorId: 'routine webhook',
      details: { routineId },
    })
    expect((await call(path, '{}', { authorization: `Bearer ${secret}` })).status).toBe(422)
    expect((await call(path, '{"variables":{"sender":"Bob"},"sender":"Ada"}', { authorization: `Bearer ${secret}` })).status).toBe(202)
    expect((await runsOf(server(), routineId)).length).toBe(2)
  })

  test('A wrong secret, none, and an address that does not exist have the same answer, and leave nothing', async () => {
    const { secret, path, agent } = await webhook()
    const before = await auditCount(server())
    const unknown = path.replace(/[0-9a-f]{24}/, '0'.repeat(24))
    const answers = [
      await call(path, '{}', {}),
      await call(path, '{}', { authorization: 'Bearer wrong' }),
      await call(path, '{}', { authorization: `Bearer ${agent.key}` }),
      await call(path, '{}', { authorization: `Basic ${secret}` }),
      await call(path, '{}', signed(secret, await secondsNow(), '{}')),
      await call(unknown, '{}', { authorization: `Bearer ${secret}` }),
      await call(unknown, '{}', {}),
    ].map(({ status, body: { requestId: _, ...rest } }) => ({ status, ...rest }))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 401, code: 'unauthorized' })
    expect(await auditCount(server())).toBe(before)
  })

  test('A secret that was replaced ends at once, and the address stays', async () => {
    const { trigger, secret, path } = await webhook()
    const { body } = await board().post(`/api/routine-triggers/${trigger.id}/rotate-secret`, {})
    expect(new URL(body.secretMaterial.webhookUrl).pathname).toBe(path)
    expect(body.trigger.lastRotatedAt).not.toBeNull()
    expect((await call(path, '{}', { authorization: `Bearer ${secret}` })).status).toBe(401)
    expect((await call(path, '{}', { authorization: `Bearer ${body.secretMaterial.webhookSecret}` })).status).toBe(202)
    const { trigger: api } = await addTrigger(trigger.routineId, { kind: 'api' }, board())
    expect((await board().post(`/api/routine-triggers/${api.id}/rotate-secret`, {})).status).toBe(422)
  })

  test('The same Idempotency-Key gets the run that it made, and only with the secret', async () => {
    const { secret, path, routineId } = await webhook()
    const key = { 'idempotency-key': 'delivery-1' }
    const first = await call(path, '{}', { ...key, authorization: `Bearer ${secret}` })
    const again = await call(path, '{"other":true}', { ...key, authorization: `Bearer ${secret}` })
    expect([first.status, again.body.id]).toEqual([202, first.body.id])
    expect((await call(path, '{}', key)).status).toBe(401)
    expect(await runsOf(server(), routineId)).toHaveLength(1)
  })

  test('A trigger or a routine that is off is 409 for who has the secret, and 401 for every other caller', async () => {
    const { secret, path, trigger, routineId } = await webhook()
    await board().patch(`/api/routine-triggers/${trigger.id}`, { enabled: false })
    expect((await call(path, '{}', { authorization: `Bearer ${secret}` })).status).toBe(409)
    expect((await call(path, '{}', { authorization: 'Bearer wrong' })).status).toBe(401)
    await board().patch(`/api/routine-triggers/${trigger.id}`, { enabled: true })
    await board().patch(`/api/routines/${routineId}`, { status: 'paused' })
    expect((await call(path, '{}', { authorization: `Bearer ${secret}` })).status).toBe(409)
  })

  test('A body beyond its limit, one that is no JSON, and more calls than a minute has are refused', async () => {
    const { secret, path, routineId, here } = await webhook()
    const auth = { authorization: `Bearer ${secret}` }
    expect((await call(path, JSON.stringify('x'.repeat(70_000)), auth)).status).toBe(413)
    expect((await call(path, '{', auth)).status).toBe(400)
    expect((await call(path, '[1,"any",null]', auth)).status).toBe(202)
    await server().database.sql.query(
      `insert into routine_runs (company_id, routine_id, trigger_id, source, status) select $1, $2, id, 'webhook', 'skipped'
         from routine_triggers, generate_series(1, 60) where routine_id = $2`,
      [here.company.id, routineId],
    )
    const refused = await call(path, '{}', auth)
    expect(refused).toMatchObject({ status: 429, body: { code: 'quota_exceeded' } })
  })

  test('The webhooks that an agent has the secret of make 160 runs an hour together, and those of the board are not counted', async () => {
    const { here, agent, routineId, secret, path, trigger } = await webhook()
    const own = (await agent.client.post(`/api/companies/${here.company.id}/routines`, { title: 'Own', assigneeAgentId: agent.id })).body
    const made = await addTrigger(own.id, { kind: 'webhook' }, agent.client)
    const ofAgent = new URL(made.secretMaterial.webhookUrl).pathname
    const callOwn = () => call(ofAgent, '{}', { authorization: `Bearer ${made.secretMaterial.webhookSecret}` })
    const insert = (of: string, triggerId: string, count: number) =>
      server().database.sql.query(
        `insert into routine_runs (company_id, routine_id, trigger_id, source, status, created_at)
           select $1, $2, $3, 'webhook', 'skipped', now() - interval '30 minutes' from generate_series(1, $4)`,
        [here.company.id, of, triggerId, count],
      )
    await insert(routineId, trigger.id, 200)
    expect((await callOwn()).status).toBe(202)
    // A trigger that the agent deletes takes its calls not with it.
    await insert(own.id, crypto.randomUUID(), 159)
    expect(await callOwn()).toMatchObject({ status: 429, body: { code: 'quota_exceeded', details: { limit: 160, windowSeconds: 3600 } } })
    expect((await call(path, '{}', { authorization: `Bearer ${secret}` })).status).toBe(202)
    // With a new secret of the agent, it is the agent's.
    const taken = await agent.client.post(`/api/routine-triggers/${trigger.id}/rotate-secret`, {})
    expect((await call(path, '{}', { authorization: `Bearer ${taken.body.secretMaterial.webhookSecret}` })).status).toBe(429)
  })

  test.each([
    ['its company is paused', 'company_paused', "update companies set status = 'paused', pause_reason = 'manual' where id = $1", 'company'],
    ['its company is archived', 'company_archived', "update companies set status = 'archived' where id = $1", 'company'],
    [
      'its agent is paused',
      'agent_not_invokable',
      "update agents set status = 'paused', pause_reason = 'manual', paused_at = now() where id = $1",
      'agent',
    ],
  ] as const)('A call is refused and leaves no row while %s', async (_, why, sql, subject) => {
    const { secret, path, routineId, here, agent } = await webhook({}, { concurrencyPolicy: 'skip_if_active' })
    const auth = { authorization: `Bearer ${secret}` }
    expect((await call(path, '{}', auth)).body.status).toBe('issue_created')
    expect((await call(path, '{}', auth)).body).toMatchObject({ status: 'skipped' })
    await server().database.sql.query(sql, [subject === 'company' ? here.company.id : agent.id])
    const before = await auditCount(server())
    for (let count = 0; count < 3; count += 1)
      expect(await call(path, '{"n":1}', auth)).toMatchObject({ status: 409, body: { code: 'conflict', details: { why } } })
    expect(await auditCount(server())).toBe(before)
    expect(await runsOf(server(), routineId)).toHaveLength(2)
    expect((await call(path, '{}', { authorization: 'Bearer wrong' })).status).toBe(401)
  })

  test('Guesses of one address are slowed', async () => {
    const fire = () => guessed().anonymous.post(`/api/routine-triggers/public/${'a'.repeat(24)}/fire`, {}, { authorization: 'Bearer x' })
    const statuses: number[] = []
    for (let count = 0; count < 5; count += 1) statuses.push((await fire()).status)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
  })
})

describe('a webhook with a signature', () => {
  const open = () => webhook({ signingMode: 'hmac_sha256', replayWindowSec: 60 })

  test('A signature over the time and the bytes of the body runs the routine; without `sha256=`, and with milliseconds, too', async () => {
    const { secret, path } = await open()
    const now = await secondsNow()
    const body = '{ "spaced" :  1 }'
    expect((await call(path, body, signed(secret, now, body))).status).toBe(202)
    const plain = signed(secret, `${now}123`, body)
    expect(
      (await call(path, body, { ...plain, 'x-paperclip-signature': plain['x-paperclip-signature']?.slice(7).toUpperCase() ?? '' })).status,
    ).toBe(202)
  })

  test('Another body, another time, another secret, a bearer and a time outside the window are refused alike', async () => {
    const { secret, path, routineId } = await open()
    const now = await secondsNow()
    const refused = [
      await call(path, '{"a":2}', signed(secret, now, '{"a":1}')),
      await call(path, '{}', { ...signed(secret, now, '{}'), 'x-paperclip-timestamp': String(now + 1) }),
      await call(path, '{}', signed('another secret', now, '{}')),
      await call(path, '{}', { authorization: `Bearer ${secret}` }),
      await call(path, '{}', signed(secret, now - 65, '{}')),
      await call(path, '{}', signed(secret, now + 65, '{}')),
      await call(path, '{}', signed(secret, 'now', '{}')),
      await call(path, '{}', signed(secret, '', '{}')),
    ]
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 401))
    expect(await runsOf(server(), routineId)).toEqual([])
  })

  test('A signature that is sent again within its window gets the run that it made, also when it comes five times at once', async () => {
    const { secret, path, routineId } = await open()
    const headers = signed(secret, await secondsNow(), '{"n":1}')
    const upper = { ...headers, 'x-paperclip-signature': `sha256=${headers['x-paperclip-signature']?.slice(7).toUpperCase()}` }
    const answers = await Promise.all([headers, headers, upper, headers, upper].map((each) => call(path, '{"n":1}', each)))
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202])
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(await runsOf(server(), routineId)).toHaveLength(1)
  })
})
