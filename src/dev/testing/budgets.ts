import { expect } from 'vitest'
import type { Answer, Client, TestServer } from './world.ts'

/** Reports what an agent spent, as the board unless another client is given. */
export async function spend(
  server: TestServer,
  event: { companyId: string; agentId: string; cents: number } & Record<string, unknown>,
  client: Client = server.board,
): Promise<Answer['body']> {
  const { companyId, cents, ...fields } = event
  const answer = await client.post(`/api/companies/${companyId}/cost-events`, {
    provider: 'anthropic',
    model: 'claude',
    costCents: cents,
    occurredAt: new Date().toISOString(),
    ...fields,
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

/** Lets the grace of a run pass that was ordered to stop: what happened to it is 31 seconds older. */
export async function passGrace(server: TestServer, run: { readonly id: string }): Promise<void> {
  const { sql } = server.database
  await sql.query(
    `update budget_incidents set created_at = created_at - interval '31 seconds'
     where company_id = (select company_id from heartbeat_runs where id = $1)`,
    [run.id],
  )
  await sql.query("update heartbeat_runs set stop_ordered_at = stop_ordered_at - interval '31 seconds' where id = $1", [run.id])
}

/** Microcents that are spent and reserved, and the number of reservations, of the policies of a company together. */
export async function budgetSums(
  server: TestServer,
  companyId: string,
): Promise<{ spent: number; reserved: number; reservations: number; kept: number }> {
  const { rows } = await server.database.sql.query(
    `select coalesce(sum(w.spent), 0)::float8 as spent, coalesce(sum(w.reserved), 0)::float8 as reserved,
       (select count(*)::int from budget_reservations where company_id = $1) as reservations,
       (select coalesce(sum(remaining), 0)::float8 from budget_reservations where company_id = $1) as kept
     from budget_windows w where w.company_id = $1`,
    [companyId],
  )
  return rows[0]
}
