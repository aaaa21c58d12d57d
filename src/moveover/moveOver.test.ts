import { randomUUID } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createPaperclipSource } from '../dev/testing/paperclipSource.ts'
import { plantCompany } from '../dev/testing/plantedCompany.ts'
import type { PaperclipSource } from '../dev/testing/paperclipSource.ts'
import type { PlantedCompany } from '../dev/testing/plantedCompany.ts'
import { useServer } from '../dev/testing/world.ts'
import { openSource } from './source.ts'
import { moveOver } from './index.ts'
import type { CompanyMove, MoveOverReport, MoveOverRequest } from './index.ts'

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

const move = (options: Partial<MoveOverRequest> = {}): Promise<MoveOverReport> =>
  moveOver({ from: source.url, store: server().store, companies: [planted.id], isApplied: true, activate: false, ...options })

const company = (report: MoveOverReport, id = planted.id): CompanyMove => {
  const found = report.companies.find((each) => each.id === id)
  if (found === undefined) throw new Error('the report lacks the company')
  return found
}

const rowsOf = async (table: string, companyId = planted.id): Promise<readonly Record<string, unknown>[]> =>
  (await server().database.sql.query<Record<string, unknown>>(`select * from ${table} where company_id = $1 order by 1`, [companyId])).rows

/** The tables of the planted company, with their rows. */
const plantedCounts = {
  agents: 2,
  agent_api_keys: 2,
  goals: 1,
  projects: 1,
  project_workspaces: 1,
  labels: 1,
  company_secrets: 1,
  issues: 3,
  heartbeat_runs: 2,
  issue_comments: 1,
  documents: 1,
  document_revisions: 2,
  approvals: 1,
  approval_comments: 1,
  cost_events: 1,
  activity_log: 2,
}

/** How many rows the target has in all, audit rows included. */
async function everything(): Promise<number> {
  const { sql } = server().database
  const { rows } = await sql.query<{ name: string }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  )
  const counts = await Promise.all(rows.map(({ name }) => sql.query<{ count: number }>(`select count(*)::int as count from "${name}"`)))
  return counts.reduce((sum, { rows: [row] }) => sum + (row?.count ?? 0), 0)
}

describe('A move that is only looked at', () => {
  test('It writes nothing, and counts what the move that follows brings', async () => {
    const before = await everything()
    const looked = await move({ isApplied: false })
    expect(await everything()).toBe(before)
    const counts = Object.fromEntries(
      Object.entries(plantedCounts).map(([name, rows]) => [name, { inSource: rows, brought: rows, known: 0, refused: 0 }]),
    )
    expect(company(looked)).toMatchObject({ outcome: 'new', tables: counts })
    expect(looked.source).toMatchObject({ release: '2026.403.0' })
    expect(JSON.stringify(looked)).not.toContain('password')
    expect(company(await move())).toMatchObject({ outcome: 'new', tables: counts })
  })

  test('It lists what stays in the source, with the reason', async () => {
    await source.plant('routines', { id: randomUUID(), company_id: planted.id, title: 'Daily' })
    const { leftBehind } = await move({ isApplied: false })
    expect(leftBehind).toEqual([{ table: 'routines', rows: 1, reason: expect.stringContaining('Make routines anew') as string }])
  })

  test('A table whose rows the login may not count is named, and takes no report away', async () => {
    const { sql, url } = source
    const [{ name }] = (await sql.query<{ name: string }>('select current_database() as name')).rows as [{ name: string }]
    const login = `${name}_reader`
    await sql.query(`create role ${login} login password 'reads'`)
    onTestFinished(async () => {
      await sql.query(`drop owned by ${login}`)
      await sql.query(`drop role ${login}`)
    })
    await sql.query(`grant usage on schema drizzle to ${login}`)
    await sql.query(`grant select on all tables in schema public, drizzle to ${login}`)
    await sql.query(`revoke select on routines from ${login}`)
    const from = url.replace(/\/\/[^@]*@/, `//${login}:reads@`)
    const { leftBehind, end } = await move({ from, isApplied: false })
    expect(end).toBeNull()
    expect(leftBehind).toEqual([{ table: 'routines', rows: null, reason: expect.stringContaining('could not be counted') as string }])
  })
})

