import { expect, test } from 'vitest'
import { countLockWaiters, waitUntil } from '../dev/testing/holds.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { agentPlaces } from '../platform/db/lane.ts'

const server = useServer()

const POOL = 10

test('While requests of agents wait for locks with every connection that agents may have, the board reads and writes (I22)', async () => {
  const there = await world(server())
  const { run, issue } = await there.held()
  const goal = await server().board.post(`/api/companies/${there.company.id}/goals`, { title: 'Read' })
  const here = await world(server())
  const blocker = await server().database.sql.connect()
  try {
    await blocker.query('begin read write')
    await blocker.query('lock table goals in access exclusive mode')
    await blocker.query('select from issues where id = $1 for update', [issue.id])
    const waiting = Promise.all(
      Array.from({ length: POOL }, () => [
        run.client.get(`/api/goals/${goal.body.id}`),
        run.client.patch(`/api/issues/${issue.id}`, { title: 'Later' }),
      ]).flat(),
    )
    waiting.catch(() => {})
    await waitUntil('all connections of agents wait', async () => (await countLockWaiters(server())) >= agentPlaces(POOL))
    const path = `/api/companies/${here.company.id}/labels`
    const created = await server().board.post(path, { name: 'At once', color: '#123456' })
    expect(created.status, created.text).toBe(201)
    const read = await server().board.get(path)
    expect(read.status, read.text).toBe(200)
    await blocker.query('rollback')
    for (const { status } of await waiting) expect(status).toBe(200)
  } finally {
    await blocker.query('rollback')
    blocker.release()
  }
})
