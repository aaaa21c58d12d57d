import { describe, expect, test } from 'vitest'
import { createRoutine } from '../dev/testing/routines.ts'
import { nextPagePath, useServer, world } from '../dev/testing/world.ts'
import type { Answer } from '../dev/testing/world.ts'
import { PAGE_BYTES } from '../platform/kernel/page.ts'

const server = useServer()

/** Follows the cursor of a list from page to page. @returns every page, at most a hundred */
async function pagesOf(path: string): Promise<Answer[]> {
  const pages: Answer[] = []
  for (let next = path; next !== '' && pages.length < 100; next = nextPagePath(pages.at(-1) as Answer)) {
    const page = await server().board.get(next)
    expect(page.status, page.text).toBe(200)
    pages.push(page)
  }
  return pages
}

describe('The bytes of a page', () => {
  test.each([
    ['plain text', 'x', 2],
    ['characters that JSON escapes with six', '\u0001', 8],
  ])('A list of long descriptions of %s ends early, and its cursor goes on until every row was sent whole', async (_, character, least) => {
    const here = await world(server())
    const description = character.repeat(100_000)
    for (let index = 0; index < 45; index += 1) await here.issue()
    await server().database.sql.query('update issues set description = $2 where company_id = $1', [here.company.id, description])
    const pages = await pagesOf(`/api/companies/${here.company.id}/issues?limit=1000`)
    expect(pages.length).toBeGreaterThanOrEqual(least)
    for (const page of pages) expect(Buffer.byteLength(page.text)).toBeLessThanOrEqual(PAGE_BYTES)
    const rows = pages.flatMap((page) => page.body as { id: string; description: string }[])
    expect(new Set(rows.map((row) => row.id)).size).toBe(45)
    expect(rows).toHaveLength(45)
    expect(rows.every((row) => row.description === description)).toBe(true)
  })

  test('A list of comments, whose cursor is an id, ends early too', async () => {
    const here = await world(server())
    const issue = await here.issue()
    await server().database.sql.query(
      `insert into issue_comments (company_id, issue_id, author_user_id, body, created_at)
       select $1, $2, 'local-board', repeat('x', 50000), now() + n * interval '1 ms' from generate_series(1, 200) n`,
      [here.company.id, issue.id],
    )
    const pages = await pagesOf(`/api/issues/${issue.id}/comments`)
    expect(pages.map((page) => page.body.length)).toEqual([79, 79, 42])
    expect(new Set(pages.flatMap((page) => page.body.map((row: { id: string }) => row.id))).size).toBe(200)
  })

  test('A list of the runs of a routine ends early by their payloads, and so do the runs that the routine shows with itself', async () => {
    const here = await world(server())
    const { id } = await createRoutine(server(), here, {})
    await server().database.sql.query(
      `insert into routine_runs (company_id, routine_id, source, status, trigger_payload, created_at)
       select $1, $2, 'manual', 'skipped', jsonb_build_object('text', repeat('x', 240000)), now() + n * interval '1 ms' from generate_series(1, 40) n`,
      [here.company.id, id],
    )
    const pages = await pagesOf(`/api/routines/${id}/runs?limit=200`)
    expect(pages.map((page) => page.body.length)).toEqual([16, 16, 8])
    expect(new Set(pages.flatMap((page) => page.body.map((row: { id: string }) => row.id))).size).toBe(40)
    const detail = await server().board.get(`/api/routines/${id}`)
    expect([detail.status, detail.body.recentRuns.length]).toEqual([200, 16])
    expect(Buffer.byteLength(detail.text)).toBeLessThan(PAGE_BYTES + 100_000)
  })

  test('A short list is one page without a cursor', async () => {
    const here = await world(server())
    for (let index = 0; index < 40; index += 1) await here.issue()
    const [page, ...more] = await pagesOf(`/api/companies/${here.company.id}/issues`)
    expect([page?.body.length, page?.headers['link'], more]).toEqual([40, undefined, []])
  })

  test('An issue is read with its nearest ancestors and first work products, as many as fit, within five megabytes', async () => {
    const here = await world(server())
    const { sql } = server().database
    const chain: string[] = []
    for (let depth = 0; depth < 20; depth += 1) {
      const { id } = await here.issue(chain.length === 0 ? {} : { parentId: chain.at(-1) })
      chain.push(id)
    }
    const issueId = chain.at(-1)
    await sql.query('update issues set description = $2 where company_id = $1', [here.company.id, '\u0001'.repeat(100_000)])
    await sql.query(
      `insert into issue_work_products (company_id, issue_id, type, provider, title, status, metadata)
       select $1, $2, 'artifact', 'test', n::text, 'active', jsonb_build_object('text', repeat('x', 20000)) from generate_series(1, 100) n`,
      [here.company.id, issueId],
    )
    const issue = await server().board.get(`/api/issues/${issueId}`)
    expect(issue.status, issue.text.slice(0, 500)).toBe(200)
    expect(Buffer.byteLength(issue.text)).toBeLessThan(5_000_000)
    expect(issue.body.ancestors.map((row: { id: string }) => row.id)).toEqual([chain.at(-2)])
    expect(issue.body.workProducts).toHaveLength(25)
    const pages = await pagesOf(`/api/issues/${issueId}/work-products?limit=60`)
    expect(pages.map((page) => page.body.length)).toEqual([60, 40])
    expect(new Set(pages.flatMap((page) => page.body.map((row: { id: string }) => row.id))).size).toBe(100)
  })

  test('Approvals of an issue, issues of an approval and events of a run end early and go on', async () => {
    const here = await world(server())
    const { sql } = server().database
    const { issue, run, agent } = await here.held()
    const { rows: approvals } = await sql.query<{ id: string }>(
      `insert into approvals (company_id, type, payload) select $1, 'request_board_approval', jsonb_build_object('text', repeat('x', 200000))
       from generate_series(1, 30) returning id`,
      [here.company.id],
    )
    await sql.query('insert into issue_approvals (approval_id, issue_id) select unnest($1::uuid[]), $2', [
      approvals.map((row) => row.id),
      issue.id,
    ])
    const ofIssue = await pagesOf(`/api/issues/${issue.id}/approvals`)
    expect(ofIssue.map((page) => page.body.length)).toEqual([19, 11])
    const linked = await server().board.post(`/api/issues/${issue.id}/approvals`, { approvalId: approvals[0]?.id })
    expect([linked.status, linked.body.length]).toEqual([201, 10])
    const ofApproval = await pagesOf(`/api/approvals/${approvals[0]?.id}/issues`)
    expect(ofApproval.map((page) => page.body.map((row: { id: string }) => row.id))).toEqual([[issue.id]])
    await sql.query(
      `insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type, payload)
       select $1, $2, $3, 1000 + n, 'adapter.invoke', jsonb_build_object('text', repeat('x', 200000)) from generate_series(1, 30) n`,
      [here.company.id, run.id, agent.id],
    )
    const events = await pagesOf(`/api/heartbeat-runs/${run.id}/events?afterSeq=1000`)
    expect(events.map((page) => page.body.length)).toEqual([19, 11])
    expect(events.flatMap((page) => page.body.map((row: { seq: number }) => row.seq))).toEqual(
      Array.from({ length: 30 }, (_, index) => 1001 + index),
    )
  })
})
