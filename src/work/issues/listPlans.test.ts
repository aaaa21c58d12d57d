import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { nodesOf } from '../../dev/testing/planNode.ts'
import type { PlanNode } from '../../dev/testing/planNode.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { readDashboard } from '../../observe/activity/dashboard.ts'
import { listActivity } from '../../observe/activity/queries.ts'
import { companyStats } from '../../org/companies/queries.ts'
import { listRuns } from '../../engine/runs/list.ts'
import type { Ctx, ReadDb, PageDb, Store } from '../../platform/db/types.ts'
import { addUpIssueCounts } from './counts.ts'
import { listIssues } from './list.ts'
import type { IssueFilter } from './list.ts'
import { listAgentInbox } from './queries.ts'
import { indexChangedTexts } from './searchIndex.ts'

const server = useServer()

const tables = new Set([
  'issues',
  'issue_comments',
  'issue_search',
  'issue_touches',
  'issue_participants',
  'issue_labels',
  'heartbeat_runs',
  'activity_log',
])

/** The most rows that a read takes from the large tables, in all of its statements. */
async function rowsReadBy(read: (store: Store) => Promise<unknown>, counted: ReadonlySet<string> = tables): Promise<number> {
  const { store, database } = server()
  let rows = 0
  const explain = async (text: string, values: unknown[]): Promise<void> => {
    const { rows: found } = await database.sql.query(`explain (analyze, timing off, format json) ${text}`, values)
    for (const node of nodesOf(found[0]['QUERY PLAN'][0].Plan as PlanNode))
      if (counted.has(node['Relation Name'] ?? '') && (counted !== tables || node['Node Type'] !== 'Bitmap Heap Scan'))
        rows += (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
      else if (counted === tables && node['Node Type'] === 'Bitmap Index Scan') rows += node['Actual Rows'] * node['Actual Loops']
  }
  const run: ReadDb['run'] = async (statement, params) => {
    await explain(statement.text, statement.values(params))
    return await store.read.run(statement, params)
  }
  const runPage: PageDb['runPage'] = async (statement, params, maxRows) => {
    await explain(statement.text, statement.values(params))
    return await store.read.runPage(statement, params, maxRows)
  }
  await read({ ...store, read: { run, runPage } })
  return rows
}

const ISSUES = 12_000
let here: World
let agentId: string
let busyId: string
let ids: { project: string; label: string; mostLabel: string }

/** Many issues. A person and an agent have to do with one in three hundred of them, spread over every priority, and others with very many. */
async function plant(): Promise<void> {
  const connection = await server().database.sql.connect()
  const run = (text: string): Promise<{ rows: { id: string }[] }> =>
    connection.query(
      text.replaceAll(':c', `'${here.company.id}'::uuid`).replaceAll(':a', `'${agentId}'::uuid`).replaceAll(':n', String(ISSUES)),
    )
  try {
    await run('begin read write')
    const project = (await run(`insert into projects (company_id, name, url_key) values (:c, 'Planted', 'planted') returning id`)).rows[0]
      ?.id as string
    const label = (await run(`insert into labels (company_id, name, color) values (:c, 'planted', '#000000') returning id`)).rows[0]
      ?.id as string
    const mostLabel = (await run(`insert into labels (company_id, name, color) values (:c, 'most', '#000000') returning id`)).rows[0]
      ?.id as string
    ids = { project, label, mostLabel }
    await run(`insert into issues (company_id, title, description, issue_number, identifier, status, priority, created_by_user_id, created_by_agent_id,
        assignee_user_id, assignee_agent_id, project_id, updated_at)
      select :c, 'Common words ' || i || case when i % 3000 = 7 then ' narwhal' else '' end, 'Described', 1000 + i, 'PLAN-' || i,
        (array['backlog', 'todo', 'done', 'blocked'])[1 + i / 4 % 4], (array['critical', 'high', 'medium', 'low'])[1 + i % 4],
        case when i % 300 < 2 then 'rare' else 'common' end, case when i % 300 = 2 then :a end, case when i % 300 = 3 then 'rare' end,
        case when i % 300 = 4 then :a when i % 4 = 2 then '${busyId}'::uuid end, case when i % 2 = 0 then '${project}'::uuid end, now() - make_interval(secs => i * 7919 % :n)
      from generate_series(1, :n) i`)
    await run(`insert into issue_comments (company_id, issue_id, body, author_user_id)
      select company_id, id, 'A comment', case when issue_number % 300 = 5 then 'rare' else 'common' end from issues where company_id = :c and issue_number > 1000`)
    await run(
      `insert into issue_labels (issue_id, label_id) select id, '${label}' from issues where company_id = :c and issue_number % 300 = 6`,
    )
    await run(
      `insert into issue_labels (issue_id, label_id) select id, '${mostLabel}' from issues where company_id = :c and issue_number % 3 > 0`,
    )
    await run(`insert into heartbeat_runs (company_id, agent_id, status, finished_at, created_at)
      select :c, :a, case when i % 1000 = 0 then 'failed' else 'succeeded' end, now(), now() - make_interval(secs => i) from generate_series(1, :n) i`)
    await run(`insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id)
      select :c, 'user', 'common', 'issue.updated', 'issue', id::text from issues where company_id = :c`)
    await run('commit')
  } finally {
    connection.release()
  }
  await server().database.sql.query('select rebuild_issue_search()')
  while ((await indexChangedTexts(server().store)).isBehind);
  await addUpIssueCounts(server().store)
  await server().database.sql.query('vacuum analyze')
}

beforeAll(async () => {
  here = await world(server())
  agentId = (await here.agent()).id
  busyId = (await here.agent()).id
  await plant()
}, 120_000)

/** Rows of a page, with what belongs to each, and the most issues that a search or a person's filter looks at. */
const FEW_ROWS = 6000

const issueReads: Record<string, () => IssueFilter> = {
  'no filter': () => ({}),
  'a status': () => ({ status: ['blocked'] }),
  'a priority': () => ({ priority: ['low'] }),
  'the person who touched': () => ({ touchedByUserId: 'rare' }),
  'a person who touched nothing': () => ({ touchedByUserId: 'stranger' }),
  'what a person has not read': () => ({ unreadForUserId: 'rare' }),
  'what a person without issues has not read': () => ({ unreadForUserId: 'stranger' }),
  'the inbox of a person': () => ({ touchedByUserId: 'rare', inboxArchivedByUserId: 'rare', status: ['todo', 'blocked'] }),
  'the archive of a person': () => ({ inboxArchivedByUserId: 'rare' }),
  'a participant': () => ({ participantAgentId: agentId }),
  'the agent that created': () => ({ createdByAgentId: agentId }),
  'the person who created': () => ({ createdByUserId: 'rare' }),
  'a person who created nothing': () => ({ createdByUserId: 'stranger' }),
  'an assigned person': () => ({ assigneeUserId: 'rare' }),
  'an assigned agent': () => ({ assigneeAgentId: agentId }),
  'a project and a status': () => ({ projectId: ids.project, status: ['blocked'] }),
  'a label and a status': () => ({ labelId: ids.label, status: ['blocked'] }),
  'an origin': () => ({ originId: 'r-1' }),
  'a kind of origin': () => ({ originKind: 'routine_execution' }),
  'a workspace': () => ({ workspaceId: ids.project }),
  'a word of every issue': () => ({ q: 'common' }),
  'two words of every issue': () => ({ q: 'words common' }),
  'a rare word': () => ({ q: 'narwhal' }),
  'a part of a rare word': () => ({ q: 'arwha' }),
  'a missing word': () => ({ q: 'quokka' }),
  'an identifier': () => ({ q: 'PLAN-777' }),
  'a common word and a filter that leaves nothing': () => ({ q: 'common', createdByUserId: 'stranger' }),
  'a word and a person': () => ({ q: 'common', assigneeUserId: 'rare' }),
}

test.each(Object.keys(issueReads))('A list of issues by %s reads few rows', async (name) => {
  const filter = issueReads[name]?.() ?? {}
  expect(await rowsReadBy((store) => listIssues(store.read, here.company.id, filter, { limit: 20 }))).toBeLessThan(FEW_ROWS)
})

/** The rows of a page of twenty, seven times where it comes from seven statuses, and what belongs to each. */
const PAGE_ROWS = 600

const pageReads: Record<string, () => IssueFilter> = {
  'no filter': () => ({}),
  'a status': () => ({ status: ['blocked'] }),
  'some statuses': () => ({ status: ['todo', 'in_progress', 'in_review', 'blocked'] }),
  'an agent with many issues': () => ({ assigneeAgentId: busyId }),
  'an agent with many issues and a status': () => ({ assigneeAgentId: busyId, status: ['todo', 'in_progress'] }),
  'a project': () => ({ projectId: ids.project }),
  'a project and a status': () => ({ projectId: ids.project, status: ['blocked'] }),
  'a label of most issues': () => ({ labelId: ids.mostLabel }),
  'a label of most issues and statuses': () => ({ labelId: ids.mostLabel, status: ['todo', 'blocked'] }),
  'the person who touched most': () => ({ touchedByUserId: 'common' }),
  'the person who touched most, and statuses': () => ({ touchedByUserId: 'common', status: ['todo', 'blocked'] }),
}

/** Looking at names stops at so many. */
const COUNTED_NAMES = 12_001

test.each(Object.keys(pageReads))(
  'A page of a list by %s reads little more than the page, the first one and one in the middle',
  async (name) => {
    const filter = pageReads[name]?.() ?? {}
    const isNamed = filter.labelId !== undefined || filter.touchedByUserId !== undefined
    const half = await listIssues(server().store.read, here.company.id, filter, { limit: 1000 })
    const after = half.next ?? undefined
    for (const page of [{ limit: 20 }, ...(isNamed ? [] : [{ limit: 20, after }])])
      expect(await rowsReadBy((store) => listIssues(store.read, here.company.id, filter, page))).toBeLessThan(
        PAGE_ROWS + (isNamed ? COUNTED_NAMES : 0),
      )
  },
)

test('A search for a common word with a filter that leaves many issues or some looks at a bounded number of texts and issues', async () => {
  const texts = new Set(['issues', 'issue_search', 'issue_comments'])
  const rowsOf = (filter: IssueFilter): Promise<number> =>
    rowsReadBy((store) => listIssues(store.read, here.company.id, { q: 'common', ...filter }, { limit: 20 }), texts)
  expect(await rowsOf({ createdByUserId: 'common' })).toBeLessThan(ISSUES)
  expect(await rowsOf({ labelId: ids.mostLabel, priority: ['low'], status: ['blocked'] })).toBeLessThan(ISSUES)
})

test('The inbox of an agent with many open issues reads as many as it shows of each status', async () => {
  expect(await rowsReadBy((store) => listAgentInbox(store.read, here.company.id, busyId))).toBeLessThan(1200)
})

test('The dashboard, the numbers of companies, the inbox of an agent, runs by status and the log read few rows', async () => {
  const companyId = here.company.id
  const ctxOf = (store: Store): Ctx => ({
    actor: { kind: 'system', task: 'scheduler' },
    companyId,
    requestId: null,
    store,
    idempotency: null,
  })
  const reads: Record<string, (store: Store) => Promise<unknown>> = {
    dashboard: (store) => readDashboard(ctxOf(store)),
    stats: (store) => companyStats(ctxOf(store)),
    inbox: (store) => listAgentInbox(store.read, companyId, agentId),
    failed: (store) => listRuns(ctxOf(store), { status: ['failed', 'timed_out'], limit: 20 }),
    failedOfAgent: (store) => listRuns(ctxOf(store), { agentId, status: ['failed'], limit: 20 }),
    running: (store) => listRuns(ctxOf(store), { status: ['running'], limit: 20 }),
    log: (store) => listActivity(store.read, companyId, {}, { limit: 20 }),
    logOfAgent: (store) => listActivity(store.read, companyId, { agentId }, { limit: 20 }),
    logOfAction: (store) => listActivity(store.read, companyId, { action: ['issue.updated'] }, { limit: 20 }),
  }
  const rows: Record<string, number> = {}
  for (const [name, read] of Object.entries(reads)) rows[name] = await rowsReadBy(read)
  expect(Object.entries(rows).filter(([, count]) => count >= FEW_ROWS)).toEqual([])
})

test('The figures of an older database are those that the triggers keep', async () => {
  const { sql } = server().database
  const read = async (): Promise<unknown[]> =>
    (
      await sql.query(`
        select 'count' as kind, status as a, sum(issues)::text as b, company_id::text as c from issue_counts group by status, company_id
        union all select 'touch', issue_id::text, user_id, concat(is_creator, is_assignee, is_unread) from issue_touches
        union all select 'part', issue_id::text, agent_id::text, is_creator::text from issue_participants order by 1, 2, 3, 4`)
    ).rows
  const kept = await read()
  await sql.query('truncate issue_counts, issue_touches, issue_participants')
  const migration = readFileSync(new URL('../../../drizzle/0028_issue_figures.sql', import.meta.url), 'utf8')
  await sql.query(migration.split('--> statement-breakpoint').at(-1) as string)
  expect(kept.length).toBeGreaterThan(ISSUES)
  expect(await read()).toEqual(kept)
})
