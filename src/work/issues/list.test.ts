import { describe, expect, test } from 'vitest'
import { expectRefused } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'
import { PAGE_BYTES } from '../../platform/kernel/page.ts'
import { listIssues } from './list.ts'
import { labelledIssueView } from './views.ts'

const server = useServer()
const list = async (here: World, query = '', client: Client = server().board) => {
  const { status, body, text } = await client.get(`/api/companies/${here.company.id}/issues${query}`)
  expect(status, text).toBe(200)
  return body as { id: string; activeRun: { id: string } | null }[]
}
const ids = async (here: World, query = '', client?: Client) => (await list(here, query, client)).map((row) => row.id)

describe('GET /companies/:companyId/issues', () => {
  test('The list is ordered by priority and latest activity, without hidden issues and executions of routines', async () => {
    const here = await world(server())
    const low = await here.issue({ priority: 'low' })
    const [older, newer] = [await here.issue({ priority: 'high' }), await here.issue({ priority: 'high' })]
    const critical = await here.issue({ priority: 'critical' })
    const hidden = await here.issue()
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    const routine = await here.issue()
    await server().database.sql.query("update issues set origin_kind = 'routine_execution', origin_id = 'r-1' where id = $1", [routine.id])
    expect(await ids(here)).toEqual([critical.id, newer.id, older.id, low.id])
    await server().board.post(`/api/issues/${older.id}/comments`, { body: 'Bump' })
    expect(await ids(here)).toEqual([critical.id, older.id, newer.id, low.id])
    expect(await ids(here, '?originId=r-1')).toEqual([routine.id])
    expect(await ids(here, '?originKind=routine_execution')).toEqual([routine.id])
    expect(await ids(here, '?includeRoutineExecutions=true')).toHaveLength(5)
  })

  test('The list shows an issue with every kind of value as the issue itself does, and `fields` takes a part of it', async () => {
    const here = await world(server())
    const { issue: held, run } = await here.held()
    const { rows: labels } = await server().database.sql.query(
      `insert into labels (company_id, name, color) values ($1, 'a "red" \\ one', '#ff0000') returning id`,
      [here.company.id],
    )
    const odd = { title: 'A "title" with \\ and 🦄', description: 'Tab\tline\nand \u0001', labelIds: [labels[0].id] }
    await server().board.patch(`/api/issues/${held.id}`, {
      ...odd,
      assigneeAdapterOverrides: { adapterConfig: { b: [1.5, null], a: '": ' } },
    })
    const { body: issue } = await server().board.get(`/api/issues/${held.id}`)
    const [item] = (await list(here)) as unknown as Record<string, unknown>[]
    const { activeRun, lastActivityAt, ...fields } = item ?? {}
    expect(issue).toMatchObject({ ...fields, ...odd })
    expect(Object.keys(fields)).toHaveLength(Object.keys(labelledIssueView.shape).length)
    expect(lastActivityAt).toBe(issue.updatedAt)
    expect(activeRun).toMatchObject({
      id: run.id,
      status: 'running',
      finishedAt: null,
      createdAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    })
    expect(await list(here, '?fields=title,labelIds')).toEqual([{ title: odd.title, labelIds: odd.labelIds }])
    expect((await list(here, '?compact=1'))[0]).not.toHaveProperty('parentId')
    expect(await list(here, '?touchedByUserId=me&q=unicorn')).toEqual([])
    const [personal] = await list(here, '?touchedByUserId=local-board&q=title')
    expect(personal).toMatchObject({ ...fields, isUnreadForMe: false })
    expect(personal).not.toHaveProperty('sortMatch')
  })

  test('Each filter narrows the list', async () => {
    const here = await world(server())
    const { issue: heldIssue, run, agent } = await here.held()
    const parent = await here.issue({ title: 'Parent 100%' })
    const child = await here.issue({ parentId: parent.id, status: 'backlog', description: 'about narwhals' })
    const personal = await here.issue({ assigneeUserId: 'local-board', status: 'blocked' })
    const { body: byAgent } = await run.client.post(`/api/companies/${here.company.id}/issues`, { title: 'By an agent', status: 'done' })
    const { rows: labels } = await server().database.sql.query(
      `insert into labels (company_id, name, color) values ($1, 'red', '#ff0000') returning id`,
      [here.company.id],
    )
    await server().board.patch(`/api/issues/${child.id}`, { labelIds: [labels[0].id] })
    await agent.client.post(`/api/issues/${personal.id}/comments`, { body: 'a quokka' })
    expect(await ids(here, '?status=backlog')).toEqual([child.id])
    expect((await ids(here, '?status=backlog,blocked')).toSorted()).toEqual([child.id, personal.id].toSorted())
    expect(await ids(here, `?assigneeAgentId=${agent.id}`)).toEqual([heldIssue.id])
    expect(await ids(here, '?assigneeUserId=local-board')).toEqual([personal.id])
    expect(await ids(here, '?assigneeUserId=me')).toEqual([personal.id])
    expect(await ids(here, `?parentId=${parent.id}`)).toEqual([child.id])
    expect(await ids(here, `?labelId=${labels[0].id}`)).toEqual([child.id])
    expect((await ids(here, `?participantAgentId=${agent.id}`)).toSorted()).toEqual(
      [heldIssue.id, String(byAgent.id), personal.id].toSorted(),
    )
    expect(await ids(here, '?q=100%25')).toEqual([parent.id])
    expect(await ids(here, '?q=narwhal')).toEqual([child.id])
    expect(await ids(here, '?q=QUOKKA')).toEqual([personal.id])
    expect(await ids(here, `?q=${personal.identifier}`)).toEqual([personal.id])
    expect((await list(here, `?assigneeAgentId=${agent.id}`))[0]?.activeRun).toMatchObject({ id: run.id })
    await expectRefused(server(), () => server().board.get(`/api/companies/${here.company.id}/issues?status=odd`), 400, 'validation_failed')
  })

  test('The list is narrowed by every filter that clients ask for, in each spelling, and its pages can be counted (K10)', async () => {
    const here = await world(server())
    const { body: goal } = await server().board.post(`/api/companies/${here.company.id}/goals`, { title: 'Be found' })
    const critical = await here.issue({ priority: 'critical', goalId: goal.id })
    const done = await here.issue({ status: 'done', priority: 'high' })
    const { run, agent } = await here.held()
    const { body: byAgent } = await run.client.post(`/api/companies/${here.company.id}/issues`, { title: 'Delegated', priority: 'low' })
    const personal = await here.issue({ assigneeUserId: 'local-board', priority: 'low' })
    expect(await ids(here, '?priority=critical')).toEqual([critical.id])
    expect(await ids(here, '?priority=critical,high')).toEqual([critical.id, done.id])
    expect(await ids(here, '?priority[]=critical&priority[]=high')).toEqual([critical.id, done.id])
    expect(await ids(here, '?status[]=done')).toEqual([done.id])
    expect(await ids(here, '?status=done&status[]=in_review')).toEqual([done.id])
    expect(await ids(here, `?goalId=${goal.id}`)).toEqual([critical.id])
    expect(await ids(here, `?createdByAgentId=${agent.id}`)).toEqual([byAgent.id])
    expect(await ids(here, '?search=delegated')).toEqual([byAgent.id])
    expect(await ids(here, '?unassigned=true')).toEqual([critical.id, done.id, byAgent.id])
    expect(await ids(here, '?assigneeUserId=me&unassigned=false')).toEqual([personal.id])
    const all = await ids(here)
    expect(await ids(here, '?limit=2&offset=1')).toEqual(all.slice(1, 3))
    expect(await ids(here, '?limit=2&page=2')).toEqual(all.slice(2, 4))
    for (const wrong of ['priority=urgent', 'unassigned=perhaps', 'offset=-1', 'page=0', 'goalId=none'])
      await expectRefused(server(), () => server().board.get(`/api/companies/${here.company.id}/issues?${wrong}`), 400, 'validation_failed')
  })

  test('A search finds the issues that have every word, wherever each is, and ignores the space around them (K54)', async () => {
    const here = await world(server())
    const first = await here.issue({ title: 'The second attempt', description: 'about narwhals' })
    const other = await here.issue({ title: 'The second wind' })
    expect((await ids(here, '?q=second%20')).toSorted()).toEqual([first.id, other.id].toSorted())
    expect(await ids(here, '?q=%20narwhals%20%20second')).toEqual([first.id])
    expect(await ids(here, '?q=attempt+second')).toEqual([first.id])
    expect(await ids(here, '?q=second+missing')).toEqual([])
    expect((await ids(here, '?q=%20')).toSorted()).toEqual([first.id, other.id].toSorted())
    await server().board.post(`/api/issues/${other.id}/comments`, { body: 'a 100% quokka' })
    expect(await ids(here, '?q=wind+100%25')).toEqual([other.id])
    const later = await here.issue({ title: 'Ask about the attempt', priority: 'critical' })
    const opening = await here.issue({ title: 'Attempt', priority: 'low' })
    expect(await ids(here, '?q=%20attempt%20')).toEqual([opening.id, later.id, first.id])
  })

  test('`me` is refused for agents, and an issue is unread while the last comment of another author is newer', async () => {
    const here = await world(server())
    const { client } = await here.agent()
    const path = `/api/companies/${here.company.id}/issues`
    await expectRefused(server(), () => client.get(`${path}?assigneeUserId=me`), 403, 'forbidden')
    const mine = await here.issue()
    expect(await ids(here, '?touchedByUserId=me')).toEqual([mine.id])
    expect(await ids(here, '?unreadForUserId=me')).toEqual([])
    await client.post(`/api/issues/${mine.id}/comments`, { body: 'News' })
    expect(await ids(here, '?unreadForUserId=me')).toEqual([mine.id])
    await server().board.post(`/api/issues/${mine.id}/comments`, { body: 'Read' })
    expect(await ids(here, '?unreadForUserId=me')).toEqual([])
  })

  test.each(['', '&q=Issue'])('The pages contain each issue once, in the order of the whole list%s', async (more) => {
    const here = await world(server())
    for (let index = 0; index < 7; index += 1) await here.issue({ priority: index % 2 === 0 ? 'high' : 'low' })
    const allIds = await ids(here, `?limit=100${more}`)
    const paged: string[] = []
    for (let next = `/api/companies/${here.company.id}/issues?limit=3${more}`; next !== '';) {
      const { body, headers } = await server().board.get(next)
      paged.push(...body.map((row: { id: string }) => row.id))
      next = /<([^>]+)>; rel="next"/.exec(headers['link'] ?? '')?.[1] ?? ''
    }
    expect(paged).toEqual(allIds)
    expect(allIds).toHaveLength(7)
    await expectRefused(server(), () => server().board.get(`/api/companies/${here.company.id}/issues?after=bogus`), 400, 'malformed_cursor')
  })

  test('A page has no JSON of its rows before it is sent: theirs may be six times as long, and the page then ends early', async () => {
    const here = await world(server())
    await server().database.sql.query(
      `insert into issues (company_id, title, issue_number, identifier, description)
       select $1, 'Escaped', 700000 + n, 'ESC-' || n, repeat($2, 100000) from generate_series(1, 39) n`,
      [here.company.id, '\u0001'],
    )
    const read = () => listIssues(server().store.read, here.company.id, {}, { limit: 1000 })
    await read()
    const before = process.memoryUsage().heapUsed
    const page = await read()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2.5 * PAGE_BYTES)
    expect([page.items.length, page.items[0]?.value().title]).toEqual([39, 'Escaped'])
  })

  test('An agent lists the issues of its own company only', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    await elsewhere.issue()
    const { client } = await here.agent()
    await expectRefused(server(), () => client.get(`/api/companies/${elsewhere.company.id}/issues`), 404, 'not_found')
    expect(await ids(here, '', client)).toEqual([])
  })
})
