import { beforeAll, describe, expect, test } from 'vitest'
import { useServer, world } from '../dev/testing/world.ts'
import type { Answer, World } from '../dev/testing/world.ts'

const server = useServer()
const minimal = { Prefer: 'return=minimal' }
let acme: World

beforeAll(async () => {
  acme = await world(server())
})

describe('Prefer: return=minimal', () => {
  test('A minimal answer has only the fields for the next request, and a header confirms the preference', async () => {
    const issue = await acme.issue()
    const run = await acme.run(await acme.agent())
    const path = `/api/issues/${issue.id}/checkout`
    const checkout = await run.client.post(path, { agentId: run.agentId, expectedStatuses: ['todo'] }, minimal)
    expect(checkout.status).toBe(200)
    expect(checkout.headers['preference-applied']).toBe('return=minimal')
    expect(checkout.body).toEqual({
      id: issue.id,
      identifier: issue.identifier,
      status: 'in_progress',
      lockEpoch: 1,
      version: expect.any(Number) as number,
      updatedAt: expect.any(String) as string,
    })
    const patched = await run.client.patch(
      `/api/issues/${issue.id}`,
      { status: 'done' },
      { Prefer: 'respond-async, RETURN = "minimal"; x=1' },
    )
    expect(Object.keys(patched.body as object)).toEqual(['id', 'identifier', 'status', 'lockEpoch', 'version', 'updatedAt'])
    const comment = await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'Done' }, minimal)
    expect(Object.keys(comment.body as object)).toEqual(['id', 'updatedAt'])
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.status).toBe('done')
  })

  test('An answer stays complete when it is not a row with an id, when it is a read, and when the preference is another one', async () => {
    const issue = await acme.issue()
    const agent = await acme.agent()
    const opened = await agent.client.post(`/api/agents/${agent.id}/runs`, {}, minimal)
    expect(opened.body).toHaveProperty('token')
    expect(opened.body.run).toHaveProperty('companyId')
    for (const answer of [
      opened,
      await server().board.get(`/api/issues/${issue.id}`, minimal),
      await server().board.patch(`/api/issues/${issue.id}`, { title: 'A' }, { Prefer: 'return=representation' }),
      await server().board.patch(`/api/issues/${issue.id}`, { title: 'B' }, { Prefer: 'xreturn=minimalist' }),
    ])
      expect(answer.headers['preference-applied']).toBeUndefined()
  })

  test('A minimal answer keeps a token, which is shown only once', async () => {
    const agent = await acme.agent()
    const { body } = await server().board.post(`/api/agents/${agent.id}/keys`, { name: 'one' }, minimal)
    expect(body).toEqual({ id: expect.any(String) as string, token: expect.stringMatching(/^pcp_/) as string })
  })

  test('The preference is part of the answer that an Idempotency-Key stores, so a replay is the same byte for byte', async () => {
    const path = `/api/companies/${acme.company.id}/issues`
    const key = { 'Idempotency-Key': 'shape-1' }
    const first = await server().board.post(path, { title: 'Once' }, { ...key, ...minimal })
    const again = await server().board.post(path, { title: 'Once' }, { ...key, ...minimal })
    const withoutPreference = await server().board.post(path, { title: 'Once' }, key)
    expect([again.text, withoutPreference.text]).toEqual([first.text, first.text])
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', 'preference-applied': 'return=minimal' })
    expect(first.status).toBe(201)
  })
})

describe('?fields=', () => {
  test('The answer and each item of a list have the requested fields, in the requested order', async () => {
    const issue = await acme.issue()
    const { body: one } = await server().board.get(`/api/issues/${issue.id}?fields=title,id`)
    expect(Object.keys(one as object)).toEqual(['title', 'id'])
    const { body: list } = await server().board.get(`/api/companies/${acme.company.id}/issues?fields=identifier&limit=2`)
    expect((list as object[]).map((item) => Object.keys(item))).toEqual([['identifier'], ['identifier']])
    const agent = await acme.agent()
    expect((await agent.client.get('/api/agents/me?fields=name')).body).toEqual({ name: agent.name })
    expect((await agent.client.get('/api/agents/me/inbox-lite?fields=id')).body).toEqual([])
  })

  test('The link to the next page keeps the requested fields', async () => {
    await acme.issue()
    await acme.issue()
    const { headers } = await server().board.get(`/api/companies/${acme.company.id}/issues?fields=id&compact=1&limit=1`)
    const next = /<([^>]+)>/.exec(headers['link'] ?? '')?.[1] ?? ''
    const { body: nextPage } = await server().board.get(next)
    expect((nextPage as object[]).map((item) => Object.keys(item))).toEqual([['id']])
  })

  test('An unknown field is refused with a list of the known ones, and the answer of a write stays complete', async () => {
    const issue = await acme.issue()
    const wrong = await server().board.get(`/api/issues/${issue.id}?fields=id,titel`)
    expect(wrong).toMatchObject({ status: 400, body: { code: 'validation_failed', details: [{ path: ['fields'], keys: ['titel'] }] } })
    expect(wrong.body.details[0].options).toContain('title')
    for (const bad of ['fields=', 'fields=a b', 'fields=id&fields=title', 'compact=maybe', `fields=${'a,'.repeat(600)}a`])
      expect((await server().board.get(`/api/issues/${issue.id}?${bad}`)).status, bad).toBe(400)
    const { body } = await server().board.patch(`/api/issues/${issue.id}?fields=id`, { title: 'Whole' })
    expect(body).toHaveProperty('title', 'Whole')
  })
})

