import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isFullCheck } from '../../dev/testing/fullCheck.ts'
import { makeHome, pollFor, removeHome } from '../../dev/testing/serverProcess.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { recoveryTime, restorePhysical } from './restore.ts'
import { writePhysicalBackup } from './write.ts'

/** Bytes of a segment of the write-ahead log, in rows of this test. */
const FILL = 'insert into filler select repeat(md5(random()::text), 40) from generate_series(1, 13000)'

/** An embedded database that archives its log, and a folder beside it that Postgres may read and write. */
async function archivingDatabase() {
  const folder = makeHome()
  chmodSync(folder, 0o777)
  onTestFinished(() => removeHome(folder))
  const [home, archive] = [path.join(folder, 'home'), path.join(folder, 'wal')]
  const postgres = await startEmbedded({ home, durable: true, walArchive: archive })
  const pool = openPool({ ...postgres.ownerConnection, max: 1, query_timeout: 0, statement_timeout: 0 })
  const close = async (): Promise<void> => {
    await pool.end().catch(() => {})
    await postgres.stop()
  }
  onTestFinished(close)
  await migrate(pool)
  await pool.query('create table filler (text text)')
  return { folder, home, archive, pool, connection: postgres.ownerConnection, close }
}

const insertCompany = async (pool: Pool, name: string): Promise<string> => {
  const { rows } = await pool.query<{ at: string }>(
    `insert into companies (name, issue_prefix) values ($1, $2) returning to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
    [name, name.toUpperCase()],
  )
  return rows[0]?.at ?? ''
}

const segmentsIn = (archive: string): number => readdirSync(archive).filter((name) => /^[0-9A-F]{24}$/.test(name)).length

/** Closes the present segment, and waits until the archive has it. */
async function archiveAll(pool: Pool, archive: string): Promise<void> {
  const { rows } = await pool.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name')
  const name = rows[0]?.name ?? ''
  while (!existsSync(path.join(archive, name))) await pool.query('select pg_sleep(0.05)')
}

describe('a physical backup', () => {
  test('A point in time is written as Postgres reads it, with all of its microseconds, and needs a zone', () => {
    expect(recoveryTime('2026-11-28T17:53:36.604473Z')).toBe('2026-11-28 17:53:36.604473+00')
    expect(recoveryTime('2026-11-28 17:53:36+01:30')).toBe('2026-11-28 17:53:36+01:30')
    for (const text of ['2026-11-28', '2026-11-28T17:53:36', "2026-11-28T17:53:36Z' or '", '2026-13-28T17:53:36Z'])
      expect(() => recoveryTime(text), text).toThrow(/no time with a zone/)
  })

  test('It is taken over a connection that is encrypted as the URL asks for it, and a leftover of a killed one is removed', async () => {
    const folder = makeHome()
    onTestFinished(() => removeHome(folder))
    const left = path.join(folder, '.base-monday.partial-0123456789ab')
    mkdirSync(left, { mode: 0o700 })
    const longAgo = new Date(Date.now() - 2 * 3_600_000)
    utimesSync(left, longAgo, longAgo)
    const connection = { connectionString: 'postgres://reader@127.0.0.1:1/postgres?sslmode=prefer' }
    await expect(writePhysicalBackup(connection, path.join(folder, 'base'))).rejects.toThrow(/sslmode=prefer/)
    expect(readdirSync(folder)).toEqual([])
  })

  test('It is restored to a point between two rows a second apart, over the segments between them', async () => {
    const { folder, archive, pool, connection, close } = await archivingDatabase()
    await insertCompany(pool, 'before')
    const base = path.join(folder, 'base')
    await writePhysicalBackup(connection, base)
    await expect(writePhysicalBackup(connection, base)).rejects.toThrow(/never replaces/)
    expect(statSync(path.join(base, 'base.tar')).mode & 0o777).toBe(0o600)
    // Smoke: one segment. In full: more than twenty.
    const fills = isFullCheck ? 22 : 1
    for (let count = 0; count < fills; count += 1) await pool.query(FILL)
    const at = await insertCompany(pool, 'kept')
    await pool.query('select pg_sleep(1)')
    await insertCompany(pool, 'lost')
    await pool.query(FILL)
    // The lost event has a ticket that a client may know as its cursor.
    const { rows: lost } = await pool.query<{ ticket: string }>("select nextval('event_tickets')::text as ticket")
    await archiveAll(pool, archive)
    expect(segmentsIn(archive)).toBeGreaterThanOrEqual(fills)
    await close()

    const home = path.join(folder, 'restored')
    const between = new Date(Date.parse(at) + 500).toISOString()
    const options = { folder: base, home, archive, journalHome: null, newKeysFile: null, version: 'test' }
    const taken = path.join(folder, 'keys.ndjson')
    writeFileSync(taken, 'of another restore')
    await expect(restorePhysical({ ...options, until: between, newKeysFile: taken })).rejects.toThrow(/exists: name a new file/)
    expect(existsSync(path.join(home, 'postgres'))).toBe(false)
    const report = await restorePhysical({ ...options, until: between })
    expect(report.endedRuns).toBe(0)
    // The record names the base and the point, and not the time of the restore.
    const { 'Manifest-Checksum': digest } = JSON.parse(readFileSync(path.join(base, 'backup_manifest'), 'utf8')) as Record<string, string>
    const rewoundTo = {
      until: between,
      timeline: 2,
      lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
      reason: expect.stringMatching(/^before 20/),
    }
    expect(report).toMatchObject({ digest, rewoundTo })
    expect(Date.parse(report.takenAt)).toBeLessThanOrEqual(Date.parse(at))
    expect(Date.parse(report.takenAt)).toBeGreaterThan(Date.parse(at) - 60_000)
    const restored = await contentsOf(home)
    expect(restored.details).toMatchObject({ takenAt: report.takenAt, digest, rewoundTo })
    expect(restored.companies).toEqual(['before', 'kept'])
    // Postgres itself skips a few numbers behind a recovery.
    expect(restored.ticket).toBeGreaterThan(BigInt(lost[0]?.ticket ?? 0) + 1_000_000n)
    await expect(restorePhysical({ ...options, until: between })).rejects.toThrow(/has a database/)
    const beyond = { ...options, home: path.join(folder, 'beyond'), until: '2099-01-01T00:00:00Z' }
    await expect(restorePhysical(beyond)).rejects.toThrow(/does not reach/)
    expect(existsSync(path.join(folder, 'beyond', 'postgres'))).toBe(false)
  }, 300_000)

  test.runIf(isFullCheck)(
    'A restore that was cut behind the recovery goes on when it is asked for again, and refuses another point; an interrupt leaves no database',
    async () => {
      const { folder, archive, pool, connection, close } = await archivingDatabase()
      const base = path.join(folder, 'base')
      await writePhysicalBackup(connection, base)
      await insertCompany(pool, 'kept')
      await archiveAll(pool, archive)
      await close()
      const options = { folder: base, archive, until: null, journalHome: null, newKeysFile: null, version: 'test' }
      const interrupt = new AbortController()
      const gone = path.join(folder, 'gone')
      const ended = restorePhysical({ ...options, home: gone, signal: interrupt.signal }).catch((error: Error) => error.message)
      await pollFor('the files are unpacked', () => existsSync(gone) && readdirSync(gone).some((name) => name.startsWith('postgres.init-')))
      interrupt.abort()
      expect(await ended).toMatch(/nothing was changed/)
      expect(readdirSync(gone).filter((name) => name.startsWith('postgres') && name !== 'postgres.log')).toEqual([])

      const home = path.join(folder, 'restored')
      const cut = new AbortController()
      const interrupted = restorePhysical({ ...options, home, signal: cut.signal }).catch((error: Error) => error.message)
      await pollFor('the cluster has its name', () => existsSync(path.join(home, 'postgres')))
      cut.abort()
      expect(await interrupted).toMatch(/no server starts on it/)
      await expect(restorePhysical({ ...options, home, archive, until: '2026-01-01T00:00:00Z' })).rejects.toThrow(/to another point/)
      const report = await restorePhysical({ ...options, home })
      expect(report.rewoundTo).toMatchObject({ until: null, timeline: 2 })
      expect((await contentsOf(home)).companies).toEqual(['kept'])
    },
    120_000,
  )

  test.runIf(isFullCheck)(
    'One that was cut or changed is refused, and the home has no database',
    async () => {
      const { folder, connection } = await archivingDatabase()
      const base = path.join(folder, 'base')
      await writePhysicalBackup(connection, base)
      const home = path.join(folder, 'restored')
      const restore = () =>
        restorePhysical({ folder: base, home, archive: null, until: null, journalHome: null, newKeysFile: null, version: 'test' })
      const archive = path.join(base, 'base.tar')
      const whole = readFileSync(archive)
      const changed = Buffer.from(whole)
      // In the first page of the catalogue of tables, behind the header of its entry.
      const at = whole.indexOf('base/1/1259') + 512 + 100
      changed[at] = (changed[at] ?? 0) ^ 1
      writeFileSync(archive, changed)
      await expect(restore()).rejects.toThrow(/cut or changed/)
      writeFileSync(archive, whole)
      truncateSync(archive, Math.floor(whole.length / 2))
      await expect(restore()).rejects.toThrow(/cut or changed/)
      expect(existsSync(path.join(home, 'postgres'))).toBe(false)
      writeFileSync(archive, whole)
      expect((await restore()).chains).toEqual({ chains: 0, sealedRows: 0 })
    },
    120_000,
  )
})

/** The companies of the database of a home, in their order, the newest ticket of an event, and the record of the restore. */
async function contentsOf(home: string): Promise<{ companies: string[]; ticket: bigint; details: unknown }> {
  const postgres = await startEmbedded({ home, durable: true })
  const pool = openPool({ ...postgres.ownerConnection, max: 1 })
  try {
    const { rows } = await pool.query<{ name: string }>('select name from companies order by created_at')
    const { rows: tickets } = await pool.query<{ ticket: string }>('select last_value::text as ticket from event_tickets')
    const { rows: records } = await pool.query<{ details: unknown }>(
      "select details from activity_log where action = 'instance.restored' and company_id = '00000000-0000-0000-0000-000000000000'",
    )
    return { companies: rows.map(({ name }) => name), ticket: BigInt(tickets[0]?.ticket ?? 0), details: records[0]?.details }
  } finally {
    await pool.end()
    await postgres.stop()
  }
}
