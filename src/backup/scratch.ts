// Databases that exist for one rehearsal.

import { randomBytes } from 'node:crypto'
import { lstat, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { startEmbedded, SYSTEM_FOLDER } from '../platform/embedded/index.ts'
import { isProcessAlive } from '../platform/kernel/processAlive.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { quoted } from './format.ts'

/** The folder of a rehearsal names its process, so that a later one knows whether it still runs. */
const FOLDER = /^paperclip-rehearsal-(\d+)-\w+$/
const DATABASE = 'paperclip_rehearsal_'

/**
 * Removes the folder of a rehearsal, and the data that root keeps elsewhere for the account of Postgres. A link of it is followed only to
 * where the embedded Postgres puts data, one level below: any other place is none of ours.
 */
async function removeFolder(folder: string): Promise<void> {
  const elsewhere = await readlink(path.join(folder, 'postgres')).catch(() => null)
  const data = elsewhere === null ? null : path.dirname(elsewhere)
  if (data !== null && path.dirname(data) === path.join(SYSTEM_FOLDER, 'data')) await rm(data, { recursive: true, force: true })
  await rm(folder, { recursive: true, force: true })
}

/**
 * Removes what killed rehearsals of this account left. In a shared folder any account may make such a name, so only a folder that belongs
 * to this account, and that no other can write into, is looked into.
 */
async function removeLeftFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = FOLDER.exec(name)?.[1]
    if (pid === undefined || isProcessAlive(Number(pid))) continue
    const folder = path.join(tmpdir(), name)
    const facts = await lstat(folder).catch(() => null)
    const isOwn = facts?.isDirectory() === true && facts.uid === process.getuid?.() && (facts.mode & 0o022) === 0
    if (isOwn) await removeFolder(folder).catch(() => {})
  }
}

/**
 * Works on a Postgres that exists for this call, in a temporary folder: it needs no server, and disturbs none. It ends with this
 * process however that ends; what a killed process left in its folder is removed by the next call.
 */
export async function onScratchCluster<T>(work: (connection: ConnectionOptions) => Promise<T>): Promise<T> {
  await removeLeftFolders()
  const folder = await mkdtemp(path.join(tmpdir(), `paperclip-rehearsal-${process.pid}-`))
  try {
    // Its content is worth nothing after a crash, so it waits for no disk.
    const started = await startEmbedded({ home: folder, durable: false })
    try {
      return await work(started.ownerConnection)
    } finally {
      await started.stop()
    }
  } finally {
    await removeFolder(folder)
  }
}

const INSUFFICIENT_PRIVILEGE = '42501'

/** A rehearsal has the lock of its database until its session ends, however it ends. */
const lockOf = 'hashtextextended($1, 7203316)'

/** Drops what killed rehearsals left: databases with exactly such a name, in which nothing is at work. */
async function dropLeftDatabases(admin: Maintenance): Promise<void> {
  const left = await admin.query<{ name: string }>(
    `select d.datname::text as name from pg_database d where d.datname ~ $1
       and not exists (select from pg_stat_activity a where a.datid = d.oid)`,
    [`^${DATABASE}[0-9a-f]{12}$`],
  )
  for (const { name } of left) {
    const [lock] = await admin.query<{ free: boolean }>(`select pg_try_advisory_lock(${lockOf}) as free`, [name])
    if (lock?.free !== true) continue
    // Without force: a rehearsal through another database has another lock, and may begin to work in it now.
    await admin.query(`drop database if exists ${quoted(name)}`).catch(() => {})
    await admin.query(`select pg_advisory_unlock(${lockOf})`, [name])
  }
}

/** The same login in another database. */
function inDatabase(connection: ConnectionOptions, database: string): ConnectionOptions {
  if (connection.connectionString === undefined) return { ...connection, database }
  const url = new URL(connection.connectionString)
  url.pathname = `/${database}`
  return { ...connection, connectionString: url.href }
}

/** Works in a new database beside the one of a connection, and drops it; also those that killed rehearsals left. */
export async function inScratchDatabase<T>(connection: ConnectionOptions, work: (scratch: ConnectionOptions) => Promise<T>): Promise<T> {
  const admin = await openMaintenance(connection, 'backup verify')
  const name = `${DATABASE}${randomBytes(6).toString('hex')}`
  try {
    await dropLeftDatabases(admin)
    await admin.query(`select pg_advisory_lock(${lockOf})`, [name])
    await admin.query(`create database ${quoted(name)} template template0 encoding 'UTF8'`).catch((error: unknown) => {
      if ((error as { code?: string }).code !== INSUFFICIENT_PRIVILEGE) throw error
      throw startProblem('The login of this URL may not create databases: give one that may, or leave the URL out', error)
    })
    try {
      return await work(inDatabase(connection, name))
    } finally {
      await admin.query(`drop database if exists ${quoted(name)} with (force)`).catch(() => {})
    }
  } finally {
    await admin.close()
  }
}
