import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emptyTarget, restoreInto, serveRestored, takeBackup, temporaryFolder } from '../dev/testing/backups.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { databaseUrlOf, pollFor } from '../dev/testing/serverProcess.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import { requireSettings } from '../platform/db/driver/sessions.ts'
import { openPool } from '../platform/db/driver/client.ts'
import { backupToFile } from './toFile.ts'
import { verifyBackup } from './verify.ts'

const server = useServer()

const rowsIn = async <T extends object>({ sql }: Pick<TestDatabase, 'sql'>, text: string, values: unknown[] = []): Promise<T[]> =>
  (await sql.query<T>(text, values)).rows

const stageIn = async (target: TestDatabase): Promise<string | null> => {
  const marked = await rowsIn(target, "select 1 from pg_tables where schemaname = 'drizzle' and tablename = 'unfinished_restore'")
  return marked.length === 0
    ? null
    : ((await rowsIn<{ stage: string }>(target, 'select stage from drizzle.unfinished_restore'))[0]?.stage ?? null)
}

/** Holds the agents of a database from the moment at which all rows are there: a restore waits behind the end of the credentials. */
async function holdAgents(target: TestDatabase): Promise<() => Promise<void>> {
  await pollFor('all rows are loaded', async () => (await stageIn(target)) === 'loaded')
  const holder = await target.sql.connect()
  await holder.query('begin; select 1 from agents for no key update')
  return async () => {
    await holder.query('rollback')
    holder.release()
  }
}

const isWaiting = async (target: TestDatabase): Promise<boolean> =>
  (
    await rowsIn(
      target,
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and application_name = 'paperclip-server'",
    )
  ).length > 0

