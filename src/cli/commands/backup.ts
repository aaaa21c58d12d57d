import { z } from 'zod'
import type { Decryption, Encryption, Place, RestoreReport } from '../../backup/index.ts'
import { isStartProblem } from '../../platform/kernel/startProblem.ts'
import { command } from '../command.ts'
import type { Outcome } from '../command.ts'
import { databaseUrlOf } from '../database.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT, usageProblem } from '../problem.ts'
import { fields, table } from '../table.ts'

const databaseUrl = z
  .string()
  .optional()
  .describe(
    'URL of the database, as the login that owns the tables; else DATABASE_OWNER_URL or DATABASE_URL, else the embedded one of the home',
  )
const passphraseFile = z.string().optional().describe('file with the passphrase of the backup')
const identityFile = z.string().optional().describe('file with the private key of age that opens the backup')

/** The database of a command line. */
async function placeOf(io: Io, given: string | undefined): Promise<Place> {
  const url = await databaseUrlOf(io, given, ['DATABASE_OWNER_URL', 'DATABASE_URL'])
  return url === null ? { home: io.home } : { databaseUrl: url }
}

interface OpeningOptions {
  readonly passphraseFile?: string | undefined
  readonly identityFile?: string | undefined
}

function decryptionOf({ passphraseFile: passphrase, identityFile: identity }: OpeningOptions): Decryption | null {
  if (passphrase !== undefined && identity !== undefined)
    throw usageProblem('A backup is opened by a passphrase or a private key, not by both')
  if (passphrase !== undefined) return { passphraseFile: passphrase }
  return identity === undefined ? null : { identityFile: identity }
}

function encryptionOf(passphrase: string | undefined, recipient: string | undefined): Encryption | null {
  if (passphrase !== undefined && recipient !== undefined)
    throw usageProblem('A backup is encrypted with a passphrase or for a recipient, not with both')
  if (passphrase !== undefined) return { passphraseFile: passphrase }
  return recipient === undefined ? null : { recipient }
}

/** Runs the work of a command, and turns what the operator can mend into a problem of the command. */
async function explained(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (!isStartProblem(error)) throw error
    const { isUnreachable } = await import('../../backup/index.ts')
    throw commandProblem(isUnreachable(error) ? EXIT.unreachable : EXIT.bad, { message: error.message })
  }
}

