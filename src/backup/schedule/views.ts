import { z } from 'zod'
import { backupReasons, backupStatuses } from '../../model/backups.ts'

const instant = z.iso.datetime()

export const backupView = z.strictObject({
  id: z.uuid(),
  status: z.enum(backupStatuses),
  reason: z.enum(backupReasons),
  host: z.string().nullable(),
  file: z.string().nullable(),
  bytes: z.int().nullable(),
  rows: z.int().nullable(),
  sha256: z.string().nullable(),
  error: z.string().nullable(),
  takenAt: instant.nullable(),
  finishedAt: instant.nullable(),
  createdAt: instant,
})
export type BackupView = z.output<typeof backupView>