describe('a restore that is cut', () => {
  test('Between the end of the keys and their new ones it issues them when it is repeated, and those of the first attempt are dead', async () => {
    const w = await world(server())
    const agents = [await w.agent(), await w.agent()]
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const newKeysFile = path.join(temporaryFolder(), 'keys.ndjson')
    const cut = restoreInto(target, backup.file, { newKeysFile }).then(
      () => 'restored',
      (error: Error) => error.message,
    )
    const release = await holdAgents(target)
    await pollFor('the restore waits for an agent', () => isWaiting(target))
    expect(await stageIn(target)).toBe('ended')
    await rowsIn(
      target,
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    expect(await cut).not.toBe('restored')
    await release()
    expect(existsSync(newKeysFile)).toBe(false)
    // As an attempt leaves it that was cut behind the first new key: its token is lost.
    await rowsIn(
      target,
      "insert into agent_api_keys (company_id, agent_id, name, key_hash) select company_id, id, 'of the first attempt', 'lost' from agents where id = $1",
      [agents[0]?.id],
    )

    const report = await restoreInto(target, backup.file, { newKeysFile })
    const lines = readFileSync(newKeysFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { agentId: string; token: string })
    expect(report).toMatchObject({ journalProblem: 'missing', newKeysFile, issuedKeys: lines.length })
    const restored = await serveRestored(target)
    for (const agent of agents) {
      const token = lines.find(({ agentId }) => agentId === agent.id)?.token ?? ''
      expect((await restored.bearer(token).get('/api/agents/me')).body).toMatchObject({ id: agent.id })
      expect((await restored.bearer(agent.key).get('/api/agents/me')).status).toBe(401)
    }
    expect(await rowsIn(target, "select 1 from agent_api_keys where name = 'of the first attempt' and revoked_at is null")).toEqual([])
    // The credentials ended once.
    expect(
      await rowsIn(target, "select 1 from activity_log where action = 'instance.restored' and company_id = $1", [w.company.id]),
    ).toHaveLength(1)
  })

  test('Interrupted, it says what it has left, and goes on when it is asked for again', async () => {
    const w = await world(server())
    await w.agent()
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const newKeysFile = path.join(temporaryFolder(), 'keys.ndjson')
    const interrupt = new AbortController()
    const ended = restoreInto(target, backup.file, { newKeysFile, signal: interrupt.signal }).catch((error: Error) => error.message)
    const release = await holdAgents(target)
    await pollFor('the restore waits for an agent', () => isWaiting(target))
    interrupt.abort()
    await release()
    expect(await ended).toMatch(/credentials have ended.*run the same command again/)
    expect((await restoreInto(target, backup.file, { newKeysFile })).issuedKeys).toBeGreaterThan(0)
    const before = new AbortController()
    before.abort()
    expect(await restoreInto(await emptyTarget(), backup.file, { signal: before.signal }).catch((error: Error) => error.message)).toMatch(
      /nothing was changed/,
    )
  })

  test('A file of new keys that exists is found before anything is read or written', async () => {
    await world(server())
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const newKeysFile = path.join(temporaryFolder(), 'keys.ndjson')
    writeFileSync(newKeysFile, 'of another restore')
    await expect(restoreInto(target, `${backup.file}.none`, { newKeysFile })).rejects.toThrow(/exists: name a new file/)
    const file = path.join(newKeysFile, 'below')
    await expect(restoreInto(target, backup.file, { newKeysFile: file })).rejects.toThrow(/cannot be written/)
    expect(await stageIn(target)).toBeNull()
  })
})

describe('what a restore ends', () => {
  test('A run ends whatever time it has: the clock of its host may be ahead of the one that took the backup', async () => {
    const w = await world(server())
    const run = await w.run(await w.agent())
    await server().database.sql.query("update heartbeat_runs set created_at = now() + interval '1 hour' where id = $1", [run.id])
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const report = await restoreInto(target, backup.file)
    expect(report.endedRuns).toBeGreaterThan(0)
    expect(await rowsIn(target, 'select status, error_code as code from heartbeat_runs where id = $1', [run.id])).toEqual([
      { status: 'timed_out', code: 'restored' },
    ])
  })
})

describe('a session of maintenance', () => {
  test('Its settings are in force whatever the database says, and a restore works in such a database', async () => {
    await world(server())
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const [{ name } = { name: '' }] = await rowsIn<{ name: string }>(target, 'select quote_ident(current_database()) as name')
    for (const setting of [
      'default_transaction_read_only = on',
      'search_path = pg_catalog',
      'row_security = on',
      'synchronous_commit = off',
    ])
      await target.sql.query(`alter database ${name} set ${setting}`)
    const session = await openMaintenance(target.owner, 'test')
    onTestFinished(() => session.close())
    const found = await session.query<{ name: string; setting: string }>(
      "select name, setting from pg_settings where name in ('default_transaction_read_only', 'search_path', 'row_security', 'synchronous_commit')",
    )
    expect(Object.fromEntries(found.map(({ name: each, setting }) => [each, setting]))).toEqual({
      default_transaction_read_only: 'off',
      search_path: 'public',
      row_security: 'off',
      synchronous_commit: 'on',
    })
    await target.sql.query(`alter database ${name} reset search_path`)
    expect((await restoreInto(target, backup.file)).rows).toBeGreaterThan(0)
  })

  test('A session in which they are not in force, as behind a pooler, is refused with what to do', async () => {
    const pool = openPool({ ...server().database.connection, max: 1 })
    onTestFinished(() => pool.end())
    const connection = await pool.connect()
    await expect(requireSettings(connection, { search_path: 'public' }, 'The URL')).rejects.toThrow(/search_path.*pooler/)
    connection.release()
  })
})

describe('an interrupt', () => {
  test('It ends a backup that waits for a table at once, and nothing is left of it: no file, no session', async () => {
    await world(server())
    const folder = temporaryFolder()
    const { sql, connection } = server().database
    const lock = await sql.connect()
    await lock.query('begin; lock table issues in access exclusive mode')
    const interrupt = new AbortController()
    const source = { connection, encryption: null, version: 'test', signal: interrupt.signal }
    const ended = backupToFile(source, path.join(folder, 'a.paperclip')).catch((error: Error) => error.message)
    const waiting =
      "select 1 from pg_stat_activity where datname = current_database() and application_name = 'paperclip-server backup' and wait_event_type = 'Lock'"
    await pollFor('the backup waits for the table', async () => (await sql.query(waiting)).rows.length > 0)
    interrupt.abort()
    expect(await ended).toMatch(/ended before it was complete/)
    expect(readdirSync(folder)).toEqual([])
    // The table is still locked.
    await pollFor('its session has ended', async () => (await sql.query(waiting)).rows.length === 0)
    lock.release(true)
  })

  test('It ends a rehearsal, whose database is dropped', async () => {
    await world(server())
    const backup = await takeBackup(server())
    const interrupt = new AbortController()
    const source = { file: backup.file, decryption: null, signal: interrupt.signal }
    const ended = verifyBackup(source, databaseUrlOf(server().database.owner)).then(
      () => 'verified',
      (error: Error) => error.name,
    )
    const { sql } = server().database
    const rehearsals = async (): Promise<number> =>
      (await sql.query("select 1 from pg_database where datname ~ '^paperclip_rehearsal_[0-9a-f]{12}$'")).rows.length
    await pollFor('the rehearsal has its database', async () => (await rehearsals()) > 0)
    interrupt.abort()
    expect(await ended).toBe('AbortError')
    expect(await rehearsals()).toBe(0)
  })
})
