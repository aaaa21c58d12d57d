import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { spend } from '../dev/testing/budgets.ts'
import { createPaperclipSource } from '../dev/testing/paperclipSource.ts'
import { plantCompany } from '../dev/testing/plantedCompany.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { moveOver } from './index.ts'

const server = useServer()

test('The costs of this month and of earlier ones come into the windows of all limits of all agents', async ({ onTestFinished }) => {
  const source = await createPaperclipSource()
  onTestFinished(() => source.drop())
  const { id, engineer, cost, prefix } = await plantCompany(source)
  // The limits are locked in the order of their ids, which are drawn by lot: so many agents that some are out of order.
  const others = Array.from({ length: 10 }, () => ({ id: randomUUID(), name: `${prefix} ${randomUUID()}` }))
  await source.sql.query(
    `insert into agents select (jsonb_populate_record(a, other)).* from agents a, jsonb_array_elements($2) other where a.id = $1`,
    [engineer, JSON.stringify(others)],
  )
  const move = async () =>
    (await moveOver({ from: source.url, store: server().store, companies: [id], isApplied: true, activate: false })).companies[0]
  await move()
  for (const other of others) {
    const limit = { scopeType: 'agent', scopeId: other.id, windowKind: 'lifetime', amount: 50_000 }
    expect(await server().board.post(`/api/companies/${id}/budgets/policies`, limit)).toMatchObject({ status: 200 })
  }
  // The source is read in the order of its times, so the older event of each agent comes first.
  await source.sql.query(
    `insert into cost_events select (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'agent_id', other ->> 'id',
       'occurred_at', at, 'created_at', at))).*
     from cost_events e, jsonb_array_elements($2) other, unnest(array[now() - interval '40 days', now()]) at where e.id = $1`,
    [cost, JSON.stringify(others)],
  )
  expect((await move())?.tables).toMatchObject({ cost_events: { inSource: 21, brought: 20, known: 1, refused: 0 } })
  const { rows } = await server().database.sql.query<{ kind: string; spent: number }>(
    `select p.window_kind as kind, w.spent::float8 as spent from budget_policies p join budget_windows w on w.policy_id = p.id
     where p.scope_id = any($1) and (p.window_kind = 'lifetime' or w.window_start = date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')
     order by 1`,
    [others.map((other) => other.id)],
  )
  const seven = 7_000_000
  expect(rows).toEqual([
    ...others.map(() => ({ kind: 'calendar_month_utc', spent: seven })),
    ...others.map(() => ({ kind: 'lifetime', spent: 2 * seven })),
  ])
})

test('A cost that names a run of another company here comes without it, and adds nothing to what that run has cost', async ({
  onTestFinished,
}) => {
  const source = await createPaperclipSource()
  onTestFinished(() => source.drop())
  const other = await world(server())
  const run = await other.run(await other.agent())
  await spend(server(), { companyId: other.company.id, agentId: run.agentId, cents: 30 }, run.client)
  const unspent = await other.run(await other.agent())
  const { id, cost } = await plantCompany(source)
  await source.sql.query(
    `insert into cost_events select (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'heartbeat_run_id', run))).*
     from cost_events e, unnest($2::text[]) run where e.id = $1`,
    [cost, [run.id, unspent.id]],
  )
  const { companies } = await moveOver({ from: source.url, store: server().store, companies: [id], isApplied: true, activate: false })
  expect(companies[0]?.tables).toMatchObject({ cost_events: { inSource: 3, brought: 3, refused: 0 } })
  expect(companies[0]?.problems.map(({ table, reason }) => [table, reason])).toContainEqual([
    'cost_events',
    'its run is left out: another company here has a run with this id',
  ])
  const { rows } = await server().database.sql.query(
    'select company_id as "companyId", run_id as "runId", microcents::float8 as spent from run_costs where run_id = any($1)',
    [[run.id, unspent.id]],
  )
  expect(rows).toEqual([{ companyId: other.company.id, runId: run.id, spent: 30_000_000 }])
})
