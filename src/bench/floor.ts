import type { AddressInfo } from 'node:net'
import express from 'express'
import pg from 'pg'

/**
 * The floor: a bare Express handler that does the same work in one SQL statement, with the same driver and the same
 * Postgres. No identity, no tenant, no validation, no decision, no log; what a server of this kind costs at the least.
 */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] ?? '', max: 10 })
const app = express()
app.disable('x-powered-by')
app.disable('etag')
app.use(express.json())

const checkout = `
  with taken as (
    update issues set status = 'in_progress', assignee_agent_id = $2, checkout_run_id = $3, execution_run_id = $3,
      execution_locked_at = now(), started_at = coalesce(started_at, now()), lock_epoch = lock_epoch + 1, updated_at = now()
    where id = $1 and status = 'todo' and checkout_run_id is null returning *),
  said as (
    insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details)
    select company_id, 'agent', $2::text, 'issue.checked_out', 'issue', id::text, $2, $3, jsonb_build_object('lockEpoch', lock_epoch) from taken)
  select * from taken`

const release = `
  with freed as (
    update issues set status = 'todo', assignee_agent_id = null, checkout_run_id = null, execution_run_id = null,
      execution_locked_at = null, lock_epoch = lock_epoch + 1, updated_at = now()
    where id = $1 and checkout_run_id = $2 returning *),
  said as (
    insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, run_id, details)
    select company_id, 'agent', $2::text, 'issue.released', 'issue', id::text, $2, jsonb_build_object('lockEpoch', lock_epoch) from freed)
  select * from freed`

app.get('/issues/:id', async (request, response) => {
  const { rows } = await pool.query({ name: 'get', text: 'select * from issues where id = $1', values: [request.params.id] })
  response.json(rows[0])
})
app.post('/issues/:id/checkout', async (request, response) => {
  const { agentId, runId } = request.body as { agentId: string; runId: string }
  const { rows } = await pool.query({ name: 'checkout', text: checkout, values: [request.params.id, agentId, runId] })
  response.status(rows.length === 1 ? 200 : 409).json(rows[0] ?? {})
})
app.post('/issues/:id/release', async (request, response) => {
  const { runId } = request.body as { runId: string }
  const { rows } = await pool.query({ name: 'release', text: release, values: [request.params.id, runId] })
  response.status(rows.length === 1 ? 200 : 409).json(rows[0] ?? {})
})

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`)
})
