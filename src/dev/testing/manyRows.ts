import type { TestServer } from './world.ts'

/** How many rows of each kind to add to a company, all about one of its agents. */
export interface ManyRows {
  /** Assigned issues, each with a comment and a finished wake. */
  readonly issues?: number
  /** Finished runs. */
  readonly runs?: number
  /** Events of each finished run; three unless said. */
  readonly eventsOfRun?: number
  /** Of the issues, those for which a queued run waits. */
  readonly queued?: number
}

/** Adds rows to a company by SQL, in numbers that the API would take minutes for. */
export async function addManyRows(
  server: TestServer,
  companyId: string,
  agentId: string,
  { issues = 0, runs = 0, eventsOfRun = 3, queued = 0 }: ManyRows,
): Promise<void> {
  const connection = await server.database.sql.connect()
  const run = (text: string, count?: number): Promise<unknown> =>
    connection.query(text.replaceAll(':c', `'${companyId}'::uuid`).replaceAll(':a', `'${agentId}'::uuid`).replaceAll(':n', String(count)))
  try {
    await run('begin read write')
    await run(
      `insert into issues (company_id, title, issue_number, identifier, assignee_agent_id, status)
         select :c, 'Many', 100000 + i, 'M' || left(:c::text, 8) || '-' || i, :a, 'todo' from generate_series(1, :n) i`,
      issues,
    )
    await run(`create temporary table many on commit drop as select id from issues where company_id = :c and issue_number > 100000`)
    await run(`insert into issue_comments (company_id, issue_id, body, author_user_id) select :c, id, 'Many', 'local-board' from many`)
    await run(`insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, finished_at)
         select :c, :a, id, 'automation', 'many', 'completed', 'user', 'local-board', now() from many`)
    await run(
      `with wake as (insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, run_id)
           select :c, :a, id, 'automation', 'many', 'queued', 'user', 'local-board', gen_random_uuid() from many limit :n returning id, run_id, issue_id)
         insert into heartbeat_runs (id, company_id, agent_id, issue_id, status, wakeup_request_id, lease_expires_at)
           select run_id, :c, :a, issue_id, 'queued', id, now() + interval '1 day' from wake`,
      queued,
    )
    await run(
      `with done as (insert into heartbeat_runs (company_id, agent_id, status, finished_at)
           select :c, :a, 'succeeded', now() from generate_series(1, :n) returning id)
         insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type) select :c, id, :a, s, 'many' from done, generate_series(1, ${eventsOfRun}) s`,
      runs,
    )
    await run('commit')
  } finally {
    connection.release()
  }
}

/** The most pieces of a log, of 64 KB each: 8 MB. */
const PIECES_OF_LARGEST_LOG = 128

/** Adds finished runs with the largest logs, whose texts do not compress. @returns the most pieces that one transaction has deleted since */
export async function addLargestLogs(
  server: TestServer,
  companyId: string,
  agentId: string,
  count: number,
): Promise<() => Promise<number>> {
  const { sql } = server.database
  await sql.query(`
    create table if not exists deleted_pieces (txid xid8, pieces int);
    grant all on deleted_pieces to public;
    create or replace function note_deleted_pieces() returns trigger language plpgsql as $$ begin
      insert into deleted_pieces select pg_current_xact_id(), count(*) from gone; return null; end $$;
    create or replace trigger note_deleted_pieces after delete on heartbeat_run_log_chunks
      referencing old table as gone for each statement execute function note_deleted_pieces()`)
  await sql.query('truncate deleted_pieces')
  await sql.query(
    `with text as (select string_agg(md5(i::text), '') as text from generate_series(1, 2048) i),
       run as (insert into heartbeat_runs (company_id, agent_id, status, created_at, finished_at)
         select $1, $2, 'succeeded', now() - interval '100 days', now() - interval '100 days' from generate_series(1, $3::int) returning id)
     insert into heartbeat_run_log_chunks (run_id, start_offset, byte_size, content, created_at)
       select run.id, 65536 * piece, 65536, text.text, now() from run, text, generate_series(0, ${PIECES_OF_LARGEST_LOG - 1}) piece`,
    [companyId, agentId, count],
  )
  return async () =>
    (await sql.query<{ most: number }>('select sum(pieces)::int as most from deleted_pieces group by txid order by 1 desc limit 1')).rows[0]
      ?.most ?? 0
}
