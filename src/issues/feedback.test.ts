import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { useServer, world } from '../testing/world.ts'

const server = useServer()

test('who asks for traces of votes is told that there are none, and only the board may ask', async () => {
  const { company, issue, agent } = await world(server())
  const { id, identifier } = await issue()
  const { client } = await agent()
  const filters = 'targetType=issue_comment&vote=up&from=2026-04-01&to=2026-04-02T00:00:00.000Z&sharedOnly=true&includePayload=true'
  for (const place of [`companies/${company.id}`, `issues/${id}`, `issues/${identifier}`]) {
    expect(await server().board.get(`/api/${place}/feedback-traces?${filters}`)).toMatchObject({ status: 200, body: [] })
    expect(await server().board.get(`/api/${place}/feedback-traces?from=yesterday`)).toMatchObject({ status: 400 })
    expect(await client.get(`/api/${place}/feedback-traces`)).toMatchObject({ status: 403, body: { error: 'Board access required' } })
  }
  expect(await server().board.get(`/api/issues/${randomUUID()}/feedback-traces`)).toMatchObject({ status: 404 })
})