const NO_KEYS =
  'The backup has no keys of the home. Without secrets-master-key no secret opens: keep it elsewhere (--with-keys writes such a file)'

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
    explained(async () => {
      const { backupToFile, backupToStream, exportKeys, onDatabase } = await import('../../backup/index.ts')
      const { version } = await import('../../server/config.ts')
      if (file === '-' && io.json) throw usageProblem('The standard output cannot be the backup and JSON')
      const encryption = encryptionOf(passphrase, recipient)
      const keys = withKeys === undefined ? null : await exportKeys(io.home, withKeys)
      const facts = await onDatabase(await placeOf(io, given), async (connection) => {
        const source = { connection, encryption, version }
        if (file !== '-') return await backupToFile(source, file)
        return { ...(await backupToStream(source, process.stdout)), file: null, bytes: null, sha256: null }
      })
      const { description, contents, file: written, bytes, sha256 } = facts
      const rows = contents.tables.reduce((sum, { rows: count }) => sum + count, 0)
      io.note(keys === null ? NO_KEYS : `The keys of the home are in ${withKeys}: keep it in another place than the backup`)
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
    explained(async () => {
      const { verifyBackup } = await import('../../backup/index.ts')
      const report = await verifyBackup({ file, decryption: decryptionOf(opening) }, given ?? null)
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

const JOURNAL_PROBLEMS = {
  missing: 'there is no journal of revocations in the home',
  other_instance: 'the journal of revocations in the home is of another instance',
  damaged: 'the journal of revocations in the home was changed or cut',
  older: 'the journal of revocations in the home ends before the backup was taken',
} as const

/** The result of a restore, for people. */
const restoredFields = (report: Omit<RestoreReport, 'leftOut'>): (readonly [string, string | number])[] => [
  ['taken at', report.takenAt],
  ['audit chains', report.chains.chains],
  ['ended runs', report.endedRuns],
  ['ended sessions', report.ended.sessions],
  ['revoked keys', report.revokedKeys + report.ended.boardKeys],
  ['keys of agents issued anew', report.issuedKeys],
  ['ended agents', report.endedAgents.map(({ name, end }) => `${name} (${end})`).join(', ')],
]

const restoreCommand = command({
  name: 'restore',
  summary: 'Restore a backup into an empty database, and end what was alive in it',
  details:
    'The database is the embedded one of --home, which must have none yet, or the one of the URL, which must be empty. Runs, run tokens, sessions, board keys, invitations and challenges of the backup end. ' +
    'Keys of agents live on only where the journal of revocations in the home vouches for them; else they are issued anew into --agent-keys. A restore that was interrupted goes on when it is asked for again.',
  example: 'paperclip-server restore /backups/monday.paperclip --home /srv/paperclip --keys /vault/paperclip.keys',
  database: true,
  positionals: ['file'],
  options: z.object({
    file: z.string().describe('the backup'),
    databaseUrl,
    passphraseFile,
    identityFile,
    keys: z.string().optional().describe('file of keys that backup --with-keys wrote: they are put into the home first'),
    journal: z.string().optional().describe('folder with the journal of revocations, where it is not the home'),
    agentKeys: z
      .string()
      .optional()
      .describe('new file for keys of agents that are issued anew; else restored-agent-keys.ndjson in the home'),
  }),
  run: (io, { file, databaseUrl: given, keys, journal, agentKeys, ...opening }) =>
    explained(async () => {
      const { importKeys, onNewDatabase, restoreBackup } = await import('../../backup/index.ts')
      const path = await import('node:path')
      const put = keys === undefined ? [] : await importKeys(keys, io.home)
      const newKeysFile = agentKeys ?? path.join(io.home, 'restored-agent-keys.ndjson')
      const source = { file, decryption: decryptionOf(opening) }
      const report = await onNewDatabase(await placeOf(io, given), (connection) =>
        restoreBackup(connection, { source, journalHome: journal ?? io.home, newKeysFile }),
      )
      const { journalProblem, issuedKeys } = report
      const aboutKeys =
        journalProblem === null
          ? `${report.keptKeys} keys of agents live on, which the journal of revocations vouches for`
          : `${issuedKeys} keys of agents were issued anew into ${newKeysFile}, because ${JOURNAL_PROBLEMS[journalProblem]}`
      for (const name of report.leftOut) io.note(`The table ${name} is none of this program and was not restored`)
      const text = fields(io.screen, [['rows', report.rows], ...restoredFields(report)])
      return { data: { ...report, putKeys: put, newKeysFile: issuedKeys > 0 ? newKeysFile : null }, text: `${text}\n\n${aboutKeys}.` }
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
    explained(async () => {
      const { onDatabase, writePhysicalBackup } = await import('../../backup/index.ts')
      const written = await onDatabase(await placeOf(io, given), (connection) => writePhysicalBackup(connection, folder))
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

const restorePhysicalCommand = command({
  name: 'restore physical',
  summary: 'Restore a physical backup into a home, up to a point in time, and end what was alive then',
  details: 'The home must have no database yet. Everything that restore ends is ended here, too.',
  example:
    'paperclip-server restore physical /backups/base-monday --archive /backups/wal --until 2026-11-28T17:53:36.604473Z --home /srv/paperclip',
  database: true,
  positionals: ['folder'],
  options: z.object({
    folder: z.string().describe('the folder of the backup'),
    archive: z.string().optional().describe('folder with the archived log (PAPERCLIP_WAL_ARCHIVE_DIR)'),
    until: z.string().optional().describe('last moment that is restored, with its zone; else all that the archive has'),
    keys: z.string().optional().describe('file of keys that backup --with-keys wrote: they are put into the home first'),
    journal: z.string().optional().describe('folder with the journal of revocations, where it is not the home'),
    agentKeys: z
      .string()
      .optional()
      .describe('new file for keys of agents that are issued anew; else restored-agent-keys.ndjson in the home'),
  }),
  run: (io, { folder, archive, until, keys, journal, agentKeys }) =>
    explained(async () => {
      const { importKeys, restorePhysical } = await import('../../backup/index.ts')
      const { version } = await import('../../server/config.ts')
      const path = await import('node:path')
      if (keys !== undefined) await importKeys(keys, io.home)
      const newKeysFile = agentKeys ?? path.join(io.home, 'restored-agent-keys.ndjson')
      const where = { folder, home: io.home, archive: archive ?? null, until: until ?? null }
      const report = await restorePhysical({ ...where, journalHome: journal ?? io.home, newKeysFile, version })
      return { data: report, text: fields(io.screen, restoredFields(report)) }
    }),
})

export const backupCommands = [backupCommand, verifyCommand, physicalCommand, restoreCommand, restorePhysicalCommand]
