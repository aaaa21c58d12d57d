import { expect, test } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { listStalled } from './queries.ts'

const server = useServer()

interface Node {
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly Plans?: readonly Node[]
}

const rowsOfPlan = (node: Node): number =>
  node['Actual Rows'] * node['Actual Loops'] + (node.Plans ?? []).reduce((sum, plan) => sum + rowsOfPlan(plan), 0)

const ISSUES = 300

test('The list of stalled issues reads a few rows for each held issue, also while Postgres knows nothing of a table that has grown', async () => {
  const here = await world(server())
  const { store, database } = server()
  const companyId = here.company.id
  await database.sql.query('alter table issues set (autovacuum_enabled = off)')
  await database.sql.query('alter table heartbeat_runs set (autovacuum_enabled = off)')
  await database.sql.query(
    `with made as (
       insert into agents (company_id, name, url_key, adapter_type, adapter_config)
       select $1, 'Agent ' || n, 'agent-' || n, 'http', '{"url": "http://127.0.0.1:9"}' from generate_series(1, ${ISSUES}) n returning id),
     running as (
       insert into heartbeat_runs (company_id, agent_id, invocation_source, status, lease_seconds, lease_expires_at, started_at, last_seen_at)
       select $1, id, 'on_demand', 'running', 3600, now() + interval '1 hour', now(), now() from made returning id, agent_id),
     numbered as (select *, row_number() over () as n from running)
     insert into issues (company_id, title, issue_number, identifier, status, assignee_agent_id, checkout_run_id, execution_run_id)
     select $1, 'Held', n + 1000, 'HELD-' || n, 'in_progress', agent_id, id, id from numbered`,
    [companyId],
  )
  let rows = 0
  const run: ReadDb['run'] = async (statement, params) => {
    const { rows: found } = await database.sql.query(
      `explain (analyze, timing off, format json) ${statement.text}`,
      statement.values(params),
    )
    rows += rowsOfPlan(found[0]['QUERY PLAN'][0].Plan as Node)
    return await store.read.run(statement, params)
  }
  const actor = { kind: 'system', task: 'test' } as const
  const read = { ...store.read, run }
  expect(await listStalled({ actor, companyId, requestId: null, store: { ...store, read }, idempotency: null })).toEqual([])
  expect(rows).toBeGreaterThan(ISSUES)
  expect(rows).toBeLessThan(30 * ISSUES)
})
