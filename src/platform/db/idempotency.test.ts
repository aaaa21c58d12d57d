import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { responseEncryptionKey } from '../../auth/runTokens.ts'
import { auditCount, TEST_SECRET, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, Client, TestAgent, World } from '../../dev/testing/world.ts'
import { deleteExpiredResponses, findStoredResponse } from './idempotency.ts'
import { writeUnaudited } from './unaudited.ts'

const server = useServer()
let here: World
let agent: TestAgent
beforeAll(async () => {
  here = await world(server())
  agent = await here.agent()
})

const issuesPath = (): string => `/api/companies/${here.company.id}/issues`
const keyHeader = (key: string): Record<string, string> => ({ 'idempotency-key': key })

const countByTitle = async (title: string): Promise<number> => {
  const { rows } = await server().database.sql.query<{ count: number }>('select count(*)::int as count from issues where title = $1', [
    title,
  ])
  return rows[0]?.count ?? 0
}

const stored = async (key: string): Promise<{ answer: Buffer; status: number }[]> =>
  (
    await server().database.sql.query<{ answer: Buffer; status: number }>('select answer, status from idempotency_keys where key = $1', [
      key,
    ])
  ).rows

/** The parts of an answer that a repeated request must return again, to the byte. */
const comparable = ({ status, text, headers }: Answer) => ({ status, text, etag: headers['etag'], type: headers['content-type'] })

/** A key and a title that no other test uses. */
const uniqueKey = (): { key: string; title: string } => {
  const key = randomUUID()
  return { key, title: `Once ${key}` }
}

const create = (client: Client, title: string, key: string): Promise<Answer> => client.post(issuesPath(), { title }, keyHeader(key))

