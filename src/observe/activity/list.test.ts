import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../platform/db/driver/client.ts'
import type { PageDb } from '../../platform/db/types.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import { interventions } from './interventions.ts'
import { listActivity } from './queries.ts'
import type { ActivityFilter } from './queries.ts'

const server = useServer()

interface Row {
  readonly id: string
  readonly seq: number
  readonly action: string
  readonly entityType: string
  readonly entityId: string
  readonly agentId: string | null
  readonly runId: string | null
  readonly createdAt: string
}

const read = async (companyId: string, query: string): Promise<Row[]> => {
  const answer = await server().board.get(`/api/companies/${companyId}/activity?${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body as Row[]
}

describe('activity', () => {
  test('The list is filtered by agent, run, entity and action, alone and in combination', async () => {
    const { company, held: heldIssue, issue } = await world(server())
    const { agent, run, issue: taken } = await heldIssue()
    await issue()
    await run.client.post(`/api/issues/${taken.id}/comments`, { body: 'Hello' })
    const all = await read(company.id, '')
    const expected: readonly [string, (row: Row) => boolean][] = [
      [`agentId=${agent.id}`, (row) => row.agentId === agent.id],
      [`runId=${run.id}`, (row) => row.runId === run.id],
      ['entityType=issue', (row) => row.entityType === 'issue'],
      [`entityId=${taken.id}`, (row) => row.entityId === taken.id],
      [`entityType=issue&entityId=${taken.id}`, (row) => row.entityId === taken.id],
      [`entityType=run&entityId=${taken.id}`, () => false],
      ['action=issue.created', (row) => row.action === 'issue.created'],
      ['action=issue.created,%20agent.created,issue.created', (row) => ['issue.created', 'agent.created'].includes(row.action)],
      ['action=issue.created&entityType=agent', () => false],
      [`action=issue.comment_added&runId=${run.id}`, (row) => row.action === 'issue.comment_added'],
      [
        `action=issue.checked_out,issue.created&entityId=${taken.id}`,
        (row) => row.entityId === taken.id && row.action !== 'issue.comment_added',
      ],
      ['action=no.such', () => false],
      ['action=', () => false],
    ]
    for (const [query, is] of expected) expect(await read(company.id, query), query).toEqual(all.filter(is))
  })

  test('The list is limited to the rows from one instant and before another', async () => {
    const { company, issue } = await world(server())
    await issue()
    const [newest] = await read(company.id, '')
    const at = newest?.createdAt ?? ''
    const all = await read(company.id, '')
    expect(await read(company.id, `since=${at}`)).toEqual(all.filter((row) => row.createdAt >= at))
    expect(await read(company.id, `until=${at}`)).toEqual(all.filter((row) => row.createdAt < at))
    expect(await read(company.id, `since=2020-01-01&until=${at.slice(0, 10)}&action=company.created`)).toEqual([])
    expect(await read(company.id, 'since=2020-01-01T00:00:00%2B02:00&action=company.created')).toHaveLength(1)
    for (const bad of ['since=yesterday', 'until=2026-13-01', 'interventions=perhaps', `action=${'a,'.repeat(40)}`, 'agentId=x'])
      expect((await server().board.get(`/api/companies/${company.id}/activity?${bad}`)).status, bad).toBe(400)
  })

  test('The pages of each filter contain every row exactly once', async () => {
    const { company, issue, agent } = await world(server())
    for (let n = 0; n < 4; n += 1) await Promise.all([issue(), agent()])
    for (const query of ['', 'action=issue.created,agent.created', 'entityType=agent']) {
      const whole = await read(company.id, query)
      const pages: Row[] = []
      let next: string | undefined = `/api/companies/${company.id}/activity?limit=3&${query}`
      while (next !== undefined) {
        const answer = await server().board.get(next)
        pages.push(...(answer.body as Row[]))
        next = /<([^>]+)>; rel="next"/.exec(answer.headers['link'] ?? '')?.[1]
      }
      expect(pages, query).toEqual(whole)
    }
  })

  test('The list omits rows of hidden issues and of other companies under every filter', async () => {
    const { company, issue } = await world(server())
    const { company: other, agent: stranger } = await world(server())
    const hidden = await issue()
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    for (const query of ['', 'entityType=issue', 'action=issue.created', `entityId=${hidden.id}`])
      expect(
        (await read(company.id, query)).filter((row) => row.entityId === hidden.id),
        query,
      ).toEqual([])
    expect(await read(other.id, `entityId=${company.id}`)).toEqual([])
    const client = (await stranger()).client
    const [foreign, random] = await Promise.all([company.id, randomUUID()].map((id) => client.get(`/api/companies/${id}/activity`)))
    expect([foreign?.status, foreign?.body.error]).toEqual([404, random?.body.error])
  })
})

describe('the preset interventions', () => {
  test('The preset selects the actions that the board forced or overrode, and no others', async () => {
    const { company, held: heldIssue, agent, issue, run, checkout } = await world(server())
    const board = server().board
    const interventionsOf = async (): Promise<string[]> =>
      (await read(company.id, 'interventions=true')).map((row) => row.action).toReversed()

    // These actions are ordinary work, also of the board.
    const ordinary = await heldIssue()
    await board.post(`/api/issues/${ordinary.issue.id}/comments`, { body: 'Go on' })
    await ordinary.run.client.post(`/api/issues/${ordinary.issue.id}/release`)
    await board.post(`/api/issues/${(await issue()).id}/release`)
    await board.del(`/api/issues/${(await issue()).id}`)
    const dying = await heldIssue()
    await expireLease(server(), dying.run.id)
    await checkout(await run(dying.agent), dying.issue.id)
    expect(await interventionsOf()).toEqual([])

    const one = await heldIssue()
    await board.post(`/api/issues/${one.issue.id}/admin/force-release`)
    const two = await heldIssue()
    await board.post(`/api/issues/${two.issue.id}/release`)
    const three = await heldIssue()
    await board.patch(`/api/issues/${three.issue.id}`, { assigneeAgentId: one.agent.id })
    const four = await heldIssue()
    await board.post(`/api/heartbeat-runs/${four.run.id}/cancel`)
    await board.post(`/api/issues/${(await issue()).id}/checkout`, { agentId: four.agent.id, expectedStatuses: ['todo'] })
    await board.del(`/api/issues/${(await heldIssue()).issue.id}`)
    const five = await agent()
    await board.post(`/api/agents/${five.id}/pause`)
    await board.post(`/api/agents/${five.id}/resume`)
    await board.post(`/api/agents/${five.id}/terminate`)
    await board.del(`/api/agents/${five.id}`)
    await board.post(`/api/companies/${company.id}/archive`)
    expect(await interventionsOf()).toEqual([
      'issue.admin_force_release',
      'issue.released',
      'issue.lock_cleared',
      'heartbeat.cancelled',
      'issue.checked_out',
      'issue.deleted',
      'agent.paused',
      'agent.terminated',
      'agent.deleted',
      'company.archived',
    ])
    expect((await read(company.id, `interventions=1&entityId=${three.issue.id}`)).map((row) => row.action)).toEqual(['issue.lock_cleared'])
    expect((await read(company.id, 'interventions=true&action=agent.paused,agent.resumed')).map((row) => row.action)).toEqual([
      'agent.paused',
    ])
    expect((await read(company.id, 'interventions=false')).length).toBeGreaterThan(20)
  })

  test('The preset names each action once', () => {
    expect(new Set(interventions.map((kind) => kind.action)).size).toBe(interventions.length)
  })
})

describe('activity of a company with 100,000 rows', () => {
  const companyId = randomUUID()
  const rareAgent = randomUUID()
  const rareRun = randomUUID()
  const rareIssue = randomUUID()

  beforeAll(async () => {
    const { sql } = server().database
    // In parts, so that no statement meets its time limit on a busy machine.
    for (let from = 1; from < 100_000; from += 10_000)
      await sql.query(
        `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details, created_at)
         select $1, 'agent', 'a', (array['issue.updated','issue.comment_added','issue.checked_out','issue.released'])[1 + n % 4], 'issue',
           md5((n / 10)::text)::uuid, md5((n % 50)::text)::uuid, md5((n / 6)::text)::uuid, '{"identifier":"ACM-1"}', now() - (100000 - n) * interval '1 minute'
         from generate_series($2::int, $2 + 9999) n`,
        [companyId, from],
      )
    // One row of each rare value, among many others.
    await sql.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details)
       values ($1, 'user', 'local-board', 'approval.rejected', 'approval', $2, $3, $4, '{}')`,
      [companyId, rareIssue, rareAgent, rareRun],
    )
    await sql.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
       select $1, 'system', 'b', 'issue.updated', 'issue', md5(n::text)::uuid, '{}' from generate_series(1, 5000) n`,
      [companyId],
    )
    // Releases by a person that ended no hold, which are no interventions.
    await sql.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
       select $1, 'user', 'local-board', 'issue.released', 'issue', md5(n::text)::uuid, '{"identifier":"ACM-1"}' from generate_series(1, 20000) n`,
      [companyId],
    )
    await sql.query('vacuum analyze activity_log')
  }, 180_000)

  /** Runs a list as the server does, and counts the blocks that Postgres reads for it. */
  async function blocksFor(filter: ActivityFilter): Promise<{ rows: number; blocks: number }> {
    let rows = 0
    const sql: Connection = await server().database.sql.connect()
    try {
      let blocks = 0
      const db: PageDb = {
        runPage: async (statement, params) => {
          const explained = await sql.query<{
            'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number; 'Actual Rows': number } }]
          }>(`explain (analyze, buffers, format json) ${statement.text}`, statement.values(params))
          const plan = explained.rows[0]?.['QUERY PLAN'][0].Plan
          blocks = (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)
          rows = plan?.['Actual Rows'] ?? 0
          return { rows: [], isCut: false }
        },
      }
      await listActivity(db, companyId, filter, {})
      return { rows, blocks }
    } finally {
      sql.release()
    }
  }

  // The table has 2,500 blocks, and reading all its rows through an index would read 100,000 blocks.
  const filters: Readonly<Record<string, ActivityFilter>> = {
    none: {},
    'a rare agent': { agentId: rareAgent },
    'a rare run': { runId: rareRun },
    'a rare entity': { entityId: rareIssue },
    'a rare kind of entity': { entityType: 'approval' },
    'a rare action': { action: ['approval.rejected'] },
    'a rare and a frequent action': { action: ['approval.rejected', 'issue.comment_added'] },
    'an action that never happened': { action: ['no.such'] },
    interventions: { interventions: true },
  }
  for (const [name, filter] of Object.entries(filters)) {
    test(`The filter by ${name} reads a small part of the log`, async () => {
      const { rows, blocks } = await blocksFor(filter)
      if (name.includes('rare ')) expect(rows).toBeGreaterThan(0)
      expect(blocks).toBeLessThan(1500)
    })
  }

  test('The newest ticket is found by the indexes of tickets, however long the log is', async () => {
    const { sql } = server().database
    const { rows } = await sql.query<{ prosrc: string }>("select prosrc from pg_proc where proname = 'event_ticket_lag'")
    const explained = await sql.query<{ 'QUERY PLAN': string }>(`explain (analyze, timing off) ${rows[0]?.prosrc}`)
    const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).toMatch(/Scan Backward using activity_log_order on activity_log.*actual rows=1\b/)
  })

  test('A window of time in the past reads a small part of the log', async () => {
    const day = (n: number): string => new Date(Date.now() - n * 86_400_000).toISOString()
    const { rows, blocks } = await blocksFor({ since: day(60), until: day(59.9) })
    expect(rows).toBeGreaterThan(100)
    expect(blocks).toBeLessThan(1500)
  })
})
