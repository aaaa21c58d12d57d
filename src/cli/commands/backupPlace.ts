// The parts that the commands of backups and restores share: where the database is, how a file is opened, and how a failure is explained.

import { z } from 'zod'
import type { Decryption, Place } from '../../backup/index.ts'
import { isStartProblem } from '../../platform/kernel/startProblem.ts'
import type { Outcome } from '../command.ts'
import { databaseUrlOf } from '../database.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT, interruptedWith, usageProblem } from '../problem.ts'

export const databaseUrl = z
  .string()
  .optional()
  .describe(
    'URL of the database, as the login that owns the tables; else DATABASE_OWNER_URL or DATABASE_URL, else the embedded one of the home',
  )
export const passphraseFile = z.string().optional().describe('file with the passphrase of the backup')
export const identityFile = z.string().optional().describe('file with the private key of age that opens the backup')

/** The database of a command line. */
export async function placeOf(io: Io, given: string | undefined): Promise<Place> {
  const url = await databaseUrlOf(io, given, ['DATABASE_OWNER_URL', 'DATABASE_URL'])
  return url === null ? { home: io.home } : { databaseUrl: url }
}

interface OpeningOptions {
  readonly passphraseFile?: string | undefined
  readonly identityFile?: string | undefined
}

export function decryptionOf({ passphraseFile: passphrase, identityFile: identity }: OpeningOptions): Decryption | null {
  if (passphrase !== undefined && identity !== undefined)
    throw usageProblem('A backup is opened by a passphrase or a private key, not by both')
  if (passphrase !== undefined) return { passphraseFile: passphrase }
  return identity === undefined ? null : { identityFile: identity }
}

/**
 * Runs the work of a command, and turns what the operator can mend into a problem of the command.
 * @param left what an interrupt leaves behind, where the work does not say it itself
 */
export async function explained(io: Io, left: string, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (io.signal.aborted) throw interruptedWith(isStartProblem(error) ? error.message : left)
    if (!isStartProblem(error)) throw error
    const { isUnreachable } = await import('../../backup/index.ts')
    throw commandProblem(isUnreachable(error) ? EXIT.unreachable : EXIT.bad, { message: error.message })
  }
}
