import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSealer } from '../../../observe/audit/index.ts'
import { createLog } from '../../../platform/kernel/log.ts'
import { pollFor } from '../../testing/serverProcess.ts'
import { useServer, world } from '../../testing/world.ts'
import { AUDIT_ROWS_PER_ISSUE } from './auditRows.ts'
import { copyLine } from './copy.ts'
import { finishTasks, plantRows } from './plant.ts'
import { COMMON_WORD, drawIds, plantSources, RARE_WORD, spread } from './rows.ts'
import type { PlantPlan } from './rows.ts'

const server = useServer()
const ISSUES = 60

const planOf = (fields: Partial<PlantPlan>): PlantPlan => ({
  companyId: randomUUID(),
  prefix: 'PLA',
  issues: ISSUES,
  agentIds: [randomUUID(), randomUUID()],
  projectIds: [randomUUID()],
  labelIds: [randomUUID()],
  userId: 'local-board',
  newestAt: Date.parse('2026-11-20T12:00:00Z'),
  ...fields,
})

describe('a planted company', () => {
  test('Its reads answer, its chain verifies, and the server goes on behind it', async () => {
    const { company, agent, issue } = await world(server())
    const [{ id: first }, { id: second }] = [await agent(), await agent()]
    const seal = createSealer(server().store, server().heads, createLog('silent', false))
    const verify = async () => (await server().board.get(`/api/companies/${company.id}/activity/verify`)).body
    await pollFor('every row is sealed', async () => (await seal()) === 0 && (await verify()).unsealedRows === 0)
    const sealedBefore: number = (await verify()).sealedRows
    const project = (await server().board.post(`/api/companies/${company.id}/projects`, { name: 'Site' })).body
    const label = (await server().board.post(`/api/companies/${company.id}/labels`, { name: 'bug', color: '#ff0000' })).body
    await pollFor('every row is sealed', async () => (await seal()) === 0 && (await verify()).unsealedRows === 0)
    const plan = planOf({
      companyId: company.id,
      prefix: 'PLANTED',
      agentIds: [first, second],
      projectIds: [project.id],
      labelIds: [label.id],
    })

    const indexes = async () => (await server().database.sql.query('select indexname, indexdef from pg_indexes order by 1, 2')).rows
    const indexesBefore = await indexes()
    const planted: string[] = []
    await plantRows(server().database.sql, plan, (text) => void planted.push(text))

    await finishTasks(server().store, (text) => void planted.push(text))
    expect((await server().database.sql.query('select 1 from issue_search_changes')).rows).toEqual([])
    expect(planted.length).toBeGreaterThan(5)
    expect(await indexes()).toEqual(indexesBefore)
    const after = await verify()
    expect(after).toMatchObject({ ok: true, firstBroken: null, unsealedRows: 0, timelines: [] })
    expect(after.sealedRows).toBe(sealedBefore + 2 + ISSUES * AUDIT_ROWS_PER_ISSUE)
    const list = async (query: string) => (await server().board.get(`/api/companies/${company.id}/issues?${query}`)).body
    expect(await list(`projectId=${project.id}`)).toHaveLength(ISSUES)
    expect(await list(`q=${RARE_WORD}`)).toHaveLength(5)
    expect((await list(`q=${COMMON_WORD}&limit=1000`)).length).toBe(ISSUES)
    for (const filter of [`participantAgentId=${first}`, 'touchedByUserId=me'])
      expect((await list(filter)).length, filter).toBeGreaterThan(0)
    const { tasks } = (await server().board.get(`/api/companies/${company.id}/dashboard`)).body
    expect(tasks.open + tasks.done).toBeGreaterThan(ISSUES / 2)

    await issue()
    await pollFor('the new row is sealed', async () => (await seal()) === 0 && (await verify()).unsealedRows === 0)
    expect(await verify()).toMatchObject({ ok: true, sealedRows: after.sealedRows + 1, timelines: [] })
  }, 120_000)

  test('Rows that are not sealed yet are refused, because the planted chain could not follow them', async () => {
    const { company, issue } = await world(server())
    await issue()
    await expect(plantRows(server().database.sql, planOf({ companyId: company.id, issues: 1 }), () => {})).rejects.toThrow('not sealed yet')
  })
})

describe('planted rows', () => {
  test('Every row has a value for each of its columns, and the same size has the same statuses', () => {
    const statuses = [1, 2].map(() => {
      const plan = planOf({})
      const sources = plantSources(plan, drawIds(plan)).map((source) => ({ ...source, rows: [...source.rows] }))
      for (const { columns, rows } of sources) for (const row of rows) expect(row).toHaveLength(columns.length)
      return sources[0]?.rows.map((row) => row[5])
    })
    expect(statuses[0]).toEqual(statuses[1])
    expect(new Set(statuses[0]).size).toBeGreaterThan(2)
  })

  test('Spread numbers stay below their number of sides and reach each of them', () => {
    const found = new Set(Array.from({ length: 1000 }, (_, index) => spread(index, 3, 20)))
    expect([...found].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, side) => side))
  })

  test('A line of COPY escapes what would end a value or a row', () => {
    expect(copyLine(['a\tb', null, 3, String.raw`\x00`])).toBe('a\\tb\t\\N\t3\t\\\\x00\n')
  })
})
