import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { expectRefused } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const ids = (rows: readonly { id: string }[]) => rows.map((row) => row.id)

describe('GET /companies/:companyId/heartbeat-runs', () => {
  test('The list shows the newest run first, by agent and page by page, with each result reduced to its summary', async () => {
    const { company, agent, run } = await world(server())
    const [worker, other] = [await agent(), await agent()]
    const runs = [await run(worker), await run(other), await run(worker)]
    const ending = { status: 'succeeded', resultJson: { summary: 'done', transcript: 'x'.repeat(1000) } }
    await runs[0]?.client.post(`/api/heartbeat-runs/${runs[0].id}/finish`, ending)
    const path = `/api/companies/${company.id}/heartbeat-runs`
    const all = await server().board.get(path)
    expect(ids(all.body)).toEqual(runs.map((each) => each.id).toReversed())
    expect(all.body.at(-1)).toMatchObject({ status: 'succeeded', resultJson: { summary: 'done' } })
    expect(all.body.at(-1).resultJson).not.toHaveProperty('transcript')
    expect((await server().board.get(`/api/heartbeat-runs/${runs[0]?.id}`)).body.resultJson).toEqual(ending.resultJson)
    expect(ids((await worker.client.get(`${path}?agentId=${other.id}`)).body)).toEqual([runs[1]?.id])
    const first = await server().board.get(`${path}?limit=2`)
    const second = await server().board.get(/<([^>]+)>/.exec(first.headers['link'] ?? '')?.[1] ?? '')
    expect([...ids(first.body), ...ids(second.body)]).toEqual(ids(all.body))
    expect(ids((await server().board.get(`${path}?status=succeeded`)).body)).toEqual([runs[0]?.id])
    expect(ids((await server().board.get(`${path}?status[]=running&status[]=queued`)).body)).toEqual(ids(all.body).slice(0, 2))
    expect(ids((await server().board.get(`${path}?offset=1&summary=true`)).body)).toEqual(ids(all.body).slice(1))
    const counted = await server().board.get(`${path}?limit=1&offset=1`)
    const afterCounted = await server().board.get(/<([^>]+)>/.exec(counted.headers['link'] ?? '')?.[1] ?? '')
    expect([...ids(counted.body), ...ids(afterCounted.body)]).toEqual(ids(all.body).slice(1))
    await expectRefused(server(), () => server().board.get(`${path}?status=ended`), 400, 'validation_failed')
    for (const limit of ['0', '1001', 'x'])
      await expectRefused(server(), () => server().board.get(`${path}?limit=${limit}`), 400, 'validation_failed')
  })

  test('A run of another company and a missing run give the same 404', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const foreign = await elsewhere.run(await elsewhere.agent())
    const { client } = await here.agent()
    const foreignAnswer = await expectRefused(server(), () => client.get(`/api/heartbeat-runs/${foreign.id}`), 404, 'not_found')
    const missingAnswer = await expectRefused(server(), () => client.get(`/api/heartbeat-runs/${randomUUID()}`), 404, 'not_found')
    expect({ ...foreignAnswer.body, requestId: '' }).toEqual({ ...missingAnswer.body, requestId: '' })
    await expectRefused(server(), () => client.get(`/api/companies/${elsewhere.company.id}/heartbeat-runs`), 404, 'not_found')
    await expectRefused(server(), () => client.get('/api/heartbeat-runs/nonsense'), 400, 'malformed_id')
  })
})

test('The workspace operations of a run are an empty list, and those of a run of another company are 404', async () => {
  const [here, elsewhere] = [await world(server()), await world(server())]
  const run = await here.run(await here.agent())
  const path = `/api/heartbeat-runs/${run.id}/workspace-operations`
  expect(await run.client.get(path)).toMatchObject({ status: 200, body: [] })
  const stranger = await elsewhere.agent()
  await expectRefused(server(), () => stranger.client.get(path), 404, 'not_found')
  await expectRefused(server(), () => server().board.get(`/api/heartbeat-runs/${randomUUID()}/workspace-operations`), 404, 'not_found')
})
