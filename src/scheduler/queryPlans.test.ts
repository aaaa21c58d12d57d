import { expect, test, vi } from 'vitest'
import { statementTexts } from '../platform/db/statement.ts'
import '../server/server.ts'
import { insertQueuedRuns } from '../dev/testing/runner.ts'
import { useServer, world } from '../dev/testing/world.ts'

const server = useServer()
const query = async <T extends object>(text: string, values?: unknown[]): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Plans?: readonly Node[]
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

/** Whether a plan node reads a whole queue. Every waiting row meets a condition on the status alone. */
function readsAll(node: Node): boolean {
  if (node['Node Type'] === 'Seq Scan') return node['Relation Name'] === 'heartbeat_runs' || node['Relation Name'] === 'wakes'
  const cond = node['Index Cond'] ?? ''
  return /^(heartbeat_runs_unended|heartbeat_runs_unended_agent|wakes_waiting|wakes_open)$/.test(node['Index Name'] ?? '')
    ? cond === '' || /^\(\w*\.?status = [^()]*\)$/.test(cond)
    : false
}

const planOf = async (text: string): Promise<Node> => {
  const [row] = await query<{ 'QUERY PLAN': { Plan: Node }[] }>(`explain (generic_plan, format json) ${text}`)
  return row?.['QUERY PLAN'][0]?.Plan as Node
}

/** Statements whose purpose requires reading everything that is queued. */
const allowedFullReads: ReadonlySet<string> = new Set([
  // Runs every second, and reads the runs that are running only while a limit is crossed.
  'budget_overdue',
  // Runs once for each limit that is crossed.
  'budget_supervised',
  // Runs when the board tries a limit.
  'budget_trial',
  // Runs once for each company that is archived or deleted.
  'close_unended',
  // Reads the runs that are running, once, instead of looking for the holder of each issue.
  'dashboard',
  // Runs once, when a backup is restored.
  'restore_open_runs',
  // Counts the runs, every five seconds at most.
  'metrics_figures',
  // Runs once or twice for each server that crashed.
  'orphans_of',
  // Runs every ten minutes and reads only old rows.
  'retain_chunks',
  // Steps from one waiting agent to the next.
  'startable',
  // Ask whether a queue has a row, and end with the first one. The part of limits is that of `budget_overdue`.
  'work_due',
  'work_due_often',
])

/** The command `doctor` looks at every row once, when an operator asks for it. No server runs its statements. */
const isOfDoctor = (name: string): boolean => name.startsWith('doctor_')

test('No statement reads a whole queue to find one run, even when the queue was empty at its last analyze', async () => {
  const { agent, company } = await world(server())
  const { id: agentId } = await agent()
  const wakesOf = `insert into wakes (company_id, agent_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, run_id)
    select company_id, agent_id, 'automation', 'test', 'queued', 'system', 'test', id from heartbeat_runs`
  for (const table of ['heartbeat_runs', 'wakes']) await query(`alter table ${table} set (autovacuum_enabled = off)`)
  // Emptied, so that the indexes have pages and no rows, as after an hour without work.
  await insertQueuedRuns(server(), company.id, agentId, 500)
  await query(wakesOf)
  await query('delete from wakes')
  await query('delete from heartbeat_runs')
  await query('vacuum analyze heartbeat_runs, wakes')
  await insertQueuedRuns(server(), company.id, agentId, 5000)
  await query(wakesOf)

  // The whole program is loaded, and statements that other test files have left in this worker.
  const texts = [...statementTexts()].filter(
    ([name, text]) => !name.startsWith('test_') && !isOfDoctor(name) && /heartbeat_runs|wakes/.test(text),
  )
  expect(texts.length).toBeGreaterThan(75)
  const bad: Record<string, string[]> = {}
  for (const [name, text] of texts) {
    const reading = nodesOf(await planOf(text)).filter(readsAll)
    if (reading.length > 0 && !allowedFullReads.has(name))
      bad[name] = reading.map((node) => `${node['Node Type']} ${node['Index Name'] ?? node['Relation Name']} ${node['Index Cond'] ?? ''}`)
  }
  expect(bad).toEqual({})
})

test('The runs of routines that have ended, and the open ones of one routine, are found by indexes of those alone', async () => {
  const { company } = await world(server())
  await query('alter table routine_runs set (autovacuum_enabled = off)')
  await query(
    `with r as (insert into routines (company_id, title) select $1, 'R' from generate_series(1, 20) returning id)
     insert into routine_runs (company_id, routine_id, source, status, linked_issue_id, issue_closed)
       select $1, r.id, 'manual', case when n % 4 = 0 then 'issue_created' else 'skipped' end, gen_random_uuid(), n = 4 from r, generate_series(1, 1000) n`,
    [company.id],
  )
  await query('analyze routine_runs')
  const indexesOf = async (name: string): Promise<(string | undefined)[]> => {
    const nodes = nodesOf(await planOf(statementTexts().get(name) ?? ''))
    expect(
      nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'routine_runs'),
      name,
    ).toEqual([])
    return nodes.map((node) => node['Index Name']).filter((index) => index?.startsWith('routine_runs') ?? false)
  }
  expect(await indexesOf('routine_runs_closed')).toEqual(['routine_runs_closed'])
  expect(await indexesOf('routine_facts')).toEqual(['routine_runs_active'])
  expect(await indexesOf('routine_schedule_use')).toContain('routine_runs_routine')
})

test('The issues that a run holds and the holds of a company are found by the indexes of holds, however many issues a company has', async () => {
  const { company, run, agent } = await world(server())
  const { id: runId } = await run(await agent())
  await query('alter table issues set (autovacuum_enabled = off)')
  await query(
    `insert into issues (company_id, title, status, issue_number, identifier, checkout_run_id, execution_run_id)
     select $1, 'Issue', 'todo', n, 'PLAN-' || n, run, run
     from generate_series(1000, 9000) n, lateral (select case when n <= 1200 then coalesce(case when n = 1000 then $2::uuid end, gen_random_uuid()) end) r (run)`,
    [company.id, runId],
  )
  await query('analyze issues')
  const names = [...statementTexts()].filter(([, text]) => /checkout_run_id =.* is distinct from /.test(text))
  expect(names.map(([name]) => name).toSorted()).toEqual([
    'budget_order_run',
    'budget_overdue',
    'budget_supervised',
    'budget_trial',
    'company_live_runs',
    'cost_references',
    'end_issues_of_runs',
    'end_lock_issues',
    'run_holds',
    'run_issues',
    'usage_facts',
    'work_due',
    'work_due_often',
  ])
  for (const [name, text] of names) {
    const nodes = nodesOf(await planOf(text))
    const conditions = Object.fromEntries(nodes.map((node) => [node['Index Name'] ?? '', node['Index Cond'] ?? '']))
    expect(conditions['issues_held'], name).toContain('checkout_run_id')
    expect(conditions['issues_execution_run'], name).toContain('execution_run_id')
    expect(
      nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'issues'),
      name,
    ).toEqual([])
  }

  const runPage = vi.spyOn(server().store.read, 'runPage')
  await server().board.get(`/api/companies/${company.id}/locks`)
  const text = String(runPage.mock.calls[0]?.[0].text)
  runPage.mockRestore()
  const read = nodesOf(await planOf(text)).filter((node) => node['Relation Name'] === 'issues' || node['Index Name']?.startsWith('issues_'))
  expect(new Set(read.map((node) => node['Index Name'] ?? 'issues_held'))).toEqual(new Set(['issues_held']))
})
