import { sql } from 'drizzle-orm'
import { backups } from '../../model/backups.ts'
import { instanceSettings } from '../../model/instance.ts'
import { defaultSettings } from '../../observe/instance/index.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { BackupView } from './views.ts'
import type { DueFacts } from './rules.ts'

/** A server renews its lease several times in this time. */
const LEASE_S = 60
export const RENEW_MS = 15_000

const leaseEnd = sql`clock_timestamp() + make_interval(secs => ${sql.raw(String(LEASE_S))})`

export const backupColumns = columnsOf(backups, ['leasedUntil'])

/** As many as are listed. The retention removes files; rows stay. */
const LISTED = sql.raw('100')

const listRows = statement<object, BackupView>('backup_list').read(
  sql`select ${backupColumns} from ${backups} order by created_at desc nulls first, id limit ${LISTED}`,
)

/** The newest backups that servers made or were asked for, newest first. */
export const listBackups = (db: Pick<ReadDb, 'run'>): Promise<BackupView[]> => db.run(listRows, {})

/** The facts by which a server knows whether it has a backup to make. */
export interface BackupState extends Omit<DueFacts, 'everyHours'> {
  /** Hours between backups, where that was set. */
  readonly everyHours: number | null
  /** The backup that is requested or running; null for none. */
  readonly openId: string | null
  readonly openStatus: 'requested' | 'running' | null
  readonly openReason: BackupView['reason'] | null
  /** The server that made it has gone. */
  readonly isAbandoned: boolean
}

const msOf = (instant: ReturnType<typeof sql>) => sql`(extract(epoch from ${instant}) * 1000)::float8`

const newestMade = sql`(select created_at from ${backups} where status in ('done', 'removed') order by created_at desc nulls first limit 1)`
const firstEvent = sql`(select created_at from ${activityLog} order by seq limit 1)`
const everyHours = sql`(select (settings -> 'backupEveryHours')::int from ${instanceSettings} where name = 'general')`

/**
 * SQL: whether the task may have something to do: a backup that was requested, one whose server has gone, or the end of the interval. The
 * task decides, so a failure that is to wait is not looked at here.
 */
export const backupsDue = sql`(
  exists (select from ${backups} where finished_at is null and (status = 'requested' or leased_until <= clock_timestamp()))
  or not exists (select from ${backups} where finished_at is null)
    and (select e.hours <> 0 and coalesce(${newestMade}, ${firstEvent}) <= clock_timestamp() - make_interval(hours => e.hours)
      from (select coalesce(${everyHours}, ${sql.raw(String(defaultSettings.general.backupEveryHours))}) as hours) e))`

const readState = statement<object, BackupState>('backup_state').read(sql`
  select ${msOf(sql`clock_timestamp()`)} as "nowMs",
    ${everyHours} as "everyHours", ${msOf(newestMade)} as "newestMs",
    (select ${msOf(sql`created_at`)} from ${backups} where status = 'failed' order by created_at desc nulls first limit 1) as "failedMs",
    ${msOf(firstEvent)} as "bornMs",
    open.id as "openId", open.status as "openStatus", open.reason as "openReason", coalesce(open.leased_until <= clock_timestamp() and open.status = 'running', false) as "isAbandoned"
  from (select 1) once left join ${backups} open on open.finished_at is null`)

export const readBackupState = async (db: Pick<ReadDb, 'run'>): Promise<BackupState> => exactlyOne(await db.run(readState, {}))

interface Claim {
  readonly host: string
  readonly file: string
}

/** A backup that this server makes. */
export interface ClaimedBackup {
  readonly id: string
  readonly reason: BackupView['reason']
}

// One row may be open: of servers that claim at once the index lets one in.
export const claimScheduled = statement<Claim, ClaimedBackup>('backup_claim_scheduled').unaudited(sql`
  insert into ${backups} (status, reason, host, file, leased_until)
  values ('running', 'schedule', ${param('host', 'text')}, ${param('file', 'text')}, ${leaseEnd})
  on conflict ((finished_at is null)) where finished_at is null do nothing returning id, reason`)

export const claimRequested = statement<Claim, ClaimedBackup>('backup_claim_requested').unaudited(sql`
  update ${backups} set status = 'running', host = ${param('host', 'text')}, file = ${param('file', 'text')}, leased_until = ${leaseEnd}
  where finished_at is null and status = 'requested' returning id, reason`)

export const renewLease = statement<{ id: string }, { id: string }>('backup_renew').unaudited(sql`
  update ${backups} set leased_until = ${leaseEnd} where id = ${param('id', 'uuid')} and status = 'running' returning id`)

/** The record of a file in a folder. */
export interface FileRow {
  readonly id: string
  readonly file: string
  readonly status: 'done' | 'failed'
  readonly takenAt: string | null
  readonly takenAtMs: number | null
}

// By the names of the files that are there: a container has another host name after each start, and a folder is what the files are in.
const rowsOfFiles = statement<{ files: readonly string[] }, FileRow>('backup_rows_of_files').read(sql`
  select id, file, status, taken_at as "takenAt", ${msOf(sql`taken_at`)} as "takenAtMs" from ${backups}
  where file = any(${param('files', 'text[]')}) and status in ('done', 'failed')`)

/** The records of files, of backups that are complete or failed. */
export const rowsOf = (db: Pick<ReadDb, 'run'>, files: readonly string[]): Promise<FileRow[]> => db.run(rowsOfFiles, { files })
