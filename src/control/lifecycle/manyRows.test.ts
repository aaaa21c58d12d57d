import { describe, expect, onTestFinished, test } from 'vitest'
import { auditsOf, expectRefused, NO_HOLD, holdRow, runRow } from '../../dev/testing/holds.ts'
import { addCostEvents } from '../../dev/testing/costEvents.ts'
import { addLargestLogs, addManyRows } from '../../dev/testing/manyRows.ts'
import { pollFor } from '../../dev/testing/serverProcess.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { addUpIssueCounts } from '../../work/issues/index.ts'
import { continueDeletions, endRunsLeftBehind } from './index.ts'
import { MAX_CLOSED_AT_ONCE, MAX_ENDED_AT_ONCE } from './stopRuns.ts'

const server = useServer()
const removeCompany = (companyId: string) => server().board.del(`/api/companies/${companyId}`)
const removeAgent = (agentId: string) => server().board.del(`/api/agents/${agentId}`)

/** More than the largest number of rows that one transaction of a deletion may touch. */
const MOST_ROWS = 8000

const erasedRows = async (companyId: string): Promise<number[]> => {
  const audits = await auditsOf(server(), companyId)
  return audits
    .filter(({ action }) => action === 'deletion.rows_erased')
    .map(({ details }) => Object.values(details['rows'] as Record<string, number>).reduce((sum, count) => sum + count, 0))
}

/** Every table with rows of a company, when its numbers of issues are added up. */
async function tablesWithRows(companyId: string): Promise<string[]> {
  await addUpIssueCounts(server().store)
  const { rows } = await server().database.sql.query<{ name: string }>(
    `select table_name as name from information_schema.columns where column_name = 'company_id' and table_schema = 'public'
       and table_name not in ('activity_log', 'activity_chain')`,
  )
  const found = await Promise.all(
    rows.map(async ({ name }) => {
      const { rowCount } = await server().database.sql.query(`select from ${name} where company_id = $1 limit 1`, [companyId])
      return rowCount === 0 ? [] : [name]
    }),
  )
  return found.flat()
}

/** Locks a row until the test lets it go, as a transaction would that hangs. @returns lets it go */
async function lockRow(table: string, id: string): Promise<() => Promise<void>> {
  const connection = await server().database.sql.connect()
  await connection.query('begin read write')
  await connection.query(`select from ${table} where id = $1 for update`, [id])
  let isLocked = true
  const free = async (): Promise<void> => {
    if (!isLocked) return
    isLocked = false
    await connection.query('rollback')
    connection.release()
  }
  onTestFinished(free)
  return free
}

