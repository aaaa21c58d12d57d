import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { race } from '../dev/testing/race.ts'
import { isLate } from '../dev/testing/slowness.ts'
import { auditCount, expireLease, useServer, world } from '../dev/testing/world.ts'
import type { Answer, TestAgent, World } from '../dev/testing/world.ts'

const server = useServer()
let here: World
let agent: TestAgent
beforeAll(async () => {
  here = await world(server())
  agent = await here.agent()
})

const underKey = (): Record<string, string> => ({ 'idempotency-key': randomUUID() })

/** The parts of an answer that a repeat must return again, to the byte. */
const comparable = ({ status, text, headers }: Answer) => ({ status, text, etag: headers['etag'] })

describe('K16: a repeat whose credential the first request ended', () => {
  test('A run that ends itself and never sees the answer gets the same answer, with and without a key', async () => {
    for (const headers of [underKey(), {}]) {
      const run = await here.run(agent)
      const finish = () => run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }, headers)
      const first = await finish()
      expect(first.status, first.text).toBe(200)
      const before = await auditCount(server())
      const again = await finish()
      expect(comparable(again)).toEqual(comparable(first))
      expect(again.headers['idempotency-replayed']).toBe('true')
      expect(await auditCount(server())).toBe(before)
    }
  })

  test('Of eight ends at once each has the same answer, and one has the effect', async () => {
    const run = await here.run(agent)
    const before = await auditCount(server())
    const answers = await race(
      Array.from({ length: 8 }, () => run.client),
      (client) => client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'failed' }),
    )
    for (const answer of answers) expect(comparable(answer)).toEqual(comparable(answers[0] as Answer))
    expect(answers[0]).toMatchObject({ status: 200, body: { status: 'failed' } })
    expect((await auditCount(server())) - before).toBe(1)
  })

  test('A comment that the run wrote under a key before its end is answered again afterwards, on every server', async () => {
    const run = await here.run(agent)
    const issue = await here.issue()
    const headers = underKey()
    const body = { body: 'done, I am off' }
    const first = await run.client.post(`/api/issues/${issue.id}/comments`, body, headers)
    expect(first.status).toBe(201)
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    const peer = await server().startPeer()
    try {
      for (const client of [run.client, peer.bearer(run.token)])
        expect(comparable(await client.post(`/api/issues/${issue.id}/comments`, body, headers))).toEqual(comparable(first))
    } finally {
      await peer.stop()
    }
  })

  test('The token of an ended run opens nothing else: no read, no other write, no other outcome', async () => {
    const run = await here.run(agent)
    const [other, issue] = [await here.run(agent), await here.issue()]
    const headers = underKey()
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }, headers)
    const before = await auditCount(server())
    const refused = [
      await run.client.get('/api/agents/me'),
      await run.client.get('/api/agents/me', headers),
      await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'still here' }, headers),
      await run.client.post(`/api/heartbeat-runs/${other.id}/finish`, { status: 'succeeded' }),
      await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`, {}),
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'failed' }),
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'failed' }, headers),
    ]
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 401))
    expect(await auditCount(server())).toBe(before)
  })

  test('Another credential of the same agent, and a token whose run was cancelled or lost, get no answer', async () => {
    const [run, cancelled, lost] = [await here.run(agent), await here.run(agent), await here.run(agent)]
    const issue = await here.issue()
    const headers = underKey()
    const body = { body: 'said by the key' }
    expect(await agent.client.post(`/api/issues/${issue.id}/comments`, body, headers)).toMatchObject({ status: 201 })
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    expect(await run.client.post(`/api/issues/${issue.id}/comments`, body, headers)).toMatchObject({ status: 401 })
    await server().board.post(`/api/heartbeat-runs/${cancelled.id}/cancel`)
    const finish = (ended: typeof run, status: string) => ended.client.post(`/api/heartbeat-runs/${ended.id}/finish`, { status })
    expect(await finish(cancelled, 'cancelled')).toMatchObject({ status: 401 })
    await expireLease(server(), lost.id)
    const beganAt = performance.now()
    let status = 0
    while (status !== 401 && !isLate(beganAt, 1500)) status = (await finish(lost, 'timed_out')).status
    expect(status).toBe(401)
  })

  test('A quarantine and a termination take the answers away as well', async () => {
    for (const stop of ['quarantine', 'terminate']) {
      const stopped = await here.agent()
      const run = await here.run(stopped)
      const issue = await here.issue()
      const headers = underKey()
      const say = () => run.client.post(`/api/issues/${issue.id}/comments`, { body: 'hello' }, headers)
      expect(await say()).toMatchObject({ status: 201 })
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
      expect(await say()).toMatchObject({ status: 201 })
      const answer = await server().board.post(`/api/agents/${stopped.id}/${stop}`, { reason: 'it is enough' })
      expect(answer.status, answer.text).toBe(200)
      expect(await say()).toMatchObject({ status: 401 })
    }
  })
})

describe('A repeat of the request that made an API key', () => {
  const arrange = async () => {
    const owner = await here.agent()
    const headers = underKey()
    const mint = (more = {}) => server().board.post(`/api/agents/${owner.id}/keys`, { name: 'once' }, { ...headers, ...more })
    return { owner, mint }
  }
  const expectHidden = (answer: Answer, token: string) => {
    expect(answer).toMatchObject({ status: 409, body: { code: 'key_not_shown_again' } })
    expect(answer.text).not.toContain(token)
  }

  test('It shows the secret while the key can be used, and no longer when it was revoked, on every server', async () => {
    const { owner, mint } = await arrange()
    const first = await mint()
    expect(comparable(await mint())).toEqual(comparable(first))
    await server().board.del(`/api/agents/${owner.id}/keys/${first.body.id}`)
    expectHidden(await mint(), first.body.token as string)
    expect((await server().board.get(`/api/agents/${owner.id}/keys`)).body).toHaveLength(2)
  })

  test.each([
    ['terminated', (id: string) => server().board.post(`/api/agents/${id}/terminate`)],
    ['in quarantine', (id: string) => server().board.post(`/api/agents/${id}/quarantine`, { reason: 'it is enough' })],
    ['deleted', (id: string) => server().board.del(`/api/agents/${id}`)],
  ])('It does not show the secret of an agent that is %s', async (_, stop) => {
    const { owner, mint } = await arrange()
    const first = await mint()
    expect((await stop(owner.id)).status).toBe(200)
    expectHidden(await mint(), first.body.token as string)
  })

  test('A short answer does not get around it', async () => {
    const { owner, mint } = await arrange()
    const first = await mint({ prefer: 'return=minimal' })
    expect(first.body).toEqual({ id: expect.any(String) as string, token: expect.any(String) as string })
    await server().board.del(`/api/agents/${owner.id}/keys/${first.body.id}`)
    expectHidden(await mint({ prefer: 'return=minimal' }), first.body.token as string)
  })

  test('A repeat that races the revocation shows it before or not at all', async () => {
    const { owner, mint } = await arrange()
    const first = await mint()
    const answers = await Promise.all([
      ...Array.from({ length: 8 }, () => mint()),
      server().board.del(`/api/agents/${owner.id}/keys/${first.body.id}`),
    ])
    for (const { status } of answers) expect([200, 201, 409]).toContain(status)
    expectHidden(await mint(), first.body.token as string)
  })
})
