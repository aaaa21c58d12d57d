import { expect, test } from 'vitest'
import { addCostEvents } from '../../dev/testing/costEvents.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
/** So many of the largest amounts are more than a number hands on exactly. */
const ENOUGH = 9_100
const MOST = 1_000_000_000_000

test('A sum of tokens that no number hands on exactly is shown as the largest that one does', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const most = { inputTokens: MOST, cachedInputTokens: MOST, outputTokens: MOST }
  const event = { agentId: agent.id, occurredAt: new Date().toISOString(), ...most }
  await addCostEvents(
    server(),
    here.company.id,
    Array.from({ length: ENOUGH }, () => event),
  )
  for (const path of ['by-agent', 'by-agent-model', 'by-provider', 'by-biller', 'by-project', 'window-spend']) {
    const answer = await server().board.get(`/api/companies/${here.company.id}/costs/${path}`)
    expect(answer.status, path).toBe(200)
    expect(answer.body[0], path).toMatchObject({ inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.MAX_SAFE_INTEGER })
  }
})

test('A sum of finance events that no number hands on exactly is shown as the largest that one does, in either direction', async () => {
  const here = await world(server())
  await server().database.sql.query(
    `insert into finance_events (company_id, event_kind, direction, biller, amount_cents, occurred_at)
     select $1, kind, direction, direction, $2, now() from generate_series(1, $3::int),
       (values ('platform_fee', 'debit'), ('credit_refund', 'credit')) k (kind, direction)`,
    [here.company.id, MOST, ENOUGH],
  )
  const read = async (path: string) => await server().board.get(`/api/companies/${here.company.id}/costs/${path}`)
  const most = Number.MAX_SAFE_INTEGER
  expect((await read('finance-summary')).body).toMatchObject({ debitCents: most, creditCents: most, netCents: 0 })
  for (const path of ['finance-by-biller', 'finance-by-kind'])
    expect((await read(path)).body, path).toMatchObject([
      { debitCents: most, creditCents: 0, netCents: most },
      { debitCents: 0, creditCents: most, netCents: -most },
    ])
})

test('A sum of the usage of runs that no number hands on exactly is shown as the largest that one does', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const run = await here.run(agent)
  await server().database.sql.query(
    `insert into heartbeat_runs select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'usage_json', jsonb_build_object('inputTokens', 1e13)))).*
     from heartbeat_runs r, generate_series(1, $2::int) where r.id = $1`,
    [run.id, ENOUGH],
  )
  const answer = await server().board.get(`/api/agents/${agent.id}/runtime-state`)
  expect(answer.status, answer.text).toBe(200)
  expect(answer.body.totalInputTokens).toBe(Number.MAX_SAFE_INTEGER)
})