describe('A move of a company', () => {
  test('The company, its people and its work keep their ids, identifiers and times', async () => {
    await move()
    const { board } = server()
    expect((await board.get(`/api/companies/${planted.id}`)).body).toMatchObject({
      name: 'Planted',
      issuePrefix: planted.prefix,
      status: 'paused',
      brandColor: '#112233',
    })
    const [parent, child] = planted.issues
    expect((await board.get(`/api/issues/${planted.prefix}-1`)).body).toMatchObject({
      id: parent,
      title: 'Parent',
      status: 'in_progress',
      assigneeAgentId: planted.engineer,
      projectId: planted.project,
      projectWorkspaceId: planted.workspace,
      goalId: planted.goal,
      labelIds: [planted.label],
      createdAt: '2026-03-01T09:14:00.000Z',
      updatedAt: '2026-03-01T09:14:00.000Z',
    })
    expect((await board.get(`/api/issues/${child}`)).body).toMatchObject({ identifier: `${planted.prefix}-2`, parentId: parent })
    expect((await board.get(`/api/agents/${planted.engineer}`)).body).toMatchObject({
      name: 'Ada',
      urlKey: 'ada',
      status: 'idle',
      reportsTo: planted.ceo,
      budgetMonthlyCents: 5000,
    })
    expect((await board.get(`/api/projects/${planted.project}`)).body).toMatchObject({
      goalIds: [planted.goal],
      targetDate: '2026-12-24',
      primaryWorkspace: { id: planted.workspace },
    })
    expect((await board.get(`/api/issues/${parent}/comments`)).body).toMatchObject([
      { id: planted.comment, body: 'A remark', authorAgentId: planted.engineer },
    ])
    expect((await board.get(`/api/issues/${parent}/documents/plan`)).body).toMatchObject({
      id: planted.document,
      body: 'Second',
      latestRevisionNumber: 2,
    })
    expect((await board.get(`/api/issues/${parent}/documents/plan/revisions`)).body).toMatchObject([
      { body: 'Second', changeSummary: 'again' },
      { body: 'First' },
    ])
    expect((await board.get(`/api/issues/${parent}/approvals`)).body).toMatchObject([
      { id: planted.approval, status: 'pending', payload: { plan: 'Sell' } },
    ])
    expect((await board.get(`/api/companies/${planted.id}/costs/summary`)).body).toMatchObject({ spendCents: 7 })
  })

  test('The next issue gets the number behind the last one of the source', async () => {
    await move()
    const next = await server().board.post(`/api/companies/${planted.id}/issues`, { title: 'Next' })
    expect(next.body).toMatchObject({ identifier: `${planted.prefix}-8` })
  })

  test('The key of an agent goes on working, and a revoked one does not', async () => {
    await move()
    expect((await server().bearer(planted.key).get('/api/agents/me')).body).toMatchObject({ id: planted.engineer, companyId: planted.id })
    expect((await server().bearer(planted.revokedKey).get('/api/agents/me')).status).toBe(401)
    const answer = await server().bearer(planted.key).post(`/api/issues/${planted.issues[2]}/comments`, { body: 'I am still here' })
    expect(answer.status, answer.text).toBe(201)
  })

  test('A run that was live in the source arrives as ended, and no run holds an issue', async () => {
    const report = await move()
    const { body } = await server().board.get(`/api/heartbeat-runs/${planted.liveRun}`)
    expect(body).toMatchObject({ status: 'cancelled', errorCode: 'moved_over', finishedAt: expect.any(String) as string })
    expect((await server().board.get(`/api/heartbeat-runs/${planted.endedRun}`)).body).toMatchObject({
      status: 'succeeded',
      finishedAt: '2026-03-01T09:11:00.000Z',
    })
    const issues = await rowsOf('issues')
    expect(issues.map((row) => [row['checkout_run_id'], row['execution_run_id'], row['execution_locked_at']])).toEqual(
      Array(3).fill([null, null, null]),
    )
    expect(company(report).problems).toContainEqual(
      expect.objectContaining({ table: 'heartbeat_runs', count: 1, examples: [planted.liveRun] }),
    )
  })

  test('An entry of the history arrives as a row that claims nothing but its arrival', async () => {
    await move()
    const rows = (await rowsOf('activity_log')).filter((row) => row['action'] === 'activity.moved_over')
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatchObject({
      actor_type: 'system',
      actor_id: 'moveover',
      entity_type: 'issue',
      entity_id: planted.issues[0],
      request_id: null,
      details: {
        action: 'issue.created',
        actorType: 'user',
        actorId: 'local-board',
        at: '2026-03-01T09:23:00.000Z',
        details: { title: 'Parent' },
      },
    })
    expect(rows[1]).toMatchObject({ entity_type: 'company', agent_id: planted.engineer, details: { entityType: 'heartbeat_run' } })
    // Nothing else claims that this server saw an issue being made.
    expect((await rowsOf('activity_log')).filter((row) => row['action'] === 'issue.created')).toEqual([])
  })

  test('Each batch has an audit row that says where it came from, without a credential', async () => {
    await move()
    const rows = (await rowsOf('activity_log')).filter(({ action }) => String(action).startsWith('company.'))
    expect(rows.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['company.moved_over', 'company.rows_moved_over', 'company.move_finished']),
    )
    const batch = rows.find(({ details }) => (details as { table?: string }).table === 'issues')
    expect(batch).toMatchObject({
      details: { table: 'issues', rows: 2, source: { release: '2026.403.0', database: expect.stringMatching(/^source_/) as string } },
    })
    const password = /:([^:@/]+)@/.exec(source.url)?.[1] ?? ''
    expect(password.length).toBeGreaterThan(8)
    expect(JSON.stringify(rows)).not.toContain(decodeURIComponent(password))
  })

  test('A secret comes by name, and its value is in the list of what must be entered again', async () => {
    expect(company(await move()).secretsToEnter).toEqual(['GH_TOKEN'])
    const rotated = await server().board.post(`/api/secrets/${planted.secret}/rotate`, { value: 'a value of some length' })
    expect(rotated.body).toMatchObject({ name: 'GH_TOKEN', latestVersion: 3 })
    expect(company(await move()).secretsToEnter).toEqual([])
  })

  test('A company stays paused, and the move activates it when that is asked for', async () => {
    expect(company(await move()).isActivated).toBe(false)
    expect(company(await move({ activate: true })).isActivated).toBe(true)
    expect((await server().board.get(`/api/companies/${planted.id}`)).body).toMatchObject({ status: 'active', pauseReason: null })
    await server().board.patch(`/api/companies/${planted.id}`, { status: 'paused' })
    expect(company(await move({ activate: true })).isActivated).toBe(false)
  })

  test('Only the company that was asked for comes', async () => {
    const other = await plantCompany(source)
    const report = await move({ companies: [other.prefix.toLowerCase()] })
    expect(report.companies.map(({ id }) => id)).toEqual([other.id])
    expect((await server().board.get(`/api/companies/${planted.id}`)).status).toBe(404)
    await expect(move({ companies: ['NOSUCH'] })).rejects.toThrow('no company with the id or the issue prefix NOSUCH')
  })

  test('A company whose issue prefix is taken here is refused with the reason, and the others come', async () => {
    const other = await plantCompany(source)
    await server().database.sql.query('insert into companies (name, issue_prefix) values ($1, $2)', ['Taken', planted.prefix])
    const report = await move({ companies: [planted.id, other.id] })
    expect(company(report)).toMatchObject({ outcome: 'refused', reason: `another company has the issue prefix ${planted.prefix} here` })
    expect(company(report, other.id).outcome).toBe('new')
  })
})

