import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function setup() {
  const { company, agent } = await world(server())
  const path = `/api/companies/${company.id}/inbox-dismissals`
  const keys = async () => (await server().board.get(path)).body.map((row: { itemKey: string }) => row.itemKey)
  return { company, agent, path, keys }
}

describe('inbox dismissals of a person', () => {
  test('Dismissals are listed, the latest first, and a repeat moves the row to now and is recorded again', async () => {
    const { company, path, keys } = await setup()
    expect(await keys()).toEqual([])
    const first = await server().board.post(path, { itemKey: 'run:1' })
    expect(first).toMatchObject({ status: 201, body: { companyId: company.id, userId: 'local-board', itemKey: 'run:1' } })
    await server().board.post(path, { itemKey: 'approval:2' })
    expect(await keys()).toEqual(['approval:2', 'run:1'])
    const again = await server().board.post(path, { itemKey: 'run:1' })
    expect(again).toMatchObject({ status: 201, body: { id: first.body.id, createdAt: first.body.createdAt } })
    expect(await keys()).toEqual(['run:1', 'approval:2'])
    expect((await lastAudit(server(), company.id, 'inbox.dismissed')).details).toEqual({
      userId: 'local-board',
      itemKey: 'run:1',
      dismissedAt: again.body.dismissedAt,
    })
  })

  test('Dismissals are listed page by page', async () => {
    const { path } = await setup()
    for (const itemKey of ['a', 'b', 'c']) await server().board.post(path, { itemKey })
    const read: string[] = []
    for (let at: string | undefined = `${path}?limit=2`; at !== undefined;) {
      const { body, headers } = await server().board.get(at)
      read.push(...body.map((row: { itemKey: string }) => row.itemKey))
      at = /<([^>]+)>; rel="next"/.exec(String(headers['link'] ?? ''))?.[1]
    }
    expect(read).toEqual(['c', 'b', 'a'])
  })

  test('Concurrent dismissals of one item write one row', async () => {
    const { path, keys } = await setup()
    const answers = await race([0, 1, 2, 3, 4, 5], () => server().board.post(path, { itemKey: 'run:1' }))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(await keys()).toEqual(['run:1'])
  })

  test('Dismissals belong to the acting person: agents and missing companies are refused, and a user in the body is ignored', async () => {
    const [here, elsewhere] = [await setup(), await setup()]
    const worker = await here.agent()
    await server().board.post(here.path, { itemKey: 'run:1', userId: 'other-user' })
    expect(await here.keys()).toEqual(['run:1'])
    expect(await elsewhere.keys()).toEqual([])
    const before = await auditCount(server())
    expect((await worker.client.get(here.path)).body).toMatchObject({ code: 'board_required' })
    expect((await worker.client.post(here.path, { itemKey: 'x' })).body).toMatchObject({ code: 'board_required' })
    expect((await server().board.post(`/api/companies/${randomUUID()}/inbox-dismissals`, { itemKey: 'x' })).status).toBe(404)
    expect((await server().board.get(`/api/companies/${randomUUID()}/inbox-dismissals`)).status).toBe(404)
    for (const body of [{}, { itemKey: '' }, { itemKey: 'x'.repeat(201) }, { itemKey: 'a\0b' }])
      expect((await server().board.post(here.path, body)).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })
})
