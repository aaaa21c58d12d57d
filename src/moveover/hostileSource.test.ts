// Everything in a source is hostile text: what does not fit is refused or left out, with the reason, and the rest comes.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createPaperclipSource } from '../dev/testing/paperclipSource.ts'
import { plantCompany } from '../dev/testing/plantedCompany.ts'
import type { PaperclipSource } from '../dev/testing/paperclipSource.ts'
import type { PlantedCompany } from '../dev/testing/plantedCompany.ts'
import { useServer } from '../dev/testing/world.ts'
import { moveOver } from './index.ts'
import type { CompanyMove } from './index.ts'

const server = useServer()
let source: PaperclipSource
let planted: PlantedCompany

beforeAll(async () => {
  source = await createPaperclipSource()
})
beforeEach(async () => {
  planted = await plantCompany(source)
})
afterAll(async () => await source.drop())

async function move(): Promise<CompanyMove> {
  const { companies } = await moveOver({
    from: source.url,
    store: server().store,
    companies: [planted.id],
    isApplied: true,
    activate: false,
  })
  const [company] = companies
  if (company === undefined) throw new Error('the report lacks the company')
  return company
}

const reasonsOf = ({ problems }: CompanyMove, table: string): string[] =>
  problems.filter((each) => each.table === table).map(({ reason }) => reason)

const at = '2026-03-02T00:00:00.000Z'
const times = { created_at: at, updated_at: at }
let number = 100
const issue = (fields: Readonly<Record<string, unknown>>) => {
  number += 1
  return {
    ...times,
    id: randomUUID() as string,
    company_id: planted.id,
    issue_number: number,
    identifier: `${planted.prefix}-${number}`,
    title: 'Hostile',
    status: 'todo',
    priority: 'low',
    origin_kind: 'manual',
    request_depth: 0,
    ...fields,
  }
}

const columnsOf = async (id: string, columns: string, table = 'issues'): Promise<Record<string, unknown> | undefined> =>
  (await server().database.sql.query<Record<string, unknown>>(`select ${columns} from ${table} where id = $1`, [id])).rows[0]

test('A text that is too long is refused where a row needs it, and left out where it does not', async () => {
  const [long, optional, huge] = [
    issue({ title: 'x'.repeat(501) }),
    issue({ description: 'x'.repeat(200_001) }),
    issue({ description: 'x'.repeat(3_000_000) }),
  ]
  await source.plant('issues', long, optional, huge)
  const report = await move()
  expect(await columnsOf(long.id, 'id')).toBeUndefined()
  expect(await columnsOf(optional.id, 'description')).toEqual({ description: null })
  expect(await columnsOf(huge.id, 'id')).toBeUndefined()
  expect(report.tables['issues']).toEqual({ inSource: 6, brought: 4, known: 0, refused: 2 })
  expect(reasonsOf(report, 'issues')).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^not brought: title: /),
      expect.stringMatching(/^description is left out: /),
      'not brought: its texts are longer than any that this server takes',
    ]),
  )
})

test('A value that no enumeration has is replaced or refused', async () => {
  const odd = issue({ status: 'exploded', priority: 'urgent!!' })
  await source.plant('issues', odd)
  await source.sql.query("update agents set adapter_type = 'plugin:evil', role = 'king' where id = $1", [planted.ceo])
  await source.sql.query("update approvals set status = 'granted' where company_id = $1", [planted.id])
  const report = await move()
  expect(await columnsOf(odd.id, 'status, priority')).toEqual({ status: 'backlog', priority: 'medium' })
  expect(await columnsOf(planted.ceo, 'adapter_type, adapter_config, role', 'agents')).toEqual({
    adapter_type: 'process',
    adapter_config: {},
    role: 'general',
  })
  expect(report.tables['approvals']).toMatchObject({ brought: 0, refused: 1 })
  expect(report.tables['approval_comments']).toMatchObject({ brought: 0, refused: 1 })
})

