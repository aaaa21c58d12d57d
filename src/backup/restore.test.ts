import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { emptyTarget, restoreInto, sealAll, serveRestored, silentLog, takeBackup, temporaryFolder } from '../dev/testing/backups.ts'
import { folderOfMigrations } from '../dev/testing/migrationFolder.ts'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { race } from '../dev/testing/race.ts'
import { TEST_MASTER_KEY, useServer, world } from '../dev/testing/world.ts'
import type { TestServer } from '../dev/testing/world.ts'
import { currentHeads, verifyChain } from '../observe/audit/index.ts'
import { openPool } from '../platform/db/driver/client.ts'
import { migrate } from '../platform/db/migrate.ts'
import { createRevocationJournal } from './journal/task.ts'
import { backupToFile } from './toFile.ts'

const server = useServer()

const rowsOf = async <T extends object>({ database }: Pick<TestServer, 'database'>, text: string, values: unknown[] = []): Promise<T[]> =>
  (await database.sql.query<T>(text, values)).rows

const NEWEST_TICKET = 'select max(txid::text::bigint)::text as txid from activity_log'

const numberOf = async (of: Pick<TestServer, 'database'>, text: string): Promise<number> =>
  Number((await rowsOf<{ count: string }>(of, `select count(*) as count from ${text}`))[0]?.count)

/** Agents that work until the returned function is called. */
function keepWorking(work: () => Promise<unknown>): () => Promise<number> {
  let isOver = false
  const working = (async () => {
    let rounds = 0
    for (; !isOver; rounds += 1) await work()
    return rounds
  })()
  return async () => {
    isOver = true
    return await working
  }
}

describe('a restored backup', () => {
  test('One that was taken while agents worked has equal rows, equal heads and whole chains elsewhere', async () => {
    const w = await world(server())
    const agent = await w.agent()
    const stop = keepWorking(async () => {
      const issue = await w.issue()
      const run = await w.run(agent)
      await w.checkout(run, issue.id)
      await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'Working "quoted"\ttab\nline \\ back' })
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
      await sealAll(server())
    })
    const first = await takeBackup(server())
    const backup = await takeBackup(server())
    expect(await stop()).toBeGreaterThan(0)
    expect(statSync(backup.file).mode & 0o777).toBe(0o600)
    expect(backup.description.tables.length).toBeGreaterThan(60)

    const target = await emptyTarget()
    const report = await restoreInto(target, backup.file)
    const byName = new Map(backup.contents.tables.map(({ name, rows }) => [name, rows]))
    expect(report.rows).toBe([...byName.values()].reduce((sum, rows) => sum + rows, 0))
    for (const table of ['issues', 'issue_comments', 'heartbeat_runs', 'activity_chain', 'companies'])
      expect(await numberOf({ database: target }, table), table).toBe(byName.get(table))
    const restored = await serveRestored(target)
    expect(new Map((await currentHeads(restored.store.read)).map(({ companyId, hash }) => [companyId, hash]))).toEqual(
      new Map(backup.contents.heads.map(({ companyId, hash }) => [companyId, hash])),
    )
    // Rows that are written from here on are sealed behind what the backup had.
    await sealAll(restored)
    const verified = await verifyChain(restored.store.read, w.company.id, null)
    expect(verified).toMatchObject({ ok: true, unsealedRows: 0 })
    expect(backup.description.takenAt > first.description.takenAt).toBe(true)
    const comments = await restored.board.get(
      `/api/issues/${(await rowsOf<{ id: string }>(restored, 'select issue_id as id from issue_comments limit 1'))[0]?.id}/comments`,
    )
    expect(comments.body[0].body).toBe('Working "quoted"\ttab\nline \\ back')
  })

  test('A key that was revoked after the backup stays dead, the others live on where the journal vouches, and all are issued anew where none does', async () => {
    const w = await world(server())
    const [kept, revoked, terminated] = [await w.agent(), await w.agent(), await w.agent()]
    const home = temporaryFolder()
    const journal = createRevocationJournal(server().store, home, silentLog)
    onTestFinished(() => journal.stop())
    await journal.run()
    const backup = await takeBackup(server())
    const keys = await server().board.get(`/api/agents/${revoked.id}/keys`)
    expect((await server().board.del(`/api/agents/${revoked.id}/keys/${keys.body[0].id}`)).status).toBe(200)
    expect((await server().board.post(`/api/agents/${terminated.id}/terminate`, {})).status).toBe(200)
    await journal.run()
    await journal.stop()
    expect(statSync(path.join(home, 'revocations.ndjson')).mode & 0o777).toBe(0o600)
    for (const secret of [keys.body[0].id, terminated.id, kept.id])
      expect(readFileSync(path.join(home, 'revocations.ndjson'), 'utf8')).not.toContain(secret)

    const vouched = await emptyTarget()
    const report = await restoreInto(vouched, backup.file, { journalHome: home, newKeysFile: path.join(home, 'new.ndjson') })
    expect(report).toMatchObject({ journalProblem: null, issuedKeys: 0 })
    expect(report.endedAgents).toEqual([{ id: terminated.id, name: terminated.name, end: 'terminated' }])
    const restored = await serveRestored(vouched)
    const statusOf = async (key: string): Promise<number> => (await restored.bearer(key).get('/api/agents/me')).status
    expect([await statusOf(kept.key), await statusOf(revoked.key), await statusOf(terminated.key)]).toEqual([200, 401, 401])
    expect(await rowsOf(restored, 'select status from agents where id = $1', [terminated.id])).toEqual([{ status: 'terminated' }])

    const unvouched = await emptyTarget()
    const file = path.join(temporaryFolder(), 'keys.ndjson')
    const anew = await restoreInto(unvouched, backup.file, { newKeysFile: file })
    expect(anew).toMatchObject({ journalProblem: 'missing', keptKeys: 0 })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const lines = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { agentId: string; token: string })
    expect(anew.issuedKeys).toBe(lines.length)
    const other = await serveRestored(unvouched)
    expect((await other.bearer(kept.key).get('/api/agents/me')).status).toBe(401)
    const token = lines.find(({ agentId }) => agentId === kept.id)?.token ?? ''
    expect((await other.bearer(token).get('/api/agents/me')).body).toMatchObject({ id: kept.id })
  })
})

