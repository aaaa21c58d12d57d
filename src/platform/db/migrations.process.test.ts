import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../../dev/testing/database.ts'
import { databaseEnvOf, startServerProcess, temporaryHome } from '../../dev/testing/serverProcess.ts'
import { openPool } from './driver/client.ts'
import type { Connection, Pool } from './driver/client.ts'
import { migrate } from './migrate.ts'
import { applyMigrations } from './migrations.ts'

/** Migrations by their names; the name begins with the time at which it was written. */
type Texts = Readonly<Record<string, string>>

/** A folder of migrations as drizzle-kit writes it. */
function folderOf(texts: Texts): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-migrations-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(path.join(folder, 'meta'))
  const entries = Object.keys(texts).map((tag, idx) => ({ idx, tag, when: Number(tag.split('_')[0]), version: '7', breakpoints: true }))
  writeFileSync(path.join(folder, 'meta', '_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }))
  for (const [tag, text] of Object.entries(texts)) writeFileSync(path.join(folder, `${tag}.sql`), text)
  return folder
}

/** A connection to an empty database. */
async function emptyDatabase(): Promise<Connection> {
  const database = `empty_${randomBytes(6).toString('hex')}`
  const admin = openPool({ ...inject('cluster'), database: 'postgres', max: 1 })
  await admin.query(`create database ${database}`)
  const pool = openPool({ ...inject('cluster'), database, max: 1 })
  onTestFinished(async () => {
    await pool.end()
    await admin.query(`drop database ${database} with (force)`)
    await admin.end()
  })
  const connection = await pool.connect()
  onTestFinished(() => connection.release(true))
  return connection
}

const tablesOf = async (connection: Connection): Promise<string[]> =>
  (await connection.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public' order by 1")).rows.map(
    ({ name }) => name,
  )

async function recordForeign(pool: Pool, hash: string, writtenAt: number): Promise<void> {
  await pool.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', [hash, writtenAt])
}

describe('migrations', () => {
  const base = { '100_a': 'create table a (id int)', '300_c': 'create table c (id int)' }

  test('A migration of another branch is applied although a newer one was applied before it (K32)', async () => {
    const connection = await emptyDatabase()
    await applyMigrations(connection, folderOf(base))
    await applyMigrations(connection, folderOf({ ...base, '200_b': 'create table b (id int)' }))
    expect(await tablesOf(connection)).toEqual(['a', 'b', 'c'])
  })

  test('A repeated start applies nothing twice, and a migration that fails leaves nothing of all that were pending', async () => {
    const connection = await emptyDatabase()
    const failing = folderOf({ ...base, '400_d': 'create table d (id int);--> statement-breakpoint\nselect 1 / 0' })
    await expect(applyMigrations(connection, failing)).rejects.toMatchObject({ code: '22012' })
    expect(await tablesOf(connection)).toEqual([])
    for (let start = 0; start < 2; start += 1) await applyMigrations(connection, folderOf(base))
    expect(await tablesOf(connection)).toEqual(['a', 'c'])
  })

  test('A migration whose text was changed after it was applied ends the start with a sentence, and nothing is applied (K32)', async () => {
    const connection = await emptyDatabase()
    await applyMigrations(connection, folderOf(base))
    const changed = folderOf({ ...base, '300_c': 'create table c (id bigint)', '500_e': 'create table e (id int)' })
    await expect(applyMigrations(connection, changed)).rejects.toThrow(/^A migration of 1970-01-01 was applied .* with another text/)
    expect(await tablesOf(connection)).toEqual(['a', 'c'])
  })

  test('The work before a migration is done once, for a database that has migrations, and its failure leaves everything as it was', async () => {
    const connection = await emptyDatabase()
    const asked: unknown[] = []
    const before = (state: object): Promise<void> => Promise.resolve(void asked.push(state))
    await applyMigrations(connection, folderOf(base), before)
    await applyMigrations(connection, folderOf(base), before)
    expect(asked).toEqual([])
    const newer = folderOf({ ...base, '400_d': 'create table d (id int)' })
    await expect(applyMigrations(connection, newer, () => Promise.reject(new Error('no room')))).rejects.toThrow('no room')
    expect(await tablesOf(connection)).toEqual(['a', 'c'])
    await applyMigrations(connection, newer, before)
    expect(asked).toEqual([{ known: 3, applied: 2, pending: ['1970-01-01'], unknown: [] }])
    expect(await tablesOf(connection)).toEqual(['a', 'c', 'd'])
  })

  test('A database of another program, or one older than every migration of this build, is refused before anything is made in it', async () => {
    const connection = await emptyDatabase()
    await applyMigrations(connection, folderOf({ '50_other': 'create table other (id int)', '60_more': 'create table more (id int)' }))
    await expect(applyMigrations(connection, folderOf(base))).rejects.toThrow(
      /^The database has 2 migrations, and none of them is of this program: .* from before 1970-01-01, .*Give an empty database; .*paperclip-server import/,
    )
    expect(await tablesOf(connection)).toEqual(['more', 'other'])
  })

  test('Tables without a record of migrations are refused by name, and not with an error of the first migration', async () => {
    const connection = await emptyDatabase()
    await connection.query('create table issues (id int)')
    await expect(applyMigrations(connection)).rejects.toThrow(
      /^The database has a table "issues" and no record of a migration: .*Give an empty database/,
    )
    expect((await connection.query("select 1 from pg_namespace where nspname = 'drizzle'")).rows).toEqual([])
  })

  test('A database that a newer build has migrated is refused before its schema or its grants are touched (K32)', async () => {
    const database = await cloneDatabase()
    onTestFinished(() => database.drop())
    await recordForeign(database.sql, 'f'.repeat(64), Date.parse('2031-05-06T07:08:09Z'))
    await expect(migrate(database.sql)).rejects.toThrow(
      /^The database was migrated by a newer build: it has a migration that this build does not know, the first of 2031-05-06\. Start that build/,
    )
  })
})

test('An older build on a newer schema says so in one line and exits with code 1 (K32)', { timeout: 180_000 }, async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  await recordForeign(database.sql, 'e'.repeat(64), Date.parse('2031-05-06T07:08:09Z'))
  const server = startServerProcess({ home: temporaryHome(), env: databaseEnvOf(database.connection, database.owner) })
  expect(await server.exited).toEqual({ code: 1, signal: null })
  expect(server.lines).toHaveLength(1)
  expect(server.lines[0]).toMatchObject({ level: 60, msg: expect.stringContaining('migrated by a newer build') })
  expect(server.lines[0]).not.toHaveProperty('err')
})
