import fc from 'fast-check'
import { expect, test } from 'vitest'
import { waitForLockWaiter } from '../../dev/testing/holds.ts'
import { pollFor } from '../../dev/testing/serverProcess.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { issueStatus } from '../../model/issueStatus.ts'
import { addUpIssueCounts } from './counts.ts'

const server = useServer()
const sql = async <T extends object>(text: string, values?: unknown[]): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

const people = ['ann', 'ben', 'cleo']
const person = fc.constantFrom(...people)
const maybePerson = fc.option(person)
const place = fc.nat({ max: 3 })
const status = fc.constantFrom(...issueStatus.statuses)
/** Transactions that began early may end late. */
const msAgo = fc.nat({ max: 20 })

/** A change of one of a few issues. Issues are chosen by their place among those of the company. */
const change = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), creator: maybePerson, assignee: maybePerson, status }),
  fc.record({ kind: fc.constant('assign' as const), place, assignee: maybePerson }),
  fc.record({ kind: fc.constant('comment' as const), place, author: maybePerson, msAgo }),
  fc.record({ kind: fc.constant('read' as const), place, reader: person, msAgo }),
  fc.record({ kind: fc.constant('unread' as const), place, reader: person }),
  fc.record({ kind: fc.constant('status' as const), place, status }),
  fc.record({ kind: fc.constant('hide' as const), place, isHidden: fc.boolean() }),
  fc.record({ kind: fc.constant('delete' as const), place }),
  fc.record({ kind: fc.constant('add up' as const) }),
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

const issueAt = (companyId: string, at: number): string =>
  `(select id from issues where company_id = '${companyId}' order by issue_number offset ${at} limit 1)`

let number = 0
async function make(companyId: string, prefix: string, it: Change): Promise<void> {
  const text = (value: string | null): string => (value === null ? 'null' : `'${value}'`)
  if (it.kind === 'add up') return await addUpIssueCounts(server().store)
  if (it.kind === 'create') {
    number += 1
    await sql(`insert into issues (company_id, title, issue_number, identifier, status, created_by_user_id, assignee_user_id)
      values ('${companyId}', 'A title', ${number + 100}, '${prefix}-${number + 100}', '${it.status}', ${text(it.creator)}, ${text(it.assignee)})`)
    return
  }
  const id = issueAt(companyId, it.place)
  const source = `from (select ${id} as id) i where i.id is not null`
  if (it.kind === 'assign') await sql(`update issues set assignee_user_id = ${text(it.assignee)} where id = ${id}`)
  if (it.kind === 'comment')
    await sql(
      `insert into issue_comments (company_id, issue_id, body, author_user_id, created_at)
      select '${companyId}', i.id, 'A comment', ${text(it.author)}, now() - interval '${it.msAgo} ms' ${source}`,
    )
  if (it.kind === 'read')
    await sql(`insert into issue_read_states (company_id, issue_id, user_id, last_read_at)
      select '${companyId}', i.id, '${it.reader}', now() - interval '${it.msAgo} ms' ${source}
      on conflict (issue_id, user_id) do update set last_read_at = excluded.last_read_at`)
  if (it.kind === 'unread') await sql(`delete from issue_read_states where issue_id = ${id} and user_id = '${it.reader}'`)
  if (it.kind === 'status') await sql(`update issues set status = '${it.status}' where id = ${id}`)
  if (it.kind === 'hide') await sql(`update issues set hidden_at = ${it.isHidden ? 'now()' : 'null'} where id = ${id}`)
  if (it.kind === 'delete') await sql(`delete from issues where id = ${id}`)
}

/** The figures, computed from the issues, comments and reading marks themselves. */
const touchesByDefinition = `
  select i.id, p.person, i.created_by_user_id is not distinct from p.person as creator, i.assignee_user_id is not distinct from p.person as assignee,
    coalesce((select max(c.created_at) from issue_comments c where c.issue_id = i.id and c.author_user_id is distinct from p.person)
      > coalesce(greatest((select max(c.created_at) from issue_comments c where c.issue_id = i.id and c.author_user_id = p.person),
        (select s.last_read_at from issue_read_states s where s.issue_id = i.id and s.user_id = p.person),
        case when i.created_by_user_id = p.person then i.created_at end), '-infinity'), false) as unread
  from issues i, unnest($2::text[]) p (person)
  where i.company_id = $1 and (p.person in (i.created_by_user_id, i.assignee_user_id)
    or exists (select from issue_comments c where c.issue_id = i.id and c.author_user_id = p.person)
    or exists (select from issue_read_states s where s.issue_id = i.id and s.user_id = p.person)) order by 1, 2`