/** A row of every kind of credential. */
async function insertCredentials(companyId: string): Promise<void> {
  const { sql } = server().database
  const later = "now() + interval '1 day'"
  await sql.query("insert into people (id, name, email) values ('p1', 'Ada', 'ada@example.com')")
  await sql.query(`insert into sign_ins (id, token, person_id, expires_at) values (gen_random_uuid(), 'token-1', 'p1', ${later})`)
  await sql.query(
    `insert into challenges (id, identifier, value, expires_at) values (gen_random_uuid(), 'reset-password:x', 'p1', ${later})`,
  )
  await sql.query(`insert into board_keys (user_id, name, key_hash, expires_at) values ('p1', 'laptop', 'hash-1', ${later})`)
  await sql.query(
    `insert into cli_challenges (secret_hash, pending_key_hash, command, requested_access, expires_at) values ('a', 'b', 'login', 'board', ${later})`,
  )
  await sql.query(`insert into board_claims (token_hash, code_hash, expires_at) values ('t', 'c', ${later})`)
  await sql.query(
    `insert into invites (company_id, invite_type, token_hash, allowed_join_types, expires_at) values ($1, 'company_join', 'hash-2', 'both', ${later})`,
    [companyId],
  )
}

describe('what was alive when a backup was taken', () => {
  /** Everything of a backup with a live run, and of the server on what was restored of it. */
  let before: Awaited<ReturnType<typeof arrange>>
  const cleanups: (() => void | Promise<void>)[] = []
  const defer = (cleanup: () => void | Promise<void>): void => void cleanups.unshift(cleanup)

  async function arrange() {
    const w = await world(server())
    const held = await w.held()
    await insertCredentials(w.company.id)
    const [{ epoch } = { epoch: 0 }] = await rowsOf<{ epoch: number }>(server(), 'select lock_epoch as epoch from issues where id = $1', [
      held.issue.id,
    ])
    const backup = await takeBackup(server(), defer)
    // Events between the backup and the loss, which clients have seen.
    for (let count = 0; count < 3; count += 1) await w.issue()
    const [lost] = await rowsOf<{ txid: string }>(server(), NEWEST_TICKET)
    const target = await emptyTarget(defer)
    const report = await restoreInto(target, backup.file)
    return { w, held, epoch, lost: BigInt(lost?.txid ?? 0), report, restored: await serveRestored(target, defer) }
  }

  beforeAll(async () => {
    before = await arrange()
  }, 120_000)
  afterAll(async () => {
    for (const cleanup of cleanups) await cleanup()
  })

  test('Its runs are over: their holds are free under a higher epoch, their tokens are refused, and their ends are in the audit', async () => {
    const { restored, report, epoch } = before
    const { run, issue } = before.held
    expect(report.endedRuns).toBeGreaterThan(0)
    const late = restored.bearer(run.token)
    for (const answer of [
      await late.patch(`/api/issues/${issue.id}`, { title: 'Too late' }),
      await late.post(`/api/heartbeat-runs/${run.id}/heartbeat`, {}),
      await late.post(`/api/issues/${issue.id}/comments`, { body: 'Too late' }),
    ])
      expect([401, 409], answer.text).toContain(answer.status)
    const [after] = await rowsOf<{ epoch: number; holder: string | null }>(
      restored,
      'select lock_epoch as epoch, coalesce(checkout_run_id, execution_run_id) as holder from issues where id = $1',
      [issue.id],
    )
    expect(after?.holder).toBeNull()
    expect(after?.epoch).toBeGreaterThan(epoch)
    expect(await rowsOf(restored, 'select status, error_code as code from heartbeat_runs where id = $1', [run.id])).toEqual([
      { status: 'timed_out', code: 'restored' },
    ])
    const actions = await rowsOf<{ action: string }>(
      restored,
      "select action from activity_log where run_id = $1 and actor_id = 'restore' order by seq",
      [run.id],
    )
    expect(actions.map(({ action }) => action)).toEqual(expect.arrayContaining(['heartbeat.run_finished', 'issue.lock_cleared']))
  })

  test('Sessions, board keys, invitations, questions of command lines and claims are dead', async () => {
    const { restored, report } = before
    expect(report.ended).toEqual({ boardKeys: 1, sessions: 1, challenges: 1, cliLogins: 1, boardClaims: 1, invites: 1, joinSecrets: 0 })
    for (const left of [
      'sign_ins',
      'challenges',
      'cli_challenges',
      'board_claims',
      'board_keys where revoked_at is null',
      'invites where revoked_at is null',
    ])
      expect(await numberOf(restored, left), left).toBe(0)
  })

  test('Tickets and numbers go on behind everything that was given out before the loss', async () => {
    const { restored, w, lost } = before
    const created = await restored.board.post(`/api/companies/${w.company.id}/issues`, { title: 'After the restore' })
    expect(created.status).toBe(201)
    const [next] = await rowsOf<{ txid: string }>(restored, NEWEST_TICKET)
    expect(BigInt(next?.txid ?? 0)).toBeGreaterThan(lost + 1_000_000n)
  })
})

