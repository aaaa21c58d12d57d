import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { captureLog } from '../dev/testing/captureLog.ts'
import { cloneDatabase } from '../dev/testing/database.ts'
import { isStartProblem } from '../platform/kernel/startProblem.ts'
import { backUpBeforeMigration } from './upgradeBackup.ts'

const state = { known: 2, applied: 1, pending: ['2026-11-30'], unknown: [] }

async function place() {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-upgrade-'))
  const database = await cloneDatabase()
  onTestFinished(async () => {
    await database.drop()
    rmSync(home, { recursive: true, force: true })
  })
  const { log, text } = captureLog()
  return {
    home,
    database,
    log,
    text,
    backup: { backups: { folder: path.join(home, 'backups'), recipient: null }, version: '9.9.9', connection: database.owner, log },
  }
}

test('A database that is about to be migrated gets a backup that its owner alone may read', async () => {
  const { home, backup, text } = await place()
  await backUpBeforeMigration(backup)(state)
  const [file = '', ...more] = readdirSync(path.join(home, 'backups'))
  expect(more).toEqual([])
  expect(file).toMatch(/^before-9\.9\.9-\d{8}T\d{6}\.backup$/)
  expect(statSync(path.join(home, 'backups', file)).mode & 0o777).toBe(0o600)
  expect(statSync(path.join(home, 'backups', file)).size).toBeGreaterThan(1000)
  expect(text()).toContain('a backup was made before the migration')
})

test('Without room, or without a folder, the start ends with a sentence that says what to do, and nothing is written', async () => {
  const { home, backup } = await place()
  const refusal = await backUpBeforeMigration({ ...backup, freeBytes: () => 1000 })(state).catch((error: unknown) => error)
  expect(isStartProblem(refusal)).toBe(true)
  expect(String(refusal)).toMatch(
    /the database has \d+ MB, and the disk of .* has 0 MB left: make room, or .*PAPERCLIP_UPGRADE_BACKUP=none/,
  )
  expect(readdirSync(path.join(home, 'backups'))).toEqual([])
  const blocked = path.join(home, 'file')
  writeFileSync(blocked, '')
  await expect(
    backUpBeforeMigration({ ...backup, backups: { folder: path.join(blocked, 'backups'), recipient: null } })(state),
  ).rejects.toThrow(/cannot be made \(ENOTDIR\)/)
})

test('A database of a release that had no backups is migrated without one, and the log says so', async () => {
  const { home, database, backup, text } = await place()
  await database.sql.query('alter function applied_migrations() rename to applied_migrations_before')
  await backUpBeforeMigration(backup)(state)
  expect(readdirSync(home)).toEqual([])
  expect(text()).toContain('no backup was made before the migration')
})