test('After any changes the kept figures are those of the issues, comments and reading marks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 5, maxLength: 40 }), async (changes) => {
      const { company } = await world(server())
      for (const it of changes) await make(company.id, company.issuePrefix, it)
      expect(
        await sql(
          `select t.issue_id as id, t.user_id as person, t.is_creator as creator, t.is_assignee as assignee, t.is_unread as unread
           from issue_touches t join issues i on i.id = t.issue_id where i.company_id = $1 order by 1, 2`,
          [company.id],
        ),
      ).toEqual(await sql(touchesByDefinition, [company.id, people]))
      expect(
        await sql(
          'select status, sum(issues)::int as issues from issue_counts where company_id = $1 group by 1 having sum(issues) <> 0 order by 1',
          [company.id],
        ),
      ).toEqual(
        await sql('select status, count(*)::int as issues from issues where company_id = $1 and hidden_at is null group by 1 order by 1', [
          company.id,
        ]),
      )
      await sql('delete from issues where company_id = $1', [company.id])
    }),
    { numRuns: 25 },
  )
  expect(await sql('select 1 from issue_touches union all select 1 from issue_participants')).toEqual([])
}, 60_000)

test('A person who reads while another writes does not miss the comment that is newer than the reading', async () => {
  const here = await world(server())
  const issue = await here.issue()
  const [reader, writer] = [await server().database.sql.connect(), await server().database.sql.connect()]
  await reader.query('begin')
  await reader.query('select now()')
  // The times are those at which the transactions began, in whole milliseconds.
  await writer.query('select pg_sleep(0.005)')
  await writer.query('begin')
  await writer.query("insert into issue_comments (company_id, issue_id, body, author_user_id) values ($1, $2, 'News', 'ann')", [
    here.company.id,
    issue.id,
  ])
  const reading = reader.query("insert into issue_read_states (company_id, issue_id, user_id) values ($1, $2, 'local-board')", [
    here.company.id,
    issue.id,
  ])
  await waitForLockWaiter(server())
  await writer.query('commit')
  await reading
  await reader.query('commit')
  reader.release()
  writer.release()
  const { body } = await server().board.get(`/api/companies/${here.company.id}/issues?unreadForUserId=me`)
  expect(body.map((row: { id: string }) => row.id)).toEqual([issue.id])
})

test('Servers that add up at once lose no issue', async () => {
  const here = await world(server())
  const peer = await server().startPeer()
  const adding = { isDone: false }
  const loops = [server(), peer].map(async ({ store }) => {
    while (!adding.isDone) await addUpIssueCounts(store)
  })
  const issues = await Promise.all(Array.from({ length: 20 }, () => here.issue({ status: 'todo' })))
  await Promise.all(issues.slice(5).map(({ id }) => server().board.patch(`/api/issues/${id}`, { status: 'done' })))
  adding.isDone = true
  await Promise.all(loops)
  await addUpIssueCounts(server().store)
  const { body } = await server().board.get(`/api/companies/${here.company.id}/dashboard`)
  expect(body.tasks).toEqual({ open: 5, inProgress: 0, blocked: 0, done: 15 })
  expect((await server().board.get('/api/companies/stats')).body[here.company.id].issueCount).toBe(20)
  await peer.stop()
})

test('The numbers that an ended session of Postgres left are added up into one row, and those of a live session stay its own', async () => {
  const here = await world(server())
  const session = await server().database.sql.connect()
  const add = `insert into issues (company_id, title, issue_number, identifier, status)
    select '${here.company.id}', 'A title', n, 'LEFT-' || n, 'blocked' from generate_series(`
  const rows = async (): Promise<object[]> =>
    await sql("select slot = 0 as sum, issues from issue_counts where company_id = $1 and status = 'blocked' order by 1", [here.company.id])
  const pid = (await session.query<{ pid: number }>(`${add}1001, 1003) n; select pg_backend_pid() as pid`)) as unknown as {
    rows: { pid: number }[]
  }[]
  await addUpIssueCounts(server().store)
  expect(await rows()).toEqual([{ sum: false, issues: 3 }])
  session.release(true)
  await pollFor(
    'the session ends',
    async () => (await sql('select 1 from pg_stat_activity where pid = $1', [pid[1]?.rows[0]?.pid])).length === 0,
  )
  await sql(`${add}1004, 1005) n`)
  await addUpIssueCounts(server().store)
  expect(await rows()).toEqual([
    { sum: false, issues: 2 },
    { sum: true, issues: 3 },
  ])
})

test('An agent takes part in an issue that it checks out, and in one without an assignee that it gives back', async () => {
  const { agent, run, issue, company, checkout } = await world(server())
  const acting = await run(await agent())
  const [held, free] = [await issue(), await issue(), await issue()]
  expect((await checkout(acting, held.id)).status).toBe(200)
  await sql("update issues set status = 'in_progress', assignee_agent_id = null where id = $1", [free.id])
  for (const { id } of [held, free]) expect((await acting.client.post(`/api/issues/${id}/release`)).status).toBe(200)
  const { body } = await server().board.get(`/api/companies/${company.id}/issues?participantAgentId=${acting.agentId}`)
  expect(body.map((row: { id: string }) => row.id).toSorted()).toEqual([held.id, free.id].toSorted())
})
