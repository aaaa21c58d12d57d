import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Pool } from '../../platform/db/driver/client.ts'
import { useServer, world } from './world.ts'

const server = useServer()

/** Written without an audit row, each for its reason. A new table is on the wire, or named here. */
const exempt: Readonly<Record<string, string>> = {
  activity_log: 'is the audit',
  activity_chain: 'seals the audit',
  approval_readings: 'which version of an approval a person was served last',
  auth_attempts: 'counts of attempts to sign in',
  audit_witnesses: 'says which line the file of audit heads has come to',
  agent_task_sessions: 'what an adapter remembers from one run to the next',
  challenges: 'values that a flow stores until its next step',
  cost_rollups: 'sums, made from the cost events',
  heartbeat_run_events: 'what a run says while it works',
  heartbeat_run_log_chunks: 'what a run prints while it works',
  idempotency_keys: 'answers, written with the effect they answer',
  issue_counters: 'which numbers were drawn; the issue that has one is audited',
  issue_counts: 'numbers of issues, made from the issues',
  issue_participants: 'which agents had to do with an issue, made from the issue, its comments and its audit',
  issue_search: 'keys of texts, made from the texts',
  issue_search_changes: 'which texts changed, noted by triggers',
  issue_search_segments: 'which issue numbers have keys',
  issue_touches: 'which people had to do with an issue, made from the issue, its comments and reading marks',
  run_event_floors: 'up to where events of runs were deleted',
  vault_state: 'which master key is in use; a rotation of it is recorded, and the first sealed value brings it with its own row',
  server_secrets: 'fingerprints of the secrets with which servers run now',
  servers: 'which processes are there to supervise runs',
  wake_skips: 'counts of what did not happen',
  webhook_deliveries: 'attempts to deliver what the record has',
}

let pool: Pool
beforeAll(() => {
  pool = server().database.open({ max: 1 })
})
afterAll(async () => {
  await pool.end()
})

/** Runs statements in one transaction, as a server's connection would. */
async function transact(...statements: readonly [text: string, values?: unknown[]][]): Promise<void> {
  const connection = await pool.connect()
  try {
    await connection.query('begin read write')
    for (const [text, values] of statements) await connection.query(text, values)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback')
    throw error
  } finally {
    connection.release()
  }
}

const audit = (companyId: string): [string, unknown[]] => [
  `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values ($1::uuid, 'system', 'test', 'test.done', 'company', $1::uuid::text)`,
  [companyId],
]

const expectTripped = (work: Promise<void>) => expect(work).rejects.toMatchObject({ code: 'TRIPW' })

describe('the tripwire (I6)', () => {
  test('Every table has the tripwire or is exempt for a stated reason', async () => {
    const { rows } = await server().database.sql.query<{ name: string; wired: boolean }>(
      `select t.relname as name, exists (select 1 from pg_trigger g join pg_proc p on p.oid = g.tgfoid
         where g.tgrelid = t.oid and p.proname = 'require_audit' and g.tgenabled = 'O') as wired
       from pg_class t join pg_namespace n on n.oid = t.relnamespace where n.nspname = 'public' and t.relkind = 'r' order by t.relname`,
    )
    expect(rows.filter((row) => !row.wired).map((row) => row.name)).toEqual(Object.keys(exempt).toSorted())
    expect(rows.length).toBeGreaterThan(25)
  })

  test('An insert, an update and a delete without an audit row cannot commit and leave nothing', async () => {
    const testWorld = await world(server())
    const issue = await testWorld.issue({ title: 'Before' })
    await expectTripped(transact([`insert into labels (company_id, name, color) values ($1, 'red', '#ff0000')`, [testWorld.company.id]]))
    await expectTripped(transact(['update issues set title = $2 where id = $1', [issue.id, 'After']]))
    await expectTripped(transact(['delete from issues where id = $1', [issue.id]]))
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.title).toBe('Before')
    const { rows } = await server().database.sql.query('select count(*)::int as labels from labels where company_id = $1', [
      testWorld.company.id,
    ])
    expect(rows).toEqual([{ labels: 0 }])
  })

  test('A change commits with an audit row of the same transaction, and not with one of another', async () => {
    const testWorld = await world(server())
    const issue = await testWorld.issue()
    const change: [string, unknown[]] = ['update issues set title = $2 where id = $1', [issue.id, 'After']]
    await transact(audit(testWorld.company.id))
    await expectTripped(transact(change))
    await transact(change, audit(testWorld.company.id))
    await transact(audit(testWorld.company.id), change)
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.title).toBe('After')
  })

  test('Leases and last-seen marks need no audit row; every other column of runs and agents does', async () => {
    const testWorld = await world(server())
    const { run, agent } = await testWorld.held()
    await transact(
      ['update heartbeat_runs set lease_expires_at = now(), last_seen_at = now() where id = $1', [run.id]],
      ['update agents set last_heartbeat_at = now() where id = $1', [agent.id]],
    )
    await expectTripped(transact(["update heartbeat_runs set status = 'failed' where id = $1", [run.id]]))
    await expectTripped(transact(["update heartbeat_runs set error = 'rewritten' where id = $1", [run.id]]))
    await expectTripped(transact(["update agents set status = 'paused' where id = $1", [agent.id]]))
    await expectTripped(transact(['update agents set budget_monthly_cents = 1 where id = $1', [agent.id]]))
    await expectTripped(transact(['delete from heartbeat_runs where id = $1', [run.id]]))
    await expectTripped(transact([`insert into heartbeat_runs (company_id, agent_id) values ($1, $2)`, [testWorld.company.id, agent.id]]))
  })

  test('The connections of a server write only in transactions; those that arrange a test are exempt', async () => {
    const testWorld = await world(server())
    const issue = await testWorld.issue()
    const change = 'update issues set billing_code = $2 where id = $1'
    const READ_ONLY = '25006'
    for (const each of [server().store.transactionPool, server().store.autocommitPool]) {
      await expect(each.query(change, [issue.id, 'B'])).rejects.toMatchObject({ code: READ_ONLY })
    }
    await server().database.sql.query(change, [issue.id, 'C'])
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.billingCode).toBe('C')
  })

  test('No connection can change or delete an audit row', async () => {
    await world(server())
    const { sql } = server().database
    await expect(sql.query("update activity_log set action = 'nothing'")).rejects.toThrow('append-only')
    await expect(sql.query('delete from activity_log')).rejects.toThrow('append-only')
    await expect(sql.query('truncate activity_log')).rejects.toThrow('append-only')
  })
})
