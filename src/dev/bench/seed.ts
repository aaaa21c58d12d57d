import type { Pool } from '../../platform/db/driver/client.ts'

/** Fills a company with open issues, spread over priorities and over time, as a seed script would. */
export async function seedIssues(sql: Pool, companyId: string, prefix: string, count: number): Promise<void> {
  await sql.query(
    `insert into issues (company_id, title, description, status, priority, issue_number, identifier, created_at, updated_at)
     select $1, 'Issue ' || n, repeat('What is to be done, and why. ', 8), case when n % 10 < 6 then 'todo' when n % 10 < 8 then 'backlog' else 'done' end,
       (array['critical', 'high', 'medium', 'low'])[1 + n % 4], n, $2 || '-' || n,
       now() - n * interval '1 minute', now() - n * interval '1 second'
     from generate_series(1, $3::int) n`,
    [companyId, prefix, count],
  )
  // A server of an earlier release, beside which this one is measured, keeps the counter in the company.
  const { rows } = await sql.query<{ has: boolean }>("select to_regclass('issue_counters') is not null as has")
  const raise =
    rows[0]?.has === true
      ? 'insert into issue_counters values ($1, $2) on conflict (company_id) do update set last_number = excluded.last_number'
      : 'update companies set issue_counter = $2 where id = $1'
  await sql.query(raise, [companyId, count])
  await sql.query('analyze issues')
}
