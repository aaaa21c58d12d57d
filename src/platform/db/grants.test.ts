import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { openPool } from './driver/client.ts'
import type { Pool } from './driver/client.ts'
import { grantToApplication, readLoginPower } from './grants.ts'
import { migrateOnce } from './migrate.ts'

let database: TestDatabase
let application: Pool

beforeAll(async () => {
  database = await cloneDatabase()
  application = openPool({ ...database.connection, max: 1 })
})
afterAll(async () => {
  await application.end()
  await database.drop()
})

const DENIED = '42501'
const signal = new AbortController().signal

describe("the application's login", () => {
  test.each([
    'update activity_log set action = action',
    'delete from activity_log',
    'truncate activity_log',
    'update activity_chain set hash = hash',
    'delete from activity_chain',
    'truncate activity_chain',
    'alter table activity_log disable trigger activity_log_append_only',
    'alter table activity_chain disable trigger all',
    'drop trigger activity_log_append_only on activity_log',
    'drop table activity_chain',
    'create trigger more before insert on activity_log for each row execute function refuse_audit_change()',
    'create or replace function refuse_audit_change() returns trigger language plpgsql as $$ begin return new; end $$',
    'create function more() returns int language sql as $$ select 1 $$',
    'create table more (one int)',
    'create schema more',
    "set session_replication_role = 'replica'",
    'set role postgres',
    "copy activity_log to program 'cat'",
    'alter role paperclip superuser',
    'grant delete on activity_log to paperclip',
  ])('It may not: %s', async (text) => {
    // A grant by a role that has no right to give it is a warning of Postgres and no error.
    if (text.startsWith('grant')) await application.query(text).catch(() => {})
    else await expect(application.query(text), text).rejects.toMatchObject({ code: DENIED })
    const { rows } = await database.sql.query<{ granted: boolean }>(
      "select has_table_privilege('paperclip', 'activity_log', 'DELETE') as granted",
    )
    expect(rows).toEqual([{ granted: false }])
  })

  test('It may read the record and add to it, and may change what is not the record', async () => {
    await application.query(
      "insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values (gen_random_uuid(), 'system', 'test', 'test.done', 'test', 'x')",
    )
    expect((await application.query('select 1 from activity_log')).rows).toHaveLength(1)
    await application.query("update instance_settings set settings = '{}'")
    expect(
      await application.connect().then(async (connection) => {
        const power = await readLoginPower(connection)
        connection.release()
        return power
      }),
    ).toMatchObject({ role: database.connection.user, canRewriteRecord: false })
  })

  test('A start gives it grants on new tables, takes back what was given too much, and does nothing when nothing is to do', async () => {
    const { sql, connection, owner } = database
    const stateOf = async (): Promise<unknown[]> =>
      (
        await sql.query(
          "select relname, relacl::text, xmin::text from pg_class where relname in ('added_later', 'activity_log', 'issues') order by 1",
        )
      ).rows
    await sql.query('create table added_later (one int)')
    await sql.query('revoke all on added_later from paperclip')
    await sql.query('grant update, delete, truncate on activity_log to paperclip')
    await sql.query('grant delete on activity_chain to public')
    await sql.query('grant create on schema public to public')
    const power = await migrateOnce({ application: connection, owner }, signal)
    expect(power).toMatchObject({ canRewriteRecord: false })
    await application.query('insert into added_later values (1)')
    for (const text of [
      'delete from activity_log',
      'truncate activity_log',
      'delete from activity_chain',
      'create table more (one int)',
      'create temporary table more (one int)',
    ])
      await expect(application.query(text), text).rejects.toMatchObject({ code: DENIED })
    const before = await stateOf()
    expect(await migrateOnce({ application: connection, owner }, signal)).toEqual(power)
    expect(await stateOf()).toEqual(before)
  })

  test('A database that was restored without its grants is usable after a start', async () => {
    const { sql, connection, owner } = database
    const { rows } = await sql.query<{ quoted: string }>(
      "select format('%I', relname) as quoted from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')",
    )
    for (const { quoted } of rows) await sql.query(`revoke all on ${quoted} from public, paperclip`)
    await sql.query('revoke all on sequence event_tickets from public, paperclip')
    await expect(application.query('select take_event_ticket()')).rejects.toMatchObject({ code: DENIED })
    await migrateOnce({ application: connection, owner }, signal)
    await application.query('select take_event_ticket()')
    await application.query('select horizon from event_horizon()')
    await application.query('select 1 from issues')
  })

  test('A login that owns the tables, or is a member of their owner, is reported', async () => {
    const { owner, sql } = database
    expect(await migrateOnce({ application: owner, owner: null }, signal)).toMatchObject({ canRewriteRecord: true })
    // One login in both variables keeps what it has.
    expect(await migrateOnce({ application: owner, owner }, signal)).toMatchObject({ canRewriteRecord: true })
    await sql.query('delete from added_later')
  })

  test('Two logins that lead to two databases are refused with a sentence', async () => {
    const { connection, owner } = database
    await expect(migrateOnce({ application: connection, owner: { ...owner, database: 'postgres' } }, signal)).rejects.toThrow(
      /must be the same/,
    )
  })

  test('A role that does not exist is refused', async () => {
    const connection = await database.sql.connect()
    await expect(grantToApplication(connection, 'a missing role')).rejects.toThrow(/no role/)
    connection.release()
  })
})
