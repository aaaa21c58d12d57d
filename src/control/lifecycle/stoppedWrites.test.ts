import { expect, test } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'

const server = useServer()

const isWaiting = async ({ database }: TestServer, event: 'advisory' | 'transactionid'): Promise<void> =>
  await expect
    .poll(
      async () => {
        const { rows } = await database.sql.query(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = $1",
          [event],
        )
        return rows.length
      },
      { interval: 5 },
    )
    .toBeGreaterThan(0)

const writesBy = async (agentId: string): Promise<number> => {
  const { rows } = await server().database.sql.query<{ count: number }>(
    "select count(*)::int as count from activity_log where actor_type = 'agent' and actor_id = $1",
    [agentId],
  )
  return rows[0]?.count ?? 0
}

test('A pause waits for a write in flight that the agent makes with its key alone, and the next write is refused', async () => {
  const { agent, issue } = await world(server())
  const writer = await agent()
  const { id } = await issue()
  const blocker = await server().database.sql.connect()
  await blocker.query('begin')
  await blocker.query('select from issues where id = $1 for update', [id])
  const comment = writer.client.post(`/api/issues/${id}/comments`, { body: 'In flight' })
  await isWaiting(server(), 'transactionid')
  const order: string[] = []
  const pause = server()
    .board.post(`/api/agents/${writer.id}/pause`)
    .then((answer) => (order.push('pause'), answer))
  await isWaiting(server(), 'advisory')
  await blocker.query('commit')
  blocker.release()
  const first = await comment.then((answer) => (order.push('comment'), answer))
  expect([first.status, (await pause).status, order.toSorted()]).toEqual([201, 200, ['comment', 'pause']])
  const refused = await writer.client.post(`/api/issues/${id}/comments`, { body: 'Too late' })
  expect(refused).toMatchObject({ status: 409, body: { code: 'agent_paused', details: { status: 'paused', next: 'ask_board' } } })
  expect((await writer.client.get(`/api/issues/${id}`)).status).toBe(200)
})

test.each(['pause', 'archive'] as const)(
  'After the answer to a %s none of 24 concurrent writes of the agent commits, with a run or without one',
  async (how) => {
    for (let round = 0; round < 4; round += 1) {
      const { company, agent, issue, run } = await world(server())
      const writer = await agent()
      const { id: runId } = await run(writer)
      const { id } = await issue()
      const inRun = writer.client.with({ 'x-paperclip-run-id': runId })
      const writes = Array.from({ length: 24 }, (_, at) =>
        (at % 2 === 0 ? inRun : writer.client).post(`/api/issues/${id}/comments`, { body: `Comment ${at}` }),
      )
      await Promise.race(writes)
      const stop = how === 'pause' ? `/api/agents/${writer.id}/pause` : `/api/companies/${company.id}/archive`
      expect((await server().board.post(stop)).status).toBe(200)
      const atAnswer = await writesBy(writer.id)
      const statuses = (await Promise.all(writes)).map((answer) => answer.status)
      expect(await writesBy(writer.id)).toBe(atAnswer)
      expect(statuses.every((status) => status === 201 || status === 409)).toBe(true)
    }
  },
)

test('A resumed agent writes again', async () => {
  const { agent, company } = await world(server())
  const writer = await agent()
  const create = () => writer.client.post(`/api/companies/${company.id}/issues`, { title: 'Written' })
  await server().board.post(`/api/agents/${writer.id}/pause`)
  expect(await create()).toMatchObject({ status: 409, body: { code: 'agent_paused' } })
  await server().board.post(`/api/agents/${writer.id}/resume`)
  expect((await create()).status).toBe(201)
})