describe('the deletion of a company with many rows', () => {
  test('Its rows are deleted in transactions of a bounded size, and nothing but its audit is left (T5)', { timeout: 180_000 }, async () => {
    const here = await world(server())
    const who = await here.agent()
    const parent = await here.issue()
    await addManyRows(server(), here.company.id, who.id, { issues: 3000, runs: 1000, queued: 100 })
    await server().database.sql.query('update issues set parent_id = $2 where company_id = $1 and id <> $2', [here.company.id, parent.id])
    expect(await removeCompany(here.company.id)).toMatchObject({ status: 200, body: { ok: true } })
    await pollFor('the company is gone', async () => (await actionsOf(server(), here.company.id)).includes('company.deleted'))
    expect(await tablesWithRows(here.company.id)).toEqual([])
    const erased = await erasedRows(here.company.id)
    expect(Math.max(...erased)).toBeLessThan(MOST_ROWS)
    expect(erased.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3 * 3000 + 4 * 1000)
    const counts = { agents: 1, issues: 3001, runs: 1100 }
    expect((await lastAudit(server(), here.company.id, 'company.deletion_begun')).details).toMatchObject(counts)
    expect((await lastAudit(server(), here.company.id, 'company.deleted')).details).toMatchObject(counts)
  })

  test('The costs and budgets of a company are deleted in transactions of a bounded size too (T5)', { timeout: 180_000 }, async () => {
    const here = await world(server())
    const companyId = here.company.id
    const { id: agentId } = await here.agent({ budgetMonthlyCents: 100 })
    const hour = (index: number): string => new Date(Date.UTC(2025, 0, 1, index)).toISOString()
    const events = Array.from({ length: 6000 }, (_, index) => ({ agentId, occurredAt: hour(index), runId: crypto.randomUUID() }))
    await addCostEvents(server(), companyId, events)
    const { sql } = server().database
    await sql.query(
      `insert into finance_events (company_id, event_kind, biller, amount_cents, occurred_at)
         select $1, 'platform_fee', 'aws', i, now() from generate_series(1, 3000) i`,
      [companyId],
    )
    await sql.query(
      `insert into budget_incidents (company_id, policy_id, scope_type, scope_id, metric, window_kind, window_start, threshold_type, amount_limit,
         amount_observed, policy_revision) select company_id, id, scope_type, scope_id, metric, window_kind, now(), 'soft', 1, 1, i
         from budget_policies, generate_series(1, 5000) i where company_id = $1`,
      [companyId],
    )
    await sql.query(
      `insert into budget_reservations (run_id, policy_id, window_start, company_id) select gen_random_uuid(), id, now(), company_id
         from budget_policies, generate_series(1, 5000) where company_id = $1`,
      [companyId],
    )
    expect(await removeCompany(companyId)).toMatchObject({ status: 200, body: { ok: true } })
    await pollFor('the company is gone', async () => (await actionsOf(server(), companyId)).includes('company.deleted'))
    expect(await tablesWithRows(companyId)).toEqual([])
    const erased = await erasedRows(companyId)
    expect(Math.max(...erased)).toBeLessThanOrEqual(2000 + 2)
    expect(erased.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3 * 6000 + 3000 + 2 * 5000)
  })

  test(
    'A deletion that fails in the middle has taken the company away, and two servers complete it together (T5)',
    { timeout: 180_000 },
    async () => {
      const here = await world(server())
      const { issue, run, agent } = await here.held()
      const free = await lockRow('issue_documents', (await documentOf(issue.id)).id)
      expect(await removeCompany(here.company.id)).toMatchObject({ status: 200, body: { ok: true } })

      for (const path of [`companies/${here.company.id}`, `issues/${issue.id}`, `issues/${issue.identifier}`, `agents/${agent.id}`])
        await expectRefused(server(), () => server().board.get(`/api/${path}`), 404, 'not_found')
      const listed = await server().board.get('/api/companies')
      expect(listed.body.map(({ id }: { id: string }) => id)).not.toContain(here.company.id)
      expect(Object.keys((await server().board.get('/api/companies/stats')).body)).not.toContain(here.company.id)
      await expectRefused(server(), () => removeCompany(here.company.id), 404, 'not_found')
      await expectRefused(server(), () => run.client.get('/api/agents/me'), 401, 'unauthorized')
      await expectRefused(server(), () => agent.client.get('/api/agents/me'), 401, 'unauthorized')
      expect(await actionsOf(server(), here.company.id)).not.toContain('company.deleted')

      await free()
      const peer = await server().startPeer()
      onTestFinished(() => peer.stop())
      await server().database.passTime('1 minute')
      await Promise.all([continueDeletions(server().store), continueDeletions(peer.store)])
      expect(await tablesWithRows(here.company.id)).toEqual([])
      expect((await actionsOf(server(), here.company.id)).filter((action) => action === 'company.deleted')).toHaveLength(1)
      expect((await lastAudit(server(), here.company.id, 'company.deleted')).actorId).toBe('deletions')
    },
  )
})

const documentOf = async (issueId: string): Promise<{ id: string }> =>
  (
    await server().board.put(`/api/issues/${issueId}/documents/plan`, {
      title: 'Plan',
      format: 'markdown',
      body: 'Plan',
      baseRevisionId: null,
    })
  ).body

describe('the deletion of an agent with many rows', () => {
  test('It is terminated first, and every issue is freed with an audit row of its own (T5)', { timeout: 180_000 }, async () => {
    const here = await world(server())
    const { agent, issue, run } = await here.held()
    await addManyRows(server(), here.company.id, agent.id, { issues: 1200, runs: 300, queued: 50 })
    expect(await removeAgent(agent.id)).toMatchObject({ status: 200, body: { ok: true } })
    expect(await actionsOf(server(), agent.id)).toEqual(expect.arrayContaining(['agent.deletion_begun', 'agent.deleted']))
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, status: 'todo', assigneeAgentId: null })
    expect((await server().database.sql.query('select from issues where company_id = $1', [here.company.id])).rowCount).toBe(1201)
    expect((await server().database.sql.query('select from heartbeat_runs where company_id = $1', [here.company.id])).rowCount).toBe(0)
    const { rows } = await server().database.sql.query(
      `select count(distinct entity_id)::int as issues from activity_log where company_id = $1 and action = 'issue.lock_cleared'
         and details->>'why' = 'assignee_deleted'`,
      [here.company.id],
    )
    expect(rows).toEqual([{ issues: 1201 }])
    await expectRefused(server(), () => run.client.get('/api/agents/me'), 401, 'unauthorized')
    await expectRefused(server(), () => removeAgent(agent.id), 404, 'not_found')
  })

  test('One with few runs and many events is deleted in transactions of a bounded size too (T5)', { timeout: 180_000 }, async () => {
    const here = await world(server())
    const agent = await here.agent()
    await addManyRows(server(), here.company.id, agent.id, { runs: 30, eventsOfRun: 700 })
    expect(await removeAgent(agent.id)).toMatchObject({ status: 200, body: { ok: true } })
    expect(await actionsOf(server(), agent.id)).toEqual(expect.arrayContaining(['agent.deletion_begun', 'agent.deleted']))
    const erased = await erasedRows(here.company.id)
    expect(Math.max(...erased)).toBeLessThan(MOST_ROWS)
    expect(erased.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(21_000)
  })

  test('An agent of few runs with the largest logs is deleted in parts, and so is its company (T5)', { timeout: 180_000 }, async () => {
    const here = await world(server())
    const [first, second] = [await here.agent(), await here.agent()]
    const mostOfAgent = await addLargestLogs(server(), here.company.id, first.id, 3)
    expect(await removeAgent(first.id)).toMatchObject({ status: 200, body: { ok: true } })
    expect(await actionsOf(server(), first.id)).toEqual(expect.arrayContaining(['agent.deletion_begun', 'agent.deleted']))
    expect(await mostOfAgent()).toBe(200)
    const mostOfCompany = await addLargestLogs(server(), here.company.id, second.id, 3)
    expect(await removeCompany(here.company.id)).toMatchObject({ status: 200, body: { ok: true } })
    await pollFor('the company is gone', async () => (await actionsOf(server(), here.company.id)).includes('company.deleted'))
    expect(await mostOfCompany()).toBe(200)
  })

  test('A deletion that fails in the middle is completed by a repeat (T5)', { timeout: 180_000 }, async () => {
    const here = await world(server())
    const agent = await here.agent()
    await addManyRows(server(), here.company.id, agent.id, { issues: 1200 })
    const { rows } = await server().database.sql.query<{ id: string }>('select max(id::text) as id from issues where company_id = $1', [
      here.company.id,
    ])
    const free = await lockRow('issues', rows[0]?.id ?? '')
    expect((await removeAgent(agent.id)).status).toBe(503)
    expect((await server().board.get(`/api/agents/${agent.id}`)).body.status).toBe('terminated')
    await free()
    expect(await removeAgent(agent.id)).toMatchObject({ status: 200, body: { ok: true } })
    expect((await actionsOf(server(), agent.id)).filter((action) => action.startsWith('agent.delet'))).toEqual([
      'agent.deletion_begun',
      'agent.deleted',
    ])
    expect((await server().database.sql.query('select from deletions')).rowCount).toBe(0)
  })
})