test('Circles of parents, managers and goals are opened, and all of their rows come', async () => {
  const [a, b, c] = [issue({}), issue({}), issue({})]
  await source.plant('issues', { ...a, parent_id: b.id }, { ...b, parent_id: a.id }, { ...c, parent_id: a.id })
  const own = issue({})
  await source.plant('issues', { ...own, parent_id: own.id })
  await source.sql.query('update agents set reports_to = $1 where id = $2', [planted.engineer, planted.ceo])
  await source.sql.query('update goals set parent_id = id where company_id = $1', [planted.id])
  const report = await move()
  expect(report.tables).toMatchObject({ issues: { brought: 7, refused: 0 }, agents: { brought: 2 }, goals: { brought: 1 } })
  const { rows } = await server().database.sql.query<{ circles: number }>(
    `with recursive up as (select id as first, parent_id as id, 1 as height from issues where company_id = $1
       union all select up.first, i.parent_id, height + 1 from up join issues i on i.id = up.id where height < 50)
     select count(*)::int as circles from up where height >= 50`,
    [planted.id],
  )
  expect(rows).toEqual([{ circles: 0 }])
  expect(reasonsOf(report, 'issues')).toContain('its parent is left out: what is above it forms a circle')
  expect(reasonsOf(report, 'agents')).toContain('its manager is left out: what is above it forms a circle')
})

test('Of two issues with one identifier the older comes, and a number or an identifier that does not belong to the company is refused', async () => {
  const twin = issue({ issue_number: 1, identifier: `${planted.prefix}-1` })
  const foreign = issue({ identifier: 'OTHER-9' })
  const large = issue({ issue_number: 2_147_483_647, identifier: `${planted.prefix}-2147483647` })
  const none = issue({ issue_number: null, identifier: null })
  await source.plant('issues', twin, foreign, large, none)
  await source.sql.query('update companies set issue_counter = 2147483647 where id = $1', [planted.id])
  const report = await move()
  expect(report.tables['issues']).toEqual({ inSource: 7, brought: 3, known: 0, refused: 4 })
  expect((await server().board.get(`/api/issues/${planted.prefix}-1`)).body).toMatchObject({ id: planted.issues[0] })
  // The counter of the source does not fit either, and the next number is behind the last that came.
  expect((await server().board.post(`/api/companies/${planted.id}/issues`, { title: 'Next' })).body).toMatchObject({
    identifier: `${planted.prefix}-6`,
  })
})

test('A row that names rows of another company gets none of them, and one that belongs to another company does not come', async () => {
  const victim = await plantCompany(source)
  await moveOver({ from: source.url, store: server().store, companies: [victim.id], isApplied: true, activate: false })
  const thief = issue({ parent_id: victim.issues[0], project_id: victim.project, assignee_agent_id: victim.engineer, goal_id: victim.goal })
  await source.plant('issues', thief)
  // Under the company of the thief, with ids of the victim.
  const [stolen] = [issue({ id: victim.issues[1] })]
  await source.plant('issues', stolen)
  await source.plant('agents', {
    ...times,
    id: victim.ceo,
    company_id: planted.id,
    name: 'Impostor',
    adapter_type: 'process',
    adapter_config: {},
    runtime_config: {},
    permissions: {},
    budget_monthly_cents: 0,
  })
  await source.plant('agent_api_keys', {
    id: randomUUID(),
    company_id: planted.id,
    agent_id: victim.ceo,
    name: 'x',
    key_hash: 'a'.repeat(64),
    created_at: at,
  })
  await source.plant('issue_comments', {
    ...times,
    id: randomUUID(),
    company_id: planted.id,
    issue_id: victim.issues[0],
    body: 'from outside',
  })
  const report = await move()
  expect(await columnsOf(thief.id, 'parent_id, project_id, assignee_agent_id, goal_id')).toEqual({
    parent_id: null,
    project_id: null,
    assignee_agent_id: null,
    goal_id: null,
  })
  expect(await columnsOf(victim.issues[1], 'company_id')).toEqual({ company_id: victim.id })
  expect(report.tables).toMatchObject({
    issues: { refused: 1 },
    agents: { refused: 1 },
    agent_api_keys: { brought: 2, refused: 1 },
    issue_comments: { brought: 1, refused: 1 },
  })
  expect(reasonsOf(report, 'agents')).toContain('not brought: another company here has a row with this id')
})

test('Work in progress without an assignee arrives as todo, and of two assignees the agent stays', async () => {
  const [none, two] = [issue({ status: 'in_progress' }), issue({ assignee_agent_id: planted.ceo, assignee_user_id: 'local-board' })]
  await source.plant('issues', none, two)
  await move()
  expect(await columnsOf(none.id, 'status')).toEqual({ status: 'todo' })
  expect(await columnsOf(two.id, 'assignee_agent_id, assignee_user_id')).toEqual({ assignee_agent_id: planted.ceo, assignee_user_id: null })
})