describe('requests with the same key, actor, route and body (I9)', () => {
  test('A repeat on the same server has no effect and returns the same answer, to the byte', async () => {
    const { key, title } = uniqueKey()
    const first = await create(server().board, title, key)
    const before = await auditCount(server())
    const second = await create(server().board, title, key)
    expect(first.status).toBe(201)
    expect(first.headers['idempotency-replayed']).toBeUndefined()
    expect(second.headers['idempotency-replayed']).toBe('true')
    expect(comparable(second)).toEqual(comparable(first))
    expect(await countByTitle(title)).toBe(1)
    expect(await auditCount(server())).toBe(before)
  })

  test('The key may be in the body, for clients that set no headers, and a header takes precedence', async () => {
    const { key, title } = uniqueKey()
    const within = (idempotencyKey: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
      server().board.post(issuesPath(), { title, idempotencyKey }, headers)
    const first = await within(key)
    expect(first.status).toBe(201)
    expect(comparable(await within(key))).toEqual(comparable(first))
    expect(await countByTitle(title)).toBe(1)
    const child = (): Promise<Answer> => server().board.post(`/api/issues/${first.body.id}/children`, { title, idempotencyKey: key })
    expect((await child()).body.id).toBe((await child()).body.id)
    expect(await countByTitle(title)).toBe(2)
    expect(await server().board.post(issuesPath(), { title: 'Another', idempotencyKey: key })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_mismatch' },
    })
    expect((await within(key, keyHeader(randomUUID()))).status).toBe(201)
    expect(await countByTitle(title)).toBe(3)
    for (const malformed of ['', 'x'.repeat(256), 7]) expect((await within(malformed)).status).toBe(400)
    expect((await within(null)).status).toBe(201)
  })

  test('A repeat on another server or after a restart returns the same answer', async () => {
    const { key, title } = uniqueKey()
    const first = await create(server().board, title, key)
    const other = await server().startPeer()
    expect(comparable(await create(other.board, title, key))).toEqual(comparable(first))
    await other.stop()
    const restarted = await server().startPeer()
    expect(comparable(await create(restarted.board, title, key))).toEqual(comparable(first))
    await restarted.stop()
    expect(await countByTitle(title)).toBe(1)
  })

  test('Of sixteen concurrent requests on two servers one has the effect, and the others get its answer or a 409', async () => {
    const other = await server().startPeer()
    for (let round = 0; round < 5; round += 1) {
      const { key, title } = uniqueKey()
      const callers = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? server().board : other.board))
      const answers = await race(callers, (caller) => create(caller, title, key))
      expect(await countByTitle(title)).toBe(1)
      const counts = countByStatus(answers)
      expect(Object.keys(counts).filter((status) => !['201', '409'].includes(status))).toEqual([])
      const [first] = answers.filter(({ status }) => status === 201)
      for (const answer of answers) {
        if (answer.status === 201) expect(answer.text).toBe(first?.text)
        else expect(answer.body).toMatchObject({ code: 'idempotency_in_flight', details: { retryable: true, next: 'wait' } })
        if (answer.status === 409) expect(answer.headers['retry-after']).toBe('1')
      }
      expect(answers.filter(({ status, headers }) => status === 201 && headers['idempotency-replayed'] === undefined)).toHaveLength(1)
    }
    await other.stop()
  })

  test('A body with its keys in another order and a path with a trailing slash are the same request', async () => {
    const { key, title } = uniqueKey()
    const first = await server().board.post(issuesPath(), { title, priority: 'high' }, keyHeader(key))
    const second = await server().board.post(`${issuesPath()}/`, { priority: 'high', title }, keyHeader(key))
    expect(comparable(second)).toEqual(comparable(first))
  })

  test('A repeated checkout returns the same answer when the issue has changed since', async () => {
    const issue = await here.issue()
    const run = await here.run(agent)
    const body = { agentId: agent.id, expectedStatuses: ['todo'] }
    const key = randomUUID()
    const first = await run.client.post(`/api/issues/${issue.id}/checkout`, body, keyHeader(key))
    expect(first.status).toBe(200)
    await server().board.patch(`/api/issues/${issue.id}`, { title: 'renamed since' })
    expect(comparable(await run.client.post(`/api/issues/${issue.id}/checkout`, body, keyHeader(key)))).toEqual(comparable(first))
  })

  test('An answer without a body is replayed without a body', async () => {
    const empty = await world(server())
    const run = await empty.run(await empty.agent())
    const key = randomUUID()
    const claim = () => run.client.post(`/api/companies/${empty.company.id}/issues/claim`, {}, keyHeader(key))
    expect(await claim()).toMatchObject({ status: 204, text: '' })
    await empty.issue()
    expect(await claim()).toMatchObject({ status: 204, text: '' })
  })
})

