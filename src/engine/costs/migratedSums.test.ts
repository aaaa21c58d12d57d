import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { addCostEvents } from '../../dev/testing/costEvents.ts'
import { seededRandom } from '../../dev/testing/seededRandom.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const migration = readFileSync(path.resolve(import.meta.dirname, '../../../drizzle/0050_cost_edges.sql'), 'utf8').split(
  '--> statement-breakpoint',
)
const statementWith = (text: string): string => migration.find((statement) => statement.includes(text)) ?? ''

test('The migration 0050 makes all sums from the events, and names the first events of runs, as reports would have', async () => {
  const here = await world(server())
  const agents = [await here.agent(), await here.agent()]
  const project = (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Works' })).body.id as string
  const { next, pick } = seededRandom(50)
  const runs = Array.from({ length: 30 }, () => crypto.randomUUID())
  for (let batch = 0; batch < 6; batch += 1)
    await addCostEvents(
      server(),
      here.company.id,
      Array.from({ length: 60 }, (_, index) => ({
        agentId: pick(agents).id,
        occurredAt: new Date(Date.parse('2024-02-28T20:00:00Z') + Math.floor(next() * 40_000_000)).toISOString(),
        microcents: Math.floor(next() * 1_000_000),
        runId: runs[index] ?? null,
        projectId: pick([null, project]),
        provider: pick(['acme', 'brook']),
        model: pick(['small', 'large']),
        inputTokens: Math.floor(next() * 1000),
        cachedInputTokens: Math.floor(next() * 100),
        outputTokens: Math.floor(next() * 10_000),
        billingType: pick(['metered_api', 'subscription_included']),
        isPriced: next() > 0.1,
      })),
    )
  const read = async (): Promise<unknown> => {
    const { rows: sums } = await server().database.sql.query(
      `select grain, bucket, agent_id, project_id, provider, biller, billing_type, model, sum(microcents) as microcents, sum(input_tokens) as input,
         sum(cached_input_tokens) as cached, sum(output_tokens) as output, sum(event_count) as events, sum(unpriced_count) as unpriced,
         sum(run_count) as runs from cost_rollups where company_id = $1 group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 2, 3, 4, 5, 6, 7, 8`,
      [here.company.id],
    )
    const { rows: firsts } = await server().database.sql.query(
      'select run_id, is_subscription, first_event_id, first_occurred_at from run_costs where company_id = $1 order by 1, 2',
      [here.company.id],
    )
    return { sums, firsts }
  }
  const before = await read()
  await server().database.sql.query(statementWith('DELETE FROM "cost_rollups"'))
  await server().database.sql.query('update run_costs set first_event_id = null, first_occurred_at = null')
  expect(await read()).not.toEqual(before)
  await server().database.sql.query(statementWith('UPDATE "run_costs"'))
  await server().database.sql.query(statementWith('INSERT INTO "cost_rollups"'))
  expect(await read()).toEqual(before)
})
