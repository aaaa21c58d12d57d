import { z } from 'zod'
import type { Encryption } from '../../backup/index.ts'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { usageProblem } from '../problem.ts'
import { fields, table } from '../table.ts'
import { databaseUrl, decryptionOf, explained, identityFile, passphraseFile, placeOf } from './backupPlace.ts'

function encryptionOf(passphrase: string | undefined, recipient: string | undefined): Encryption | null {
  if (passphrase !== undefined && recipient !== undefined)
    throw usageProblem('A backup is encrypted with a passphrase or for a recipient, not with both')
  if (passphrase !== undefined) return { passphraseFile: passphrase }
  return recipient === undefined ? null : { recipient }
}

const NO_KEYS =
  'The backup has no keys of the home. Without secrets-master-key no secret opens: keep it elsewhere (--with-keys writes such a file)'

/** Packs keys before the work, because a name that is taken is found then. A work that fails leaves no file of keys. */
async function withKeysOf<T>(
  io: Io,
  file: string | undefined,
  work: () => Promise<T>,
): Promise<T & { readonly keys: readonly string[] | null }> {
  if (file === undefined) return { ...(await work()), keys: null }
  const { exportKeys } = await import('../../backup/index.ts')
  const keys = await exportKeys(io.home, file)
  try {
    return { ...(await work()), keys }
  } catch (error) {
    const { rm } = await import('node:fs/promises')
    await rm(file, { force: true })
    throw error
  }
}

const backupCommand = command({
  name: 'backup',
  summary: 'Write a backup of the whole instance while it serves',
  details: `FILE is new; - is the standard output. ${NO_KEYS}.`,
  example: [
    'paperclip-server backup /backups/monday.paperclip',
    'paperclip-server backup - --recipient age1… | ssh vault "cat > monday.paperclip"',
  ],
  database: true,
  positionals: ['file'],
  options: z.object({
    file: z.string().describe('the new file, or - for the standard output'),
    databaseUrl,
    passphraseFile: z.string().optional().describe('file with a passphrase with which the backup is encrypted'),
    recipient: z.string().optional().describe('public key of age (age1…) for which the backup is encrypted'),
    withKeys: z
      .string()
      .optional()
      .describe('new file for the keys of the home: it opens every secret, and belongs to another place than the backup'),
  }),
  run: (io, { file, databaseUrl: given, passphraseFile: passphrase, recipient, withKeys }) =>
    explained(io, 'no backup was made', async () => {
      const { backupToFile, backupToStream, onDatabase } = await import('../../backup/index.ts')
      const { version } = await import('../../server/config.ts')
      if (file === '-' && io.json) throw usageProblem('The standard output cannot be the backup and JSON')
      const encryption = encryptionOf(passphrase, recipient)
      const place = await placeOf(io, given)
      const { keys, ...facts } = await withKeysOf(io, withKeys, () =>
        onDatabase(place, async (connection) => {
          const source = { connection, encryption, version, signal: io.signal }
          if (file !== '-') return await backupToFile(source, file)
          return { ...(await backupToStream(source, process.stdout)), file: null, bytes: null, sha256: null }
        }),
      )
      const { description, contents, file: written, bytes, sha256 } = facts
      const rows = contents.tables.reduce((sum, { rows: count }) => sum + count, 0)
      io.note(keys === null ? NO_KEYS : `${withKeys} has ${keys.join(', ')} of ${io.home}: keep it in another place than the backup`)
      if (written === null) return {}
      const { takenAt } = description
      const data = {
        file: written,
        bytes,
        sha256,
        takenAt,
        rows,
        tables: contents.tables.length,
        chains: contents.heads.length,
        isEncrypted: encryption !== null,
        keys,
      }
      return {
        data,
        text: fields(io.screen, [
          ['file', written],
          ['bytes', bytes],
          ['sha256', sha256],
          ['taken at', takenAt],
          ['rows', rows],
          ['audit chains', contents.heads.length],
        ]),
      }
    }),
})

const verifyCommand = command({
  name: 'backup verify',
  summary: 'Rehearse the restore of a backup, into a scratch database that is removed again',
  details:
    'Without --database-url it uses a Postgres of its own in a temporary folder, so it needs no server and disturbs none. The exit code is 1 when the backup cannot be restored.',
  example: 'paperclip-server backup verify /backups/monday.paperclip',
  database: true,
  positionals: ['file'],
  options: z.object({
    file: z.string().describe('the backup'),
    databaseUrl: z.string().optional().describe('URL of a login that may create a scratch database; else a Postgres of its own'),
    passphraseFile,
    identityFile,
  }),
  run: (io, { file, databaseUrl: given, ...opening }) =>
    explained(io, 'nothing of the rehearsal is left', async () => {
      const { verifyBackup } = await import('../../backup/index.ts')
      const report = await verifyBackup({ file, decryption: decryptionOf(opening), signal: io.signal }, given ?? null)
      const counts = table(
        io.screen,
        report.tables,
        [
          { title: 'table', value: ({ name }) => name },
          { title: 'rows', value: ({ rows }) => rows },
        ],
        'The backup has no table.',
      )
      const chains = `${report.chains.chains} audit chains with ${report.chains.sealedRows} sealed rows are whole`
      return { data: report, text: `${counts}\n\nThe backup of ${report.takenAt} can be restored: ${report.rows} rows, ${chains}.` }
    }),
})

const physicalCommand = command({
  name: 'backup physical',
  summary: 'Copy the files of the embedded database into a new folder, as the base of a restore to a point in time',
  details: 'The server goes on. With PAPERCLIP_WAL_ARCHIVE_DIR the server archives what is written after it.',
  example: 'paperclip-server backup physical /backups/base-monday',
  database: true,
  positionals: ['folder'],
  options: z.object({ folder: z.string().describe('the new folder'), databaseUrl }),
  run: (io, { folder, databaseUrl: given }) =>
    explained(io, 'no backup was made', async () => {
      const { onDatabase, writePhysicalBackup } = await import('../../backup/index.ts')
      const written = await onDatabase(await placeOf(io, given), (connection) => writePhysicalBackup(connection, folder, io.signal))
      io.note(NO_KEYS)
      return {
        data: written,
        text: fields(io.screen, [
          ['folder', written.folder],
          ['bytes', written.bytes],
        ]),
      }
    }),
})

export const backupCommands = [backupCommand, verifyCommand, physicalCommand]