describe('?compact=1', () => {
  test('A compact answer leaves out fields that are null, at every depth, and keeps all others', async () => {
    const { issue, run } = await acme.held()
    const whole = (await run.client.get(`/api/issues/${issue.id}/heartbeat-context`)).body as Record<string, Record<string, unknown>>
    const compact = (await run.client.get(`/api/issues/${issue.id}/heartbeat-context?compact=true`)).body as Record<
      string,
      Record<string, unknown>
    >
    const withoutNulls = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(withoutNulls)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .filter(([, item]) => item !== null)
                .map(([key, item]) => [key, withoutNulls(item)]),
            )
          : value
    expect(compact).toEqual(withoutNulls(whole))
    expect(Object.keys(compact['issue'] ?? {}).length).toBeLessThan(Object.keys(whole['issue'] ?? {}).length)
    expect((await run.client.patch(`/api/issues/${issue.id}?compact=1`, { title: 'Short' })).text).not.toContain('null')
    expect((await run.client.get(`/api/issues/${issue.id}?compact=0`)).text).toContain('null')
  })

  test('Every route accepts the parameter, also a route with query parameters of its own', async () => {
    const { agent, issue } = await acme.held()
    const paths = [
      '/api/companies',
      `/api/companies/${acme.company.id}/issues?status=todo`,
      `/api/companies/${acme.company.id}/activity?limit=5`,
      `/api/companies/${acme.company.id}/locks?state=live`,
      `/api/agents/${agent.id}?companyId=${acme.company.id}`,
      `/api/issues/${issue.id}/comments`,
    ]
    for (const path of paths) {
      const answer = await server().board.get(`${path}${path.includes('?') ? '&' : '?'}compact=1`)
      expect(answer.status, `${path}: ${answer.text}`).toBe(200)
    }
  })
})

/**
 * Agents pay for answers by the token, about one for 3.5 bytes of JSON. The answers that an agent reads on every turn must
 * not grow unnoticed: a change that adds a field to one of them has to change a number here, which shows its cost.
 */
describe('the answers that agents read most', () => {
  const bytes = (answer: Answer): number => {
    expect(answer.status, answer.text).toBeLessThan(300)
    return Buffer.byteLength(answer.text)
  }

  test('Each of these answers stays below its maximum of bytes', async () => {
    const { company, issue, agent, run, checkout } = await world(server())
    const worker = await agent()
    const issues: { id: string }[] = []
    for (let n = 0; n < 50; n += 1)
      issues.push(
        await issue({ title: `Write the report of week ${10 + n} of the year`, assigneeAgentId: worker.id, description: 'As agreed.' }),
      )
    const first = issues[0]?.id ?? ''
    const opened = await run(worker)
    const { client } = opened
    const list = `/api/companies/${company.id}/issues?limit=50`
    const sizes = {
      inbox50: bytes(await client.get('/api/agents/me/inbox-lite')),
      inbox50Compact: bytes(await client.get('/api/agents/me/inbox-lite?compact=1')),
      list50: bytes(await client.get(list)),
      list50Compact: bytes(await client.get(`${list}&compact=1`)),
      list50Fields: bytes(await client.get(`${list}&compact=1&fields=id,identifier,title,status,priority`)),
      checkout: bytes(await checkout(opened, first)),
      checkoutMinimal: bytes(
        await client.post(`/api/issues/${issues[1]?.id}/checkout`, { agentId: worker.id, expectedStatuses: ['todo'] }, minimal),
      ),
      context: bytes(await client.get(`/api/issues/${first}/heartbeat-context`)),
      contextCompact: bytes(await client.get(`/api/issues/${first}/heartbeat-context?compact=1`)),
      comment: bytes(await client.post(`/api/issues/${first}/comments`, { body: 'Begun.' })),
      commentMinimal: bytes(await client.post(`/api/issues/${first}/comments`, { body: 'Begun.' }, minimal)),
      patchMinimal: bytes(await client.patch(`/api/issues/${first}`, { priority: 'high' }, minimal)),
      me: bytes(await client.get('/api/agents/me?compact=1&fields=id,name,role,companyId')),
    }
    const limits: Readonly<Record<keyof typeof sizes, number>> = {
      inbox50: 13_500,
      inbox50Compact: 10_200,
      list50: 54_000,
      list50Compact: 29_000,
      list50Fields: 8000,
      checkout: 1200,
      checkoutMinimal: 165,
      context: 620,
      contextCompact: 440,
      comment: 400,
      commentMinimal: 90,
      patchMinimal: 165,
      me: 140,
    }
    const over = Object.entries(sizes).filter(([name, size]) => size > limits[name as keyof typeof sizes])
    expect(over).toEqual([])
  })
})
