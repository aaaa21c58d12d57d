import { afterEach, expect, test } from 'vitest'
import { setPrices } from '../../engine/costs/index.ts'
import { pricesFile, pricesWith } from '../../engine/costs/prices.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const path = '/api/instance/prices'
afterEach(() => setPrices(pricesWith(null)))

test('The prices of the program are listed with their day', async () => {
  const { status, body } = await server().board.get(path)
  expect(status).toBe(200)
  expect(body).toMatchObject({ instanceAsOf: null, builtInAsOf: pricesWith(null).builtInAsOf })
  expect(body.prices).toContainEqual({
    provider: 'openai',
    model: 'gpt-5',
    from: '2025-08-07',
    inputCents: 125,
    cachedInputCents: 12.5,
    outputCents: 1000,
    source: 'built_in',
  })
})

test('The prices of the instance come first, with the day that its file states, and count for the runs that end from now on', async () => {
  const own = { provider: 'anthropic', model: 'claude-*', from: '2020-01-01', inputCents: 1, cachedInputCents: 1, outputCents: 1 }
  setPrices(pricesWith(pricesFile.parse({ asOf: '2026-11-01', prices: [own] })))
  const { body } = await server().board.get(path)
  expect(body.instanceAsOf).toBe('2026-11-01')
  expect(body.prices[0]).toEqual({ ...own, source: 'instance' })
  const { run } = await (await world(server())).held()
  const usageJson = { inputTokens: 1000, model: 'claude-sonnet-4-5' }
  await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded', usageJson })
  const { rows } = await server().database.sql.query('select microcents::int from cost_events where heartbeat_run_id = $1', [run.id])
  expect(rows).toEqual([{ microcents: 1000 }])
})

test('Agents do not read the prices', async () => {
  const { agent, run } = await (await world(server())).held()
  for (const client of [agent.client, run.client])
    expect(await client.get(path)).toMatchObject({ status: 403, body: { code: 'board_required' } })
  expect((await server().anonymous.get('/api/agents/me')).status).toBe(401)
})
