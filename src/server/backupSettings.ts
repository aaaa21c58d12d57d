import path from 'node:path'
import { z } from 'zod'

/** Where this server puts the backups that it makes, and for whom it encrypts them. */
export interface BackupSettings {
  /** A folder; made with mode 0700. */
  readonly folder: string
  /** A public key of age; null for files that are not encrypted. */
  readonly recipient: string | null
  /** The folder for the log of the embedded database; null archives none. */
  readonly walArchive: string | null
}

export const backupVariables = {
  PAPERCLIP_WAL_ARCHIVE_DIR: z.string().min(1).optional(),
  PAPERCLIP_BACKUP_DIR: z.string().min(1).optional(),
  PAPERCLIP_BACKUP_RECIPIENT: z
    .string()
    .regex(/^age1[a-z0-9]{20,4000}$/, 'must be a public key of age (age1…)')
    .optional(),
}

interface Values {
  readonly PAPERCLIP_HOME: string
  readonly PAPERCLIP_BACKUP_DIR?: string | undefined
  readonly PAPERCLIP_BACKUP_RECIPIENT?: string | undefined
  readonly PAPERCLIP_WAL_ARCHIVE_DIR?: string | undefined
}

export const backupSettingsOf = (values: Values): BackupSettings => ({
  folder: path.resolve(values.PAPERCLIP_BACKUP_DIR ?? path.join(values.PAPERCLIP_HOME, 'backups')),
  recipient: values.PAPERCLIP_BACKUP_RECIPIENT ?? null,
  walArchive: values.PAPERCLIP_WAL_ARCHIVE_DIR === undefined ? null : path.resolve(values.PAPERCLIP_WAL_ARCHIVE_DIR),
})
