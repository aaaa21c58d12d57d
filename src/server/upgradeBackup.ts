// The backup of a database that is about to be migrated. A migration is not reversed, so the way back is a backup of before.

import { mkdirSync, statfsSync } from 'node:fs'
import path from 'node:path'
import type { BackupSettings } from './backupSettings.ts'
import { openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import type { BeforeMigration } from '../platform/db/migrations.ts'
import type { Log } from '../platform/kernel/log.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

/** Left on the disk behind the backup, for the server itself. */
const SPARE_BYTES = 512 * 1024 * 1024

const OTHERWISE = 'make room, or make a backup of your own and set PAPERCLIP_UPGRADE_BACKUP=none for this start'

interface Room {
  readonly bytes: number
  /** Whether the schema has what a backup asks it for: releases before the first with backups do not. */
  readonly canBackUp: boolean
}

async function roomOf(connection: ConnectionOptions): Promise<Room> {
  const pool = openPool({ ...connection, max: 1 })
  try {
    const { rows } = await pool.query<Room>(
      `select pg_database_size(current_database())::float8 as bytes, to_regproc('applied_migrations') is not null as "canBackUp"`,
    )
    return rows[0] ?? { bytes: 0, canBackUp: false }
  } finally {
    await pool.end()
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw startProblem(`No backup can be made before the migration, because ${folder} cannot be made (${code}): ${OTHERWISE}`, error)
  }
}

const freeBytesOf = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** The place and the source of a backup before a migration. */
export interface UpgradeBackup {
  /** Where it is put, and for whom it is encrypted: as every backup that this server makes. */
  readonly backups: Pick<BackupSettings, 'folder' | 'recipient'>
  readonly version: string
  /** A login that may read all tables. */
  readonly connection: ConnectionOptions
  readonly log: Log
  /** The free bytes of a folder; those of its disk unless given, for tests. */
  readonly freeBytes?: (folder: string) => number
}

/**
 * Makes a backup in the folder of backups before a database is migrated. It stays there until an operator removes it.
 * @throws an error with a sentence for the operator when there is no room for it, or it cannot be written; then nothing is migrated
 */
export const backUpBeforeMigration =
  ({ backups: { folder, recipient }, version, connection, log, freeBytes = freeBytesOf }: UpgradeBackup): BeforeMigration =>
  async ({ pending }) => {
    const { bytes: size, canBackUp } = await roomOf(connection)
    if (!canBackUp) {
      log.warn('no backup was made before the migration: the database is of a release that had none')
      return
    }
    makeFolder(folder)
    const free = freeBytes(folder)
    if (free < size + SPARE_BYTES)
      throw startProblem(
        `No backup can be made before the migration: the database has ${Math.ceil(size / 1e6)} MB, and the disk of ${folder} has ${Math.floor(free / 1e6)} MB left: ${OTHERWISE}`,
      )
    const at = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
    const { backupToFile } = await import('../backup/index.ts')
    const encryption = recipient === null ? null : { recipient }
    const name = `before-${version}-${at}.backup${encryption === null ? '' : '.age'}`
    const { file, bytes } = await backupToFile({ connection, encryption, version }, path.join(folder, name))
    log.info({ file, bytes, pending: pending.length }, 'a backup was made before the migration')
  }
