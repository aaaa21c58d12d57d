// The task that makes backups: of many servers one, by a lease in the database.

import { mkdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { isStartProblem } from '../../platform/kernel/startProblem.ts'
import { truncate } from '../../platform/kernel/text.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { defaultSettings } from '../../observe/instance/index.ts'
import type { Encryption } from '../encryption.ts'
import { removeAbandoned } from '../abandoned.ts'
import { backupToFile } from '../toFile.ts'
import { recordDone, recordFailed } from './finish.ts'
import { applyRetention, fileNameOf } from './retention.ts'
import { claimRequested, claimScheduled, readBackupState, RENEW_MS, renewLease } from './rows.ts'
import type { BackupState, ClaimedBackup } from './rows.ts'
import { isBackupDue } from './rules.ts'

export const BACKUP_INTERVAL_MS = 5000

/** How a server makes backups. */
export interface BackupPlace {
  readonly store: Store
  /** The database, as the server's own login. */
  readonly connection: ConnectionOptions
  /** The folder for the files; made with mode 0700. */
  readonly folder: string
  /** For whom they are encrypted; null for plain files. */
  readonly encryption: Encryption | null
  readonly version: string
  readonly log: Log
}

/** The task of a server. */
export interface BackupTask {
  readonly run: () => Promise<void>
  /** Ends a backup in progress: the server stops. */
  stop(): void
}

const MAX_ERROR_LENGTH = 500

/** The record of a failure: a sentence, and of a bug no more than its name, because its text may repeat a value. */
const sentenceOf = (error: unknown): string => {
  if (isStartProblem(error)) return truncate(error.message, MAX_ERROR_LENGTH)
  const { code, name } = error as { code?: string; name?: string }
  return `The backup was not completed (${code ?? name ?? 'unknown'}); the log of the server has the cause`
}

/** Creates the task that makes backups when they are due or requested, and deletes those that the retention does not keep. */
export function createBackupTask(place: BackupPlace): BackupTask {
  const stopping = new AbortController()
  // Not with the first backup: that is made when one is due.
  const swept = removeAbandoned(place.folder).catch(() => {})
  return {
    async run() {
      await swept
      const state = await readBackupState(place.store.read)
      if (state.isAbandoned && state.openId !== null && state.openReason !== null)
        return await recordFailed(place.store, { id: state.openId, reason: state.openReason }, 'The server that made it has stopped')
      const file = path.join(place.folder, fileNameOf(new Date(state.nowMs), place.encryption !== null))
      const claimed = await claim(place, state, file)
      if (claimed === null) return
      await make(place, claimed, file, stopping.signal)
      await applyRetention(place, state.nowMs)
    },
    stop: () => stopping.abort(),
  }
}

async function claim({ store }: BackupPlace, state: BackupState, file: string): Promise<ClaimedBackup | null> {
  const params = { host: hostname(), file }
  if (state.openStatus === 'requested') return (await writeUnaudited(store, claimRequested, params))[0] ?? null
  if (state.openId !== null) return null
  if (!isBackupDue({ ...state, everyHours: state.everyHours ?? defaultSettings.general.backupEveryHours })) return null
  return (await writeUnaudited(store, claimScheduled, params))[0] ?? null
}

/** Makes one backup while its lease is renewed. A failure is recorded, and tried again when it is due. */
async function make(place: BackupPlace, claimed: ClaimedBackup, file: string, stopped: AbortSignal): Promise<void> {
  const { store, connection, encryption, version, folder, log } = place
  const lost = new AbortController()
  const signal = AbortSignal.any([stopped, lost.signal])
  const renewal = setInterval(() => {
    writeUnaudited(store, renewLease, { id: claimed.id }).then(
      (rows) => void (rows.length === 0 && lost.abort()),
      // The database may be away for a moment. If it is away for longer the backup fails by itself.
      () => {},
    )
  }, RENEW_MS).unref()
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const made = await backupToFile({ connection, encryption, version, signal }, file)
    if (await recordDone(store, claimed, made, file)) log.info({ file, bytes: made.bytes, reason: claimed.reason }, 'backup made')
    else await rm(file, { force: true })
  } catch (error) {
    log.error({ err: error, file }, 'the backup failed')
    await recordFailed(store, claimed, sentenceOf(error))
  } finally {
    clearInterval(renewal)
  }
}
