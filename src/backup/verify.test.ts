import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { restoreInto, emptyTarget, sealAll, takeBackup, temporaryFolder } from '../dev/testing/backups.ts'
import { databaseUrlOf } from '../dev/testing/serverProcess.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { verifyBackup } from './verify.ts'

const server = useServer()

const rehearsalDatabases = async (): Promise<string[]> =>
  (
    await server().database.sql.query<{ name: string }>(
      "select datname as name from pg_database where datname like 'paperclip\\_rehearsal\\_%'",
    )
  ).rows.map(({ name }) => name)

const rehearsalFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith(`paperclip-rehearsal-${process.pid}-`))

describe('the rehearsal of a restore', () => {
  test('Into a database beside a given one: it counts the rows, checks the chains and leaves nothing, also of a killed one', async () => {
    const w = await world(server())
    await w.issue()
    await sealAll(server())
    const backup = await takeBackup(server())
    await server().database.sql.query('create database paperclip_rehearsal_0123456789ab')
    // No rehearsal makes such a name.
    await server().database.sql.query('create database paperclip_rehearsal_of_another')
    const report = await verifyBackup({ file: backup.file, decryption: null }, databaseUrlOf(server().database.owner))
    expect(report.rows).toBe(backup.contents.tables.reduce((sum, { rows }) => sum + rows, 0))
    expect(report.tables).toContainEqual({ name: 'issues', rows: backup.contents.tables.find(({ name }) => name === 'issues')?.rows })
    expect(report.chains).toEqual({
      chains: backup.contents.heads.length,
      sealedRows: backup.contents.heads.reduce((sum, { position }) => sum + position, 0),
    })
    expect(report.chains.sealedRows).toBeGreaterThan(0)
    expect(await rehearsalDatabases()).toEqual(['paperclip_rehearsal_of_another'])
    await server().database.sql.query('drop database paperclip_rehearsal_of_another')
  })

  test('With a Postgres of its own it needs no server, and leaves no folder, also of a killed one', async () => {
    const backup = await takeBackup(server())
    // No process has this number: it is beyond the largest.
    const left = path.join(tmpdir(), 'paperclip-rehearsal-4194305-abc123')
    mkdirSync(left)
    writeFileSync(path.join(left, 'postgres.log'), '')
    // A link to anywhere else is not followed: another account could have made it.
    const elsewhere = path.join(temporaryFolder(), 'of others')
    mkdirSync(path.join(elsewhere, 'data'), { recursive: true })
    symlinkSync(path.join(elsewhere, 'data'), path.join(left, 'postgres'))
    const report = await verifyBackup({ file: backup.file, decryption: null }, null)
    expect(report.rows).toBeGreaterThan(0)
    expect(rehearsalFolders()).toEqual([])
    expect(readdirSync(tmpdir())).not.toContain(path.basename(left))
    expect(existsSync(path.join(elsewhere, 'data'))).toBe(true)
  }, 60_000)

  test('A backup of a record that was changed by hand is found by its chain, and by the restore, too', async () => {
    const w = await world(server())
    await w.issue()
    await sealAll(server())
    const { sql } = server().database
    await sql.query('alter table activity_log disable trigger activity_log_append_only')
    await sql.query("update activity_log set actor_id = 'forged' where company_id = $1", [w.company.id])
    await sql.query('alter table activity_log enable trigger activity_log_append_only')
    const backup = await takeBackup(server())
    await expect(verifyBackup({ file: backup.file, decryption: null }, databaseUrlOf(server().database.owner))).rejects.toThrow(
      /audit chain .* is broken/,
    )
    expect(await rehearsalDatabases()).toEqual([])
    await expect(restoreInto(await emptyTarget(), backup.file)).rejects.toThrow(/audit chain .* is broken/)
  })

  test('A file that is no backup is refused with a sentence', async () => {
    const file = path.join(temporaryFolder(), 'other')
    for (const content of ['', 'hello', '\u001f\u008b', 'x'.repeat(100_000)]) {
      writeFileSync(file, content, 'latin1')
      await expect(verifyBackup({ file, decryption: null }, null)).rejects.toThrow(/cut or changed, or is none/)
    }
    await expect(verifyBackup({ file: path.join(tmpdir(), 'no such file'), decryption: null }, null)).rejects.toThrow(/cannot be read/)
  })
})