describe('A repeat of a move', () => {
  const totals = (report: MoveOverReport, fate: 'brought' | 'known'): number =>
    Object.values(company(report).tables).reduce((sum, counts) => sum + counts[fate], 0)

  test('It doubles nothing and records nothing', async () => {
    const first = await move()
    const before = await everything()
    const second = await move()
    expect(await everything()).toBe(before)
    expect(company(second)).toMatchObject({ outcome: 'here' })
    expect([totals(second, 'brought'), totals(second, 'known')]).toEqual([0, totals(first, 'brought')])
  })

  test('It brings what the source has made since, and nothing else', async () => {
    await move()
    const [parent] = planted.issues
    const [issueId, commentId] = [randomUUID(), randomUUID()]
    const now = new Date().toISOString()
    const row = { company_id: planted.id, created_at: now, updated_at: now }
    await source.plant('issues', {
      ...row,
      id: issueId,
      issue_number: 8,
      identifier: `${planted.prefix}-8`,
      title: 'Since',
      status: 'todo',
      priority: 'low',
      parent_id: parent,
      origin_kind: 'manual',
      request_depth: 0,
    })
    await source.plant('issue_comments', { ...row, id: commentId, issue_id: parent, body: 'Since', author_user_id: 'local-board' })
    const second = await move()
    expect(totals(second, 'brought')).toBe(2)
    expect((await server().board.get(`/api/issues/${planted.prefix}-8`)).body).toMatchObject({ id: issueId, parentId: parent })
    expect((await rowsOf('issue_comments')).map(({ id }) => id)).toEqual(expect.arrayContaining([planted.comment, commentId]))
  })

  test('An issue that both servers have made under one identifier is named, and the one that is here stays', async () => {
    await move()
    const here = await server().board.post(`/api/companies/${planted.id}/issues`, { title: 'Made here' })
    const now = new Date().toISOString()
    await source.plant('issues', {
      company_id: planted.id,
      created_at: now,
      updated_at: now,
      id: randomUUID(),
      issue_number: 8,
      identifier: `${planted.prefix}-8`,
      title: 'Made there',
      status: 'todo',
      priority: 'low',
      origin_kind: 'manual',
      request_depth: 0,
    })
    const { tables, problems } = company(await move())
    expect(tables['issues']).toMatchObject({ brought: 0, known: 3, refused: 1 })
    expect(problems).toContainEqual(expect.objectContaining({ reason: expect.stringContaining('both servers have made issues') as string }))
    expect((await server().board.get(`/api/issues/${planted.prefix}-8`)).body).toMatchObject({ id: (here.body as { id: string }).id })
  })

  test('A key that was revoked in the source since is revoked here', async () => {
    await move()
    await source.sql.query('update agent_api_keys set revoked_at = now() where company_id = $1', [planted.id])
    await move({ isApplied: false })
    expect((await server().bearer(planted.key).get('/api/agents/me')).status).toBe(200)
    await move()
    const keys = await rowsOf('agent_api_keys')
    expect(keys.map((row) => row['revoked_at'] !== null)).toEqual([true, true])
  })

  test('An issue that was deleted here since does not come again', async () => {
    await move()
    const [, , done] = planted.issues
    expect((await server().board.del(`/api/issues/${done}`)).status).toBe(200)
    const { tables, problems } = company(await move())
    expect(tables['issues']).toMatchObject({ brought: 0, known: 2, refused: 1 })
    expect(problems).toContainEqual(expect.objectContaining({ table: 'issues', reason: expect.stringContaining('deleted here') as string }))
  })

  test('A document and a workspace that were deleted here since do not come again, nor do the revisions of the document', async () => {
    await move()
    const [parent] = planted.issues
    expect((await server().board.del(`/api/issues/${parent}/documents/plan`)).status).toBe(200)
    expect((await server().board.del(`/api/projects/${planted.project}/workspaces/${planted.workspace}`)).status).toBe(200)
    const { tables, problems } = company(await move())
    expect(tables).toMatchObject({
      documents: { brought: 0, refused: 1 },
      document_revisions: { brought: 0, refused: 2 },
      project_workspaces: { brought: 0, refused: 1 },
    })
    const deleted = problems.filter(({ reason }) => reason.includes('deleted here')).map(({ table }) => table)
    expect(deleted.toSorted()).toEqual(['documents', 'project_workspaces'])
    expect((await server().board.get(`/api/issues/${parent}/documents/plan`)).status).toBe(404)
  })

  test('Nothing more comes of a company or an agent whose deletion has begun here', async () => {
    await move()
    const begin = (id: string, kind: string) =>
      server().database.sql.query('insert into deletions (id, company_id, kind) values ($1, $2, $3)', [id, planted.id, kind])
    await begin(planted.engineer, 'agent')
    const { tables, problems } = company(await move())
    expect(tables['agents']).toMatchObject({ known: 1, refused: 1 })
    expect(problems).toContainEqual(
      expect.objectContaining({ table: 'agents', reason: 'not brought: it is being deleted here', examples: [planted.engineer] }),
    )
    await begin(planted.id, 'company')
    expect(company(await move())).toMatchObject({ outcome: 'refused', reason: 'it is being deleted here' })
  })

  test('A company whose deletion began here and left no company behind does not come again', async () => {
    await server().database.sql.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
       values ($1::uuid, 'system', 'test', 'company.deletion_begun', 'company', $2, '{}')`,
      [planted.id, planted.id],
    )
    expect(company(await move())).toMatchObject({ outcome: 'refused', reason: 'it was deleted here after an earlier move' })
  })

  test('A company that was deleted here since does not come again, and the keys of its agents stay dead', async () => {
    await move()
    expect((await server().board.del(`/api/companies/${planted.id}`)).status).toBe(200)
    expect(company(await move())).toMatchObject({ outcome: 'refused', reason: 'it was deleted here after an earlier move' })
    const { rows } = await server().database.sql.query('select 1 from agents where company_id = $1', [planted.id])
    expect(rows).toEqual([])
  })

  test('Two moves at once bring each row once', async () => {
    await Promise.all([move(), move()])
    for (const table of ['issues', 'agents', 'issue_comments', 'cost_events', 'heartbeat_runs'] as const)
      expect(await rowsOf(table), table).toHaveLength(plantedCounts[table])
    expect((await rowsOf('activity_log')).filter(({ action }) => action === 'activity.moved_over')).toHaveLength(2)
    expect((await rowsOf('activity_log')).filter(({ action }) => action === 'company.moved_over')).toHaveLength(1)
  })

  test('A move that was ended between two batches goes on where it was', async () => {
    const ending = new AbortController()
    const cut = await move({ signal: ending.signal, onProgress: (sentence) => sentence.endsWith('runs') && ending.abort() })
    expect(company(cut)).toMatchObject({ outcome: 'cut', isActivated: false, tables: { issues: { brought: 3 } } })
    expect(cut.end).toEqual({
      kind: 'interrupted',
      message: 'The move was interrupted',
      left: [{ issuePrefix: planted.prefix, parts: ['runs', 'comments', 'documents', 'approvals', 'costs', 'activity'] }],
    })
    expect(await rowsOf('heartbeat_runs')).toHaveLength(0)
    expect(await rowsOf('issues')).toHaveLength(3)
    const { tables } = company(await move())
    expect(tables).toMatchObject({
      issues: { known: 3, brought: 0 },
      heartbeat_runs: { known: 0, brought: 2 },
      activity_log: { brought: 2 },
    })
  })
})

describe('The source', () => {
  /** A source whose schema the test changes. */
  const ownSource = async (): Promise<PaperclipSource> => {
    const own = await createPaperclipSource()
    onTestFinished(() => own.drop())
    return own
  }

  test('It cannot be written by the connection of a move', async () => {
    const opened = await openSource(source.url)
    try {
      await expect(opened.query('delete from issues')).rejects.toThrow('(25006)')
    } finally {
      await opened.close()
    }
  })

  test('A source that does not answer is not waited for behind an interrupt', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const ending = new AbortController()
    silent.once('connection', (socket) => {
      socket.once('close', () => socket.destroy())
      ending.abort(new Error('enough'))
    })
    const from = `postgres://reader@127.0.0.1:${(silent.address() as AddressInfo).port}/x`
    await expect(move({ from, signal: ending.signal })).rejects.toThrow('enough')
  })

  test('A schema that is not known is refused by the name of what is missing', async () => {
    const own = await ownSource()
    await own.sql.query('alter table issues drop column billing_code')
    await expect(move({ from: own.url })).rejects.toThrow(
      /it has no issues\.billing_code\. Known are the databases of Paperclip 2026\.403\.0/,
    )
  })

  test('A column of another type is refused: text in json may hold what Postgres cannot store', async () => {
    const own = await ownSource()
    await own.sql.query('alter table approvals alter column payload type json')
    await expect(move({ from: own.url })).rejects.toThrow('approvals.payload as jsonb')
  })

  test('A database of a later release is refused with its day', async () => {
    const own = await ownSource()
    await own.sql.query('update drizzle.__drizzle_migrations set created_at = $1', [Date.UTC(2031, 0, 5)])
    await expect(move({ from: own.url })).rejects.toThrow('its last migration is of 2031-01-05')
  })

  test('A database that is none of Paperclip is refused', async () => {
    const own = await ownSource()
    await own.sql.query('drop schema drizzle cascade')
    await expect(move({ from: own.url })).rejects.toThrow('it is no database of Paperclip')
  })

  test.each(['mysql://localhost/x', 'not a url', ''])('The text %j is refused as no URL of Postgres', async (from) => {
    await expect(move({ from })).rejects.toThrow('--from expects the URL of a Postgres database')
  })

  test('A source that does not answer is named without its password', async () => {
    const error = await move({ from: 'postgres://user:very-secret@127.0.0.1:1/x' }).catch((reason: unknown) => reason)
    expect(String(error)).toContain('The source cannot be reached (ECONNREFUSED)')
    expect(`${String(error)} ${JSON.stringify(error)} ${(error as Error).stack ?? ''}`).not.toContain('very-secret')
  })
})
