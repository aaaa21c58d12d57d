import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { PlanNode } from '../../dev/testing/planNode.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { listActivity } from '../../observe/activity/queries.ts'
import { createStore } from '../../platform/db/store.ts'
import type { Connection } from '../../platform/db/driver/client.ts'
import type { PageDb, ReadDb, Store } from '../../platform/db/types.ts'
import { listIssues } from './list.ts'
import type { IssueFilter } from './list.ts'
import { listAgentInbox } from './queries.ts'
import { indexChangedTexts } from './searchIndex.ts'

// Postgres keeps a plan for all values of a statement that is repeated. It is made from statistics of all companies, so it must be right for
// a small company and for a large one, whatever those statistics are. Here one company has most rows, and very many have a few.

const server = useServer()

const ISSUES = 12_000
const SMALL_COMPANIES = 2000

let large: World
let busyId: string
let usualId: string
let issueId: string

async function plant(connection: Connection): Promise<void> {
  const values = [large.company.id, busyId, usualId, ISSUES, SMALL_COMPANIES]
  const run = (text: string): Promise<{ rows: { id: string }[] }> =>
    connection.query(text.replaceAll(/:([1-5])/g, (_, at: string) => `'${values[Number(at) - 1]}'`))
  await run('begin read write')
  // The triggers would take longer than all the rest, and no read here needs what they keep.
  await run("set local session_replication_role = 'replica'")
  await run(`insert into companies (name, issue_prefix) select 'Small', 'SM' || i from generate_series(1, :5::int) i`)
  await run(`insert into issues (company_id, title, issue_number, identifier, status, priority, assignee_agent_id, updated_at)
    select :1::uuid, 'Common words' || case when i % 3000 = 7 then ' narwhal' else '' end, 1000 + i, 'LARGE-' || i,
      (array['todo', 'todo', 'done', 'blocked'])[1 + i / 4 % 4], (array['critical', 'high', 'medium', 'low'])[1 + i % 4],
      case when i % 2 = 0 then :2::uuid when i % 300 = 1 then :3::uuid end, now() - make_interval(secs => i * 7919 % :4::int)
    from generate_series(1, :4::int) i`)
  await run(`insert into issues (company_id, title, issue_number, identifier, status, priority, assignee_agent_id)
    select c.id, 'Common words', i, c.issue_prefix || '-' || i, 'todo', 'low', gen_random_uuid()
    from companies c cross join generate_series(1, 3) i where c.name = 'Small'`)
  issueId = (await run('select id from issues where company_id = :1::uuid order by issue_number desc limit 1')).rows[0]?.id as string
  await run(`insert into activity_log (company_id, actor_type, actor_id, agent_id, action, entity_type, entity_id)
    select company_id, 'agent', 'a', assignee_agent_id, 'issue.updated', 'issue',
      case when company_id = :1::uuid and issue_number % 60 = 1 then '${issueId}' else id::text end from issues`)
  await run('commit')
}

beforeAll(async () => {
  large = await world(server())
  busyId = (await large.agent()).id
  usualId = (await large.agent()).id
  const { sql } = server().database
  const connection = await sql.connect()
  try {
    await plant(connection)
  } finally {
    connection.release()
  }
  await sql.query('select rebuild_issue_search()')
  while ((await indexChangedTexts(server().store)).isBehind);
  await sql.query('vacuum analyze')
}, 120_000)

interface Asked {
  readonly companyId: string
  readonly agentId: string
  readonly issueId: string
}

interface RepeatedRead {
  readonly read: (db: ReadDb & PageDb, asked: Asked) => Promise<unknown>
  /** The most rows that it reads. */
  readonly most: number
}

/** Rows of a page, once in the index and once whole, and what belongs to each. */
const PAGE_ROWS = 600

const list = (filterOf: (asked: Asked) => IssueFilter, most = PAGE_ROWS): RepeatedRead => ({
  read: (db, asked) => listIssues(db, asked.companyId, filterOf(asked), { limit: 50 }),
  most,
})