describe('requests that differ', () => {
  test('Another body or query with the same key is refused with 422 and has no effect', async () => {
    const { key, title } = uniqueKey()
    await create(server().board, title, key)
    const before = await auditCount(server())
    expect(await create(server().board, `${title}!`, key)).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
    const queried = await server().board.post(`${issuesPath()}?compact=1`, { title }, keyHeader(key))
    expect(queried).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('Another actor with the same key has its own effect', async () => {
    const { key, title } = uniqueKey()
    const peer = await here.agent()
    const answers = await Promise.all([server().board, agent.client, peer.client].map((client) => create(client, title, key)))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(3)
    expect(await countByTitle(title)).toBe(3)
  })

  test('Another route with the same key has its own effect', async () => {
    const key = randomUUID()
    const [one, two] = [await here.issue(), await here.issue()]
    const answers = await Promise.all(
      [one, two].map(({ id }) => server().board.post(`/api/issues/${id}/comments`, { body: 'same words' }, keyHeader(key))),
    )
    expect(answers.map(({ status, body }) => [status, body.issueId])).toEqual([
      [201, one.id],
      [201, two.id],
    ])
  })

  test.each([[''], ['two words'], ['x'.repeat(256)], ['naïve'], ['a, b']])('The key %j is refused with 400', async (key) => {
    const before = await auditCount(server())
    expect(await create(server().board, 'never', key)).toMatchObject({ status: 400, body: { code: 'malformed_header' } })
    expect(await auditCount(server())).toBe(before)
  })
})

describe('stored responses', () => {
  test('A token that is shown once is replayed, and the table contains it only encrypted', async () => {
    const key = randomUUID()
    const make = () => server().board.post(`/api/agents/${agent.id}/keys`, { name: 'sealed' }, keyHeader(key))
    const first = await make()
    expect(first.body.token).toMatch(/^pcp_agent_[0-9a-f]{56}$/)
    expect(comparable(await make())).toEqual(comparable(first))
    const open = () => agent.client.post(`/api/agents/${agent.id}/runs`, {}, keyHeader(key))
    const opened = await open()
    expect(comparable(await open())).toEqual(comparable(opened))

    const rows = await stored(key)
    expect(rows).toHaveLength(2)
    for (const { answer } of rows)
      for (const token of [first.body.token, opened.body.token, 'pcp_', 'token'])
        for (const encoding of ['latin1', 'base64', 'hex'] as const)
          expect(answer.toString(encoding).includes(Buffer.from(token).toString(encoding === 'latin1' ? 'utf8' : encoding))).toBe(false)
    const { rows: keys } = await server().database.sql.query('select * from agent_api_keys where name = $1', ['sealed'])
    expect(keys).toHaveLength(1)
  })

  test('Two equal answers are encrypted differently', async () => {
    const keys = [randomUUID(), randomUUID()]
    for (const key of keys) await server().board.post(`/api/agents/${agent.id}/keys`, { name: 'same' }, keyHeader(key))
    const nonces = (await Promise.all(keys.map(stored))).flat().map(({ answer }) => answer.subarray(0, 12).toString('hex'))
    expect(nonces).toHaveLength(2)
    expect(new Set(nonces).size).toBe(2)
  })

  test('A refusal is not stored: the same key works when the reason of the refusal no longer exists', async () => {
    const { key } = uniqueKey()
    const holder = await here.held()
    const run = await here.run(await here.agent())
    const take = () =>
      run.client.post(`/api/issues/${holder.issue.id}/checkout`, { agentId: run.agentId, expectedStatuses: ['todo'] }, keyHeader(key))
    expect(await take()).toMatchObject({ status: 409 })
    expect(await create(server().board, '', key)).toMatchObject({ status: 400 })
    expect(await stored(key)).toEqual([])
    await holder.run.client.post(`/api/issues/${holder.issue.id}/release`)
    expect(await take()).toMatchObject({ status: 200 })
    expect(await stored(key)).toHaveLength(1)
  })

  test('A response is kept for 24 hours and not longer', async () => {
    const { key, title } = uniqueKey()
    const first = await create(server().board, title, key)
    const age = (hours: string) =>
      server().database.sql.query('update idempotency_keys set created_at = now() - $2::interval where key = $1', [key, hours])
    await age('23 hours 59 minutes')
    await writeUnaudited(server().store, deleteExpiredResponses, {})
    expect(comparable(await create(server().board, title, key))).toEqual(comparable(first))
    await age('24 hours 1 second')
    const later = await create(server().board, title, key)
    expect(later.status).toBe(201)
    expect(later.body.id).not.toBe(first.body.id)
    expect(comparable(await create(server().board, title, key))).toEqual(comparable(later))
    await age('24 hours 1 second')
    await writeUnaudited(server().store, deleteExpiredResponses, {})
    expect(await stored(key)).toEqual([])
  })

  test('A response that was encrypted with another secret is refused with 409 and has no second effect', async () => {
    const { key, title } = uniqueKey()
    await create(server().board, title, key)
    await server().database.sql.query(`update idempotency_keys set answer = decode(repeat('00', 64), 'hex') where key = $1`, [key])
    expect(await create(server().board, title, key)).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect(await countByTitle(title)).toBe(1)
  })

  test('A response that was stored under the secret before is returned while that secret is still given', async () => {
    const { key, title } = uniqueKey()
    const first = await create(server().board, title, key)
    const [row] = (
      await server().database.sql.query<{ actor: string; route: string; requestHash: string }>(
        'select actor, route, request_hash as "requestHash" from idempotency_keys where key = $1',
        [key],
      )
    ).rows
    if (row === undefined) throw new Error('the answer was not stored')
    const request = {
      ...row,
      key,
      madeWith: null,
      shownKeyIdOf: () => null,
      render: () => ({ status: 500, headers: {}, body: '' }),
      renderRefusal: () => ({ status: 500, headers: {}, body: '' }),
      encryptionKey: responseEncryptionKey('a new secret'),
    }
    const previousEncryptionKey = responseEncryptionKey(TEST_SECRET)
    expect(await findStoredResponse(server().store.read, { ...request, previousEncryptionKey })).toMatchObject({
      status: 201,
      body: first.text,
    })
    await expect(findStoredResponse(server().store.read, request)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('K52: A repeated PATCH, PUT or DELETE has one effect and returns the same answer', async () => {
    const issue = await here.issue()
    const key = randomUUID()
    const patchOnce = () => server().board.patch(`/api/issues/${issue.id}`, { title: 'once', comment: 'said once' }, keyHeader(key))
    const patched = await patchOnce()
    expect(patched).toMatchObject({ status: 200, body: { title: 'once' } })
    await server().board.patch(`/api/issues/${issue.id}`, { title: 'since' })
    expect(comparable(await patchOnce())).toEqual(comparable(patched))
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.title).toBe('since')
    expect((await server().board.get(`/api/issues/${issue.id}/comments`)).body).toHaveLength(1)
    const other = await server().board.patch(`/api/issues/${issue.id}`, { title: 'other' }, keyHeader(key))
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
    const putOnce = () => server().board.put(`/api/issues/${issue.id}/documents/plan`, { body: 'one', format: 'markdown' }, keyHeader(key))
    expect(comparable(await putOnce())).toEqual(comparable(await putOnce()))
    const removeOnce = () => server().board.del(`/api/issues/${issue.id}`, keyHeader(key))
    const removed = await removeOnce()
    expect(removed.status).toBe(200)
    expect(comparable(await removeOnce())).toEqual(comparable(removed))
  })

  test('K52: Of sixteen PATCHes at once under one key one has the effect', async () => {
    const issue = await here.issue()
    const key = randomUUID()
    const answers = await race(
      Array.from({ length: 16 }, () => server().board),
      (client) => client.patch(`/api/issues/${issue.id}`, { comment: 'said once' }, keyHeader(key)),
    )
    expect(Object.keys(countByStatus(answers)).filter((status) => !['200', '409'].includes(status))).toEqual([])
    expect((await server().board.get(`/api/issues/${issue.id}/comments`)).body).toHaveLength(1)
  })

  test('K52: The key may be in the body of a comment or an approval', async () => {
    const issue = await here.issue()
    const approvals = `/api/companies/${here.company.id}/approvals`
    const request = { type: 'request_board_approval', payload: { title: 'May I?' } }
    const approval = (await server().board.post(approvals, { ...request, idempotencyKey: randomUUID() })).body
    const places: [string, object][] = [
      [`/api/issues/${issue.id}/comments`, { body: 'said once' }],
      [approvals, request],
      [`/api/approvals/${approval.id}/comments`, { body: 'said once' }],
    ]
    for (const [path, body] of places) {
      const idempotencyKey = randomUUID()
      const first = await server().board.post(path, { ...body, idempotencyKey })
      expect(first.status, first.text).toBe(201)
      expect(comparable(await server().board.post(path, { ...body, idempotencyKey }))).toEqual(comparable(first))
      for (const malformed of ['', 'x'.repeat(256), 7])
        expect((await server().board.post(path, { ...body, idempotencyKey: malformed })).status).toBe(400)
    }
  })

  test('A request with a revoked credential does not get a stored response', async () => {
    const { key, title } = uniqueKey()
    const terminated = await here.agent()
    expect(await create(terminated.client, title, key)).toMatchObject({ status: 201 })
    await server().board.post(`/api/agents/${terminated.id}/terminate`)
    expect(await create(terminated.client, title, key)).toMatchObject({ status: 401 })
  })
})
