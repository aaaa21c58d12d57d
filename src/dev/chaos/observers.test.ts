import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { spend } from '../testing/budgets.ts'
import { useServer, world } from '../testing/world.ts'

const server = useServer()

test('The triggers of the chaos test let the login of the application work, and find what it must not do', async () => {
  const { sql } = server().database
  await sql.query(readFileSync(new URL('./observers.sql', import.meta.url), 'utf8'))
  const here = await world(server())
  const { run, issue } = await here.held()
  expect(await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })).toMatchObject({ status: 200 })
  expect((await sql.query('select property from chaos.violations')).rows).toEqual([])
  expect((await sql.query('select run_id from chaos.starts join chaos.ends using (run_id)')).rows).toEqual([{ run_id: run.id }])
  await sql.query('update issues set checkout_run_id = $2 where id = $1', [issue.id, run.id])
  expect((await sql.query('select distinct property from chaos.violations')).rows).not.toEqual([])
})

test('The triggers of the chaos test find a reservation beyond a limit, and a second incident of one crossing (I11)', async () => {
  const { sql } = server().database
  await sql.query('drop schema if exists chaos cascade')
  for (const file of ['./observers.sql', './budgetObservers.sql']) await sql.query(readFileSync(new URL(file, import.meta.url), 'utf8'))
  const here = await world(server())
  const policy = { scopeType: 'company', scopeId: here.company.id, amount: 100, reserveCents: 60 }
  expect(await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, policy)).toMatchObject({ status: 200 })
  const agent = await here.agent()
  const run = await here.run(agent)
  await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 110 }, run.client)
  await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 1 }, run.client)
  expect((await sql.query('select property from chaos.violations')).rows).toEqual([])
  await sql.query(
    `insert into budget_reservations (run_id, policy_id, window_start, company_id, remaining)
     select gen_random_uuid(), w.policy_id, w.window_start, w.company_id, 1 from budget_windows w where w.company_id = $1`,
    [here.company.id],
  )
  await sql.query('delete from budget_incidents where company_id = $1', [here.company.id])
  await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 1 }, run.client)
  const found = (await sql.query('select distinct property from chaos.violations')).rows
  expect(found).toEqual(expect.arrayContaining([{ property: 'granted' }, { property: 'crossings' }]))
})