/** Reads that agents and the console repeat all the time. */
const repeatedReads: Readonly<Record<string, RepeatedRead>> = {
  'The list of what an agent has to do': list((asked) => ({ assigneeAgentId: asked.agentId, status: ['todo', 'in_progress'] })),
  'The list of all issues of an agent': list((asked) => ({ assigneeAgentId: asked.agentId })),
  'A search for a common word': list(() => ({ q: 'common' }), 6000),
  'A search for a rare word': list(() => ({ q: 'narwhal' })),
  'A search for a missing word': list(() => ({ q: 'quokka' })),
  // Two hundred issues of each status.
  'The inbox of an agent': { read: (db, { companyId, agentId }) => listAgentInbox(db, companyId, agentId), most: 1200 },
  'The log of an agent': {
    read: (db, { companyId, agentId }) => listActivity(db, companyId, { agentId }, { limit: 50 }),
    most: PAGE_ROWS,
  },
  'The log of an issue': {
    read: (db, { companyId, issueId: entityId }) => listActivity(db, companyId, { entityType: 'issue', entityId }, { limit: 50 }),
    most: PAGE_ROWS,
  },
}

const everyone = (): Asked[] => [
  { companyId: randomUUID(), agentId: randomUUID(), issueId: randomUUID() },
  { companyId: large.company.id, agentId: usualId, issueId },
  { companyId: large.company.id, agentId: busyId, issueId },
]

/** The inbox costs the least for the agents that have little to do, and may be planned for the values of others. */
const plannedOnce = Object.keys(repeatedReads).filter((name) => name !== 'The inbox of an agent')

/** Postgres plans a prepared read for its values so often, and then compares the costs with those of a plan for all values. */
const FIRST_PLANS = 5

test.each(plannedOnce)('%s is planned once', async (name) => {
  const pool = server().database.open({ max: 1 })
  try {
    for (const asked of everyone())
      for (let times = 0; times < 4; times += 1) await repeatedReads[name]?.read(createStore(pool).read, asked)
    const { rows } = await pool.query<{ name: string; custom: number }>(
      'select name, custom_plans::int as custom from pg_prepared_statements',
    )
    expect(rows).not.toEqual([])
    expect(rows.filter(({ custom }) => custom > FIRST_PLANS)).toEqual([])
  } finally {
    await pool.end()
  }
})

/** The rows that a plan reads from tables and indexes. */
const rowsIn = (node: PlanNode): number =>
  (node['Relation Name'] !== undefined || node['Node Type'] === 'Bitmap Index Scan'
    ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
    : 0) + (node.Plans ?? []).reduce((sum, below) => sum + rowsIn(below), 0)

/** A value in the text of a statement. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  const textOf = (each: unknown): string => (typeof each === 'string' ? each : JSON.stringify(each))
  const text = Array.isArray(value) ? `{${value.map((item) => JSON.stringify(textOf(item))).join()}}` : textOf(value)
  return `'${text.replaceAll("'", "''")}'`
}

/** Counts the rows that a read takes with the plan for all values. */
async function rowsWithKeptPlan(connection: Connection, read: RepeatedRead['read'], asked: Asked): Promise<number> {
  let rows = 0
  const { store } = server()
  const explain = async (text: string, values: readonly unknown[]): Promise<void> => {
    await connection.query(`prepare kept as ${text}`)
    const given = values.length === 0 ? '' : `(${values.map(literal).join()})`
    const found = await connection.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, timing off, format json) execute kept ${given}`,
    )
    await connection.query('deallocate kept')
    rows += rowsIn(found.rows[0]?.['QUERY PLAN'][0].Plan as PlanNode)
  }
  const run: Store['read']['run'] = async (statement, params) => {
    await explain(statement.text, statement.values(params))
    return await store.read.run(statement, params)
  }
  const runPage: Store['read']['runPage'] = async (statement, params, maxRows) => {
    await explain(statement.text, statement.values(params))
    return await store.read.runPage(statement, params, maxRows)
  }
  await read({ run, runPage }, asked)
  return rows
}

test.each(Object.keys(repeatedReads))('%s reads few rows with a plan for companies and agents of all sizes', async (name) => {
  const { read, most } = repeatedReads[name] as RepeatedRead
  const connection = await server().database.sql.connect()
  try {
    await connection.query('set plan_cache_mode = force_generic_plan')
    for (const asked of everyone()) expect(await rowsWithKeptPlan(connection, read, asked)).toBeLessThan(most)
  } finally {
    connection.release(true)
  }
})
