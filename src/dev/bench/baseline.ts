import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import pg from 'pg'
import { expressObjectsOf } from '../../http/expressObjects.ts'

/**
 * The floor: a bare Express handler that does the same work in one SQL statement, with the same driver and the same
 * Postgres: the run is live and locked, nothing stands in the way of taking, the row is written with its audit row.
 * It identifies no caller and validates, explains and logs nothing: this is the least that such a server costs.
 */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] ?? '', max: 10 })
const app = express()
app.disable('x-powered-by')
app.disable('etag')
app.use(express.json())

const acting = `
  acting as (
    select r.id, r.agent_id, r.company_id, lower(a.name) as name from heartbeat_runs r join agents a on a.id = r.agent_id
    where r.id = $2 and r.status in ('queued', 'running') and r.lease_expires_at > clock_timestamp()
      and a.status in ('idle', 'active', 'running', 'error') for no key update of r)`

const checkout = `
  with ${acting},
  taken as (
    update issues i set status = 'in_progress', assignee_agent_id = acting.agent_id, checkout_run_id = acting.id, execution_run_id = acting.id,
      execution_agent_name_key = acting.name, execution_locked_at = clock_timestamp(), started_at = coalesce(i.started_at, now()),
      lock_epoch = i.lock_epoch + 1, updated_at = now()
    from acting where i.id = $1 and i.company_id = acting.company_id and i.status = 'todo' and i.assignee_user_id is null
      and (i.assignee_agent_id is null or i.assignee_agent_id = acting.agent_id)
      and not exists (select 1 from heartbeat_runs o where o.id in (i.checkout_run_id, i.execution_run_id)
        and o.status in ('queued', 'running') and o.lease_expires_at > clock_timestamp())
      and not exists (select 1 from issue_lock_evictions e where e.issue_id = i.id and e.run_id = acting.id)
      and not exists (select 1 from issue_blockers b join issues n on n.id = b.blocker_issue_id where b.blocked_issue_id = i.id and n.status <> 'done')
      and not exists (select 1 from projects p where p.id = i.project_id and p.paused_at is not null)
      and exists (select 1 from companies c where c.id = i.company_id and c.status = 'active')
    returning i.*),
  said as (
    insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details)
    select company_id, 'agent', assignee_agent_id::text, 'issue.checked_out', 'issue', id::text, assignee_agent_id, checkout_run_id,
      jsonb_build_object('lockEpoch', lock_epoch) from taken)
  select * from taken`

const release = `
  with ${acting},
  freed as (
    update issues i set status = 'todo', assignee_agent_id = null, checkout_run_id = null, execution_run_id = null,
      execution_agent_name_key = null, execution_locked_at = null, lock_epoch = i.lock_epoch + 1, updated_at = now()
    from acting where i.id = $1 and i.company_id = acting.company_id and i.assignee_agent_id = acting.agent_id and i.checkout_run_id = acting.id
      and not exists (select 1 from issue_lock_evictions e where e.issue_id = i.id and e.run_id = acting.id)
    returning i.*, acting.agent_id as by_agent_id, acting.id as by_run_id),
  said as (
    insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details)
    select company_id, 'agent', by_agent_id::text, 'issue.released', 'issue', id::text, by_agent_id, by_run_id,
      jsonb_build_object('lockEpoch', lock_epoch) from freed)
  select * from freed`

// The same two changes without any question whether they are allowed: the least that a change with its audit row costs.
const writeCheckout = `
  with taken as (
    update issues i set status = 'in_progress', assignee_agent_id = r.agent_id, checkout_run_id = r.id, execution_run_id = r.id,
      execution_locked_at = clock_timestamp(), lock_epoch = i.lock_epoch + 1, updated_at = now()
    from heartbeat_runs r where i.id = $1 and r.id = $2 returning i.*),
  said as (
    insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details)
    select company_id, 'agent', assignee_agent_id::text, 'issue.checked_out', 'issue', id::text, assignee_agent_id, checkout_run_id,
      jsonb_build_object('lockEpoch', lock_epoch) from taken)
  select * from taken`

const writeRelease = `
  with freed as (
    update issues i set status = 'todo', assignee_agent_id = null, checkout_run_id = null, execution_run_id = null,
      execution_locked_at = null, lock_epoch = i.lock_epoch + 1, updated_at = now()
    from heartbeat_runs r where i.id = $1 and r.id = $2 returning i.*, r.agent_id as by_agent_id, r.id as by_run_id),
  said as (
    insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details)
    select company_id, 'agent', by_agent_id::text, 'issue.released', 'issue', id::text, by_agent_id, by_run_id,
      jsonb_build_object('lockEpoch', lock_epoch) from freed)
  select * from freed`

app.get('/issues/:id', async (request, response) => {
  const { rows } = await pool.query({ name: 'get', text: 'select * from issues where id = $1', values: [request.params.id] })
  response.json(rows[0])
})
for (const [verb, text] of Object.entries({ checkout, release, 'write-checkout': writeCheckout, 'write-release': writeRelease }))
  app.post(`/issues/:id/${verb}`, async (request, response) => {
    const { runId } = request.body as { runId: string }
    const { rows } = await pool.query({ name: verb, text, values: [request.params.id, runId] })
    response.status(rows.length === 1 ? 200 : 409).json(rows[0] ?? {})
  })

// The floor has what the server has: requests that are born with the prototypes of Express.
const server = createServer(expressObjectsOf(app), app).listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`)
})