test('Instants without an end, before Christ and without a clock are refused or left out', async () => {
  const [endless, old] = [issue({}), issue({})]
  await source.plant('issues', endless, old)
  await source.sql.query("update issues set completed_at = 'infinity' where id = $1", [endless.id])
  await source.sql.query("update issues set created_at = '0044-03-15 BC' where id = $1", [old.id])
  const report = await move()
  expect(await columnsOf(endless.id, 'completed_at')).toEqual({ completed_at: null })
  expect(await columnsOf(old.id, 'id')).toBeUndefined()
  expect(report.tables['issues']).toMatchObject({ brought: 4, refused: 1 })
})

test('A configuration that is deep, and a key whose hash is none, do not come', async () => {
  await source.sql.query(`update agents set metadata = ('${'{"a":'.repeat(500)}1${'}'.repeat(500)}')::jsonb where id = $1`, [planted.ceo])
  await source.sql.query("update agent_api_keys set key_hash = 'plain' where revoked_at is null and company_id = $1", [planted.id])
  const report = await move()
  expect(await columnsOf(planted.ceo, 'metadata', 'agents')).toEqual({ metadata: null })
  expect(report.tables['agent_api_keys']).toMatchObject({ brought: 1, refused: 1 })
  expect((await server().bearer(planted.key).get('/api/agents/me')).status).toBe(401)
})

test('A key whose hash another agent has already is refused', async () => {
  await source.sql.query(
    'insert into agent_api_keys select $1::uuid, company_id, $2::uuid, name, key_hash, null, null, now() from agent_api_keys where revoked_at is null and company_id = $3',
    [randomUUID(), planted.ceo, planted.id],
  )
  const report = await move()
  expect(report.tables['agent_api_keys']).toMatchObject({ brought: 2, refused: 1 })
  expect((await server().bearer(planted.key).get('/api/agents/me')).body).toMatchObject({ id: planted.engineer })
})

test('An approval gets no field that only this server writes, and one about something that is not here is cancelled', async () => {
  const own = { ...times, company_id: planted.id, status: 'pending' }
  const change = { agentId: planted.ceo, changes: { adapterConfig: { command: 'evil' } } }
  const [proposal, hire, override] = [randomUUID(), randomUUID(), randomUUID()]
  await source.plant(
    'approvals',
    { ...own, id: proposal, type: 'request_board_approval', payload: { title: 'Harmless', agentConfiguration: change, textChange: {} } },
    { ...own, id: hire, type: 'hire_agent', payload: { name: 'Absent', agentId: randomUUID() } },
    { ...own, id: override, type: 'budget_override_required', payload: { scopeType: 'company' } },
  )
  await move()
  expect(await columnsOf(proposal, 'payload, status', 'approvals')).toEqual({ payload: { title: 'Harmless' }, status: 'pending' })
  expect(await columnsOf(hire, 'status', 'approvals')).toEqual({ status: 'cancelled' })
  expect(await columnsOf(override, 'status', 'approvals')).toEqual({ status: 'cancelled' })
  expect((await server().board.post(`/api/approvals/${proposal}/approve`, {})).status).toBe(200)
  expect(await columnsOf(planted.ceo, 'adapter_config', 'agents')).toEqual({ adapter_config: { command: 'true' } })
})

test('An entry of the history that names an issue without an id leaves the activity readable', async () => {
  const entry = { company_id: planted.id, actor_type: 'user', actor_id: 'x', action: 'issue.updated', created_at: at }
  await source.plant(
    'activity_log',
    { ...entry, id: randomUUID(), entity_type: 'issue', entity_id: 'not an id' },
    { ...entry, id: randomUUID(), entity_type: 'issue', entity_id: randomUUID(), details: { token: `pcp_${'a'.repeat(48)}` } },
    { ...entry, id: randomUUID(), entity_type: '<script>', entity_id: 'x' },
  )
  const report = await move()
  expect(report.tables['activity_log']).toMatchObject({ brought: 4, refused: 1 })
  const answer = await server().board.get(`/api/companies/${planted.id}/activity?entityType=company`)
  expect(answer.status).toBe(200)
  expect(answer.text).not.toContain('aaaaaaaa')
})