describe('a restore', () => {
  test('It refuses a database that is not empty, and changes nothing there', async () => {
    const backup = await takeBackup(server())
    const { sql } = server().database
    const before = await sql.query('select count(*) from activity_log')
    await expect(restoreInto(server().database, backup.file)).rejects.toThrow(/not empty/)
    expect((await sql.query('select count(*) from activity_log')).rows).toEqual(before.rows)
    const target = await emptyTarget()
    await target.sql.query('create table notes (text text)')
    await expect(restoreInto(target, backup.file)).rejects.toThrow(/not empty/)
    expect(await numberOf({ database: target }, "pg_tables where schemaname = 'public'")).toBe(1)
  })

  test('It refuses a backup of a newer schema, and migrates one of an older schema forward', async () => {
    const backup = await takeBackup(server())
    const older = await emptyTarget()
    await expect(restoreInto(older, backup.file, { migrations: folderOfMigrations({ without: 1 }) })).rejects.toThrow(/newer schema/)
    expect(await numberOf({ database: older }, "pg_tables where schemaname in ('public', 'drizzle')")).toBe(0)
    const newer = folderOfMigrations({ added: { '0999_next': "alter table companies add column motto text not null default 'onward'" } })
    const report = await restoreInto(older, backup.file, { migrations: newer })
    expect(report.rows).toBeGreaterThan(0)
    expect(await numberOf({ database: older }, "companies where motto = 'onward'")).toBe(await numberOf(server(), 'companies'))
  })

  test('Two at once into one database: one restores, and the other is refused', async () => {
    await world(server())
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const results = await race([1, 2], () =>
      restoreInto(target, backup.file).then(
        () => 'restored',
        (error: Error) => error.message,
      ),
    )
    expect(results.filter((result) => result === 'restored')).toHaveLength(1)
    expect(results.filter((result) => /Another restore|not empty/.test(result))).toHaveLength(1)
  })

  test('A restore whose connection is lost leaves nothing of the backup, no server starts on it, and the next call completes it', async () => {
    await world(server())
    const backup = await takeBackup(server())
    const target = await emptyTarget()
    const killed = restoreInto(target, backup.file).then(
      () => 'restored',
      () => 'lost',
    )
    await killRestore(target)
    expect(await killed).toBe('lost')
    expect(await numberOf({ database: target }, "pg_tables where schemaname = 'public'")).toBe(0)
    const pool = openPool({ ...target.owner, max: 1 })
    onTestFinished(() => pool.end())
    await expect(migrate(pool)).rejects.toThrow(/has not finished/)
    await world(server())
    const other = await takeBackup(server())
    await expect(restoreInto(target, other.file)).rejects.toThrow(/another backup/)
    expect((await restoreInto(target, backup.file)).rows).toBeGreaterThan(0)
    await migrate(pool)
  })
})