describe('a stop of more queued runs than one transaction ends', () => {
  const beyond = 50

  const unended = async (companyId: string): Promise<number | null> =>
    (await server().database.sql.query("select from heartbeat_runs where company_id = $1 and status in ('queued', 'running')", [companyId]))
      .rowCount

  test.each(['pause', 'quarantine', 'terminate', 'archive'] as const)(
    'A %s ends those that are running first, and the task ends the queued ones that it left (T5)',
    { timeout: 180_000 },
    async (verb) => {
      const here = await world(server())
      const { agent, run } = await here.held()
      await addManyRows(server(), here.company.id, agent.id, { issues: MAX_ENDED_AT_ONCE + beyond, queued: MAX_ENDED_AT_ONCE + beyond })
      const path = verb === 'archive' ? `companies/${here.company.id}/archive` : `agents/${agent.id}/${verb}`
      const answer = await server().board.post(`/api/${path}`, verb === 'quarantine' ? { reason: 'It loops' } : undefined)
      expect(answer.status, answer.text).toBe(200)
      expect((await runRow(server(), run.id)).status).toBe('cancelled')
      expect(await unended(here.company.id)).toBe(beyond + 1)
      expect(await endRunsLeftBehind(server().store)).toBe(beyond + 1)
      expect(await unended(here.company.id)).toBe(0)
      const { rows } = await server().database.sql.query('select distinct error_code as code from heartbeat_runs where company_id = $1', [
        here.company.id,
      ])
      expect(rows).toHaveLength(1)
    },
  )

  test(
    'A quarantine closes 1,000 waiting wakes in its transaction, the task closes the others, and so does a release (T5)',
    { timeout: 180_000 },
    async () => {
      const here = await world(server())
      const waiting = async (): Promise<number | null> =>
        (await server().database.sql.query("select from wakes where company_id = $1 and status <> 'skipped'", [here.company.id])).rowCount
      for (const end of ['task', 'release'] as const) {
        const agent = await here.agent()
        await server().database.sql.query('delete from issues where company_id = $1', [here.company.id])
        await addManyRows(server(), here.company.id, agent.id, { issues: 2 * MAX_CLOSED_AT_ONCE + beyond })
        await server().database.sql.query(
          "update wakes set status = 'deferred_issue_execution', finished_at = null where company_id = $1",
          [here.company.id],
        )
        expect((await server().board.post(`/api/agents/${agent.id}/quarantine`, { reason: 'It loops' })).status).toBe(200)
        expect((await lastAudit(server(), agent.id, 'agent.quarantined')).details['closedWakeIds']).toHaveLength(MAX_CLOSED_AT_ONCE)
        expect(await waiting()).toBe(MAX_CLOSED_AT_ONCE + beyond)
        if (end === 'task') expect(await endRunsLeftBehind(server().store)).toBe(MAX_CLOSED_AT_ONCE + beyond)
        else expect((await server().board.del(`/api/agents/${agent.id}/quarantine`)).status).toBe(200)
        expect(await waiting()).toBe(0)
      }
    },
  )
})
