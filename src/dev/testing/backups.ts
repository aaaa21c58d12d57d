// Backups of the database of a test, and servers on what is restored of them.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { restoreBackup } from '../../backup/restore.ts'
import type { RestoreOptions, RestoreReport } from '../../backup/restore.ts'
import { backupToFile } from '../../backup/toFile.ts'
import type { BackupFile } from '../../backup/toFile.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { createSealer } from '../../observe/audit/index.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { emptyDatabase } from './database.ts'
import type { TestDatabase } from './database.ts'
import { startTestServer } from './world.ts'
import type { TestServer } from './world.ts'

export const silentLog = createLog('silent', false)

/** Takes what is to be done at the end: of the test, unless given. */
type Defer = (cleanup: () => void | Promise<void>) => void

/** A folder that is removed with the test. */
export function temporaryFolder(defer: Defer = onTestFinished): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-backup-'))
  defer(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Seals every row that is committed. */
export async function sealAll({ store, heads }: TestServer): Promise<void> {
  const seal = createSealer(store, heads, silentLog)
  while ((await seal()) > 0);
}

/** A backup of a server's database, by the login that the server works with. */
export async function takeBackup({ database }: TestServer, defer?: Defer): Promise<BackupFile> {
  const file = path.join(temporaryFolder(defer), `${randomBytes(4).toString('hex')}.paperclip`)
  return await backupToFile({ connection: database.connection, encryption: null, version: 'test' }, file)
}

/** An empty database that is dropped with the test. */
export async function emptyTarget(defer: Defer = onTestFinished): Promise<TestDatabase> {
  const database = await emptyDatabase()
  defer(() => database.drop())
  return database
}

/** Restores a file into a database, as the owner. */
export const restoreInto = (target: TestDatabase, file: string, options: Partial<RestoreOptions> = {}): Promise<RestoreReport> =>
  restoreBackup(target.owner, { source: { file, decryption: null }, journalHome: null, newKeysFile: null, ...options })

/** Starts a server on a restored database, after its owner has migrated it, as a start does. It is stopped with the test. */
export async function serveRestored(target: TestDatabase, defer: Defer = onTestFinished): Promise<TestServer> {
  const pool = openPool({ ...target.owner, max: 1, query_timeout: 0 })
  await migrate(pool, inject('application').user)
  await pool.end()
  const server = await startTestServer(target)
  defer(() => server.stop())
  return server
}