/** Ends the session of a restore when it is in the middle of loading. */
async function killRestore({ sql }: TestServer['database']): Promise<void> {
  for (;;) {
    const { rows } = await sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'paperclip-server restore'
         and datname = current_database() and backend_xid is not null and query ~* '^(copy|alter|truncate)'`,
    )
    if (rows.length > 0) return
  }
}

describe('a backup', () => {
  test('It replaces no file, and of two into one name one is written', async () => {
    const folder = temporaryFolder()
    const file = path.join(folder, 'one.paperclip')
    const source = { connection: server().database.connection, encryption: null, version: 'test' }
    const results = await race([1, 2], () =>
      backupToFile(source, file).then(
        ({ sha256 }) => sha256,
        (error: Error) => error.message,
      ),
    )
    expect(results.filter((result) => /^[0-9a-f]{64}$/.test(result))).toHaveLength(1)
    expect(results.filter((result) => /never replaces/.test(result))).toHaveLength(1)
    await expect(backupToFile(source, file)).rejects.toThrow(/never replaces/)
    await expect(backupToFile(source, path.join(folder, 'none', 'x.paperclip'))).rejects.toThrow(/cannot be written/)
    expect(readdirSync(folder)).toEqual(['one.paperclip'])
  })

  test('One whose connection is lost leaves no file', async () => {
    const folder = temporaryFolder()
    const file = path.join(folder, 'lost.paperclip')
    // A table that is locked holds the backup in its middle.
    const lock = await server().database.sql.connect()
    await lock.query('begin; lock table issues in access exclusive mode')
    const lost = expect(
      backupToFile({ connection: server().database.connection, encryption: null, version: 'test' }, file),
    ).rejects.toThrow()
    await pollFor('the backup waits, and its session is ended', async () => {
      const { rows } = await server().database.sql.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'paperclip-server backup' and wait_event_type = 'Lock'
           and datname = current_database()`,
      )
      return rows.length > 0
    })
    lock.release(true)
    await lost
    expect(readdirSync(folder)).toEqual([])
  })

  test('It names what it has not, and it has no key', async () => {
    const backup = await takeBackup(server())
    expect(backup.description.leftOut.join()).toContain('secrets-master-key')
    expect(gunzipSync(readFileSync(backup.file)).includes(TEST_MASTER_KEY)).toBe(false)
  })
})