test('A repository with a password in its URL, and names that look the same, are reported', async () => {
  await source.sql.query("update project_workspaces set repo_url = 'https://user:secret@example.com/a.git' where company_id = $1", [
    planted.id,
  ])
  const other = randomUUID()
  await source.plant('labels', { ...times, id: other, company_id: planted.id, name: 'BUG', color: 'red' })
  await source.plant('issue_labels', { company_id: planted.id, issue_id: planted.issues[1], label_id: other })
  await source.plant('agents', {
    ...times,
    id: randomUUID(),
    company_id: planted.id,
    name: 'ADA',
    reports_to: planted.ceo,
    status: 'idle',
    adapter_type: 'http',
    adapter_config: {},
    runtime_config: { heartbeat: { enabled: 'yes' } },
    permissions: {},
    budget_monthly_cents: -1,
  })
  const report = await move()
  expect(reasonsOf(report, 'project_workspaces')).toEqual(['repo_url is left out: Not the URL of a repository without credentials'])
  expect((await server().board.get(`/api/issues/${planted.issues[1]}`)).body).toMatchObject({ labelIds: [planted.label] })
  const { rows } = await server().database.sql.query<{ name: string }>('select name from agents where company_id = $1', [planted.id])
  expect(rows.map(({ name }) => name).toSorted()).toEqual(['ADA 2', 'Ada', 'Grace'])
})

test('A company that cannot be read is reported, and the others come', async () => {
  const other = await plantCompany(source)
  await source.sql.query("update companies set issue_prefix = 'no prefix;' where id = $1", [other.id])
  const { companies, problems } = await moveOver({
    from: source.url,
    store: server().store,
    companies: null,
    isApplied: true,
    activate: false,
  })
  const ids = companies.map(({ id }) => id)
  expect([ids.includes(planted.id), ids.includes(other.id)]).toEqual([true, false])
  const problem = { table: 'companies', reason: 'not brought: issue_prefix: Expected a prefix of capital letters', count: 1 }
  expect(problems).toContainEqual({ ...problem, examples: [other.id] })
})

test('A company with a text of any length in any column is named and not read, and the others come', async () => {
  const other = await plantCompany(source)
  await source.sql.query("update companies set brand_color = repeat('x', 300000) where id = $1", [other.id])
  const { companies, problems } = await moveOver({
    from: source.url,
    store: server().store,
    companies: null,
    isApplied: false,
    activate: false,
  })
  expect(companies.map(({ id }) => id)).not.toContain(other.id)
  expect(companies.map(({ id }) => id)).toContain(planted.id)
  expect(problems).toContainEqual({
    table: 'companies',
    reason: 'not brought: its texts together have more than 200000 bytes',
    count: 1,
    examples: [other.id],
  })
})

test('A day that is a text of any length is named as too long and not read', async () => {
  const own = await createPaperclipSource()
  onTestFinished(() => own.drop())
  const company = await plantCompany(own)
  await own.sql.query('alter table projects alter column target_date type text')
  await own.sql.query("update projects set target_date = repeat('x', 3000000)")
  const { companies } = await moveOver({ from: own.url, store: server().store, companies: [company.id], isApplied: false, activate: false })
  expect(companies[0]?.tables['projects']).toMatchObject({ brought: 0, refused: 1 })
  expect(companies[0]?.problems).toContainEqual({
    table: 'projects',
    reason: 'not brought: its texts are longer than any that this server takes',
    count: 1,
    examples: [company.project],
  })
})

test('Everything that a run was given or wrote arrives without its secrets, and what is too large is left out by name', async () => {
  const key = `pcp_${'a'.repeat(48)}`
  await source.sql.query(
    `update heartbeat_runs set error = $2, trigger_detail = $2, session_id_after = $2, stdout_excerpt = $2,
       usage_json = jsonb_build_object('apiKey', $2::text, 'inputTokens', 7), context_snapshot = context_snapshot || jsonb_build_object('env', jsonb_build_object('A', $2::text))
     where id = $1`,
    [planted.endedRun, key],
  )
  await source.sql.query(
    `update heartbeat_runs set usage_json = jsonb_build_object('x', repeat('x', 30000)), result_json = jsonb_build_object('x', repeat('x', 1200000)) where id = $1`,
    [planted.liveRun],
  )
  const report = await move()
  const row = await columnsOf(planted.endedRun, 'to_jsonb(heartbeat_runs) as all, issue_id, usage_json', 'heartbeat_runs')
  expect(JSON.stringify(row)).not.toContain('aaaaaaaa')
  expect(row).toMatchObject({ issue_id: planted.issues[2], usage_json: { inputTokens: 7 } })
  expect(await columnsOf(planted.liveRun, 'usage_json, result_json', 'heartbeat_runs')).toEqual({ usage_json: null, result_json: null })
  expect(reasonsOf(report, 'heartbeat_runs')).toEqual(
    expect.arrayContaining([
      'usage_json is left out: is longer than 20000 characters as JSON',
      'result_json is left out: is longer than 1000000 characters',
    ]),
  )
})
