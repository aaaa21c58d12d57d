import { z } from 'zod'
import type { Completion, JournalProblem } from '../../backup/index.ts'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { usageProblem } from '../problem.ts'
import { fields } from '../table.ts'
import { databaseUrl, decryptionOf, explained, identityFile, passphraseFile, placeOf } from './backupPlace.ts'

const JOURNAL_PROBLEMS: Readonly<Record<JournalProblem, string>> = {
  missing: 'there is no journal of revocations in the home',
  other_instance: 'the journal of revocations in the home is of another instance',
  damaged: 'the journal of revocations in the home was changed or cut',
  other_timeline: 'the journal of revocations in the home did not follow the database of which this backup is, or not without a gap',
  older: 'the journal of revocations in the home ends before the backup was taken',
  stale:
    'the journal of revocations in the home was last written long before now, and it is not known what was revoked since (give --lost-at where the last server ended soon after that)',
}

const keys = z
  .string()
  .optional()
  .describe('file of keys that backup --with-keys wrote: those that the backup knows are put into the home at the end')
const journal = z.string().optional().describe('folder with the journal of revocations, where it is not the home')
const lostAt = z
  .string()
  .optional()
  .describe(
    'time at which the last server on the lost database ended, with its zone: the journal of revocations vouches up to it; else now',
  )
const agentKeys = z
  .string()
  .optional()
  .describe('new file for keys of agents that are issued anew; else restored-agent-keys.ndjson in the home')

interface Given {
  readonly keys?: string | undefined
  readonly journal?: string | undefined
  readonly lostAt?: string | undefined
  readonly agentKeys?: string | undefined
}

const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/

function timeOf(text: string | undefined, now: number): number {
  if (text === undefined) return now
  const ms = TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(ms)) throw usageProblem(`${text} is no time with a zone: write it as 2026-11-28T17:53:36Z`)
  if (ms > now) throw usageProblem(`--lost-at ${text} lies in the future`)
  return ms
}

/** The help that the end of a restore has: journal, keys, signal. Everything that is refused here is refused before anything is done. */
async function completionOf(io: Io, given: Given) {
  const { readKeys, staleSince } = await import('../../backup/index.ts')
  const path = await import('node:path')
  const journalHome = given.journal ?? io.home
  const lostAtMs = timeOf(given.lostAt, io.now())
  const stale = await staleSince(journalHome, lostAtMs)
  if (stale !== null && given.lostAt === undefined)
    io.note(
      `The journal of revocations was last written at ${stale}, so all keys of agents will be issued anew. Where the last server on the lost database ended soon after that, interrupt this command and give that time with --lost-at`,
    )
  return {
    journalHome,
    newKeysFile: path.resolve(given.agentKeys ?? path.join(io.home, 'restored-agent-keys.ndjson')),
    lostAtMs,
    signal: io.signal,
    ...(given.keys === undefined ? {} : { keys: { keys: await readKeys(given.keys, io.home), home: io.home } }),
  }
}

/** The keys of agents after a restore, as sentences. */
function aboutKeys({ journalProblem, keptKeys, issuedKeys, revokedKeys, newKeysFile }: Completion): string {
  if (journalProblem === null) return `${keptKeys} keys of agents live on, which the journal of revocations vouches for.`
  const because = `because ${JOURNAL_PROBLEMS[journalProblem]}`
  if (newKeysFile === null) return `${revokedKeys} keys of agents were revoked and none had to be issued anew, ${because}.`
  return `${issuedKeys} keys of agents were issued anew into ${newKeysFile}, ${because}: give them to the agents and delete the file.`
}

function aboutHome({ putKeys, leftOutKeys }: Completion): string {
  const put = putKeys.length === 0 ? '' : `The home got ${putKeys.join(', ')}.`
  const left =
    leftOutKeys.length === 0
      ? ''
      : `Not put into the home, because the backup does not know them or they are made anew: ${leftOutKeys.join(', ')}.`
  return [put, left].filter((text) => text !== '').join(' ')
}

/** The result of a restore, for people. */
function restoredText(io: Io, report: Completion, first: readonly (readonly [string, string | number])[]): string {
  const shown = fields(io.screen, [
    ...first,
    ['audit chains', report.chains.chains],
    ['ended runs', report.endedRuns],
    ['ended sessions', report.ended['sessions'] ?? 0],
    ['revoked keys', report.revokedKeys + (report.ended['boardKeys'] ?? 0)],
    ['keys of agents issued anew', report.issuedKeys],
    ['file of those keys', report.newKeysFile ?? '-'],
    ['journal of revocations', report.journalSeenUntil ?? '-'],
    ['ended agents', report.endedAgents.map(({ name, end }) => `${name} (${end})`).join(', ')],
  ])
  return [shown, aboutKeys(report), aboutHome(report)].filter((text) => text !== '').join('\n\n')
}

const ENDED = 'The restore was ended: run the same command again, which goes on where it was'

const restoreCommand = command({
  name: 'restore',
  summary: 'Restore a backup into an empty database, and end what was alive in it',
  details:
    'The database is the embedded one of --home, which must have none yet, or the one of the URL, which must be empty. Runs, run tokens, sessions, board keys, invitations and challenges of the backup end. ' +
    'Keys of agents live on only where the journal of revocations in the home vouches for them up to the loss; else they are issued anew into --agent-keys. A restore that was interrupted goes on when it is asked for again.',
  example: 'paperclip-server restore /backups/monday.paperclip --home /srv/paperclip --keys /vault/paperclip.keys',
  database: true,
  positionals: ['file'],
  options: z.object({
    file: z.string().describe('the backup'),
    databaseUrl,
    passphraseFile,
    identityFile,
    keys,
    journal,
    lostAt,
    agentKeys,
  }),
  run: (io, { file, databaseUrl: url, ...given }) =>
    explained(io, ENDED, async () => {
      const { onNewDatabase, restoreBackup } = await import('../../backup/index.ts')
      const source = { file, decryption: decryptionOf(given) }
      const completion = await completionOf(io, given)
      const report = await onNewDatabase(await placeOf(io, url), (connection) => restoreBackup(connection, { ...completion, source }))
      for (const name of report.leftOut) io.note(`The table ${name} is none of this program and was not restored`)
      const text = restoredText(io, report, [
        ['taken at', report.takenAt],
        ['rows', report.rows],
      ])
      return { data: report, text }
    }),
})

const restorePhysicalCommand = command({
  name: 'restore physical',
  summary: 'Restore a physical backup into a home, up to a point in time, and end what was alive then',
  details:
    'The home must have no database yet. Everything that restore ends is ended here, too. A restore that was interrupted goes on when it is asked for again.',
  example:
    'paperclip-server restore physical /backups/base-monday --archive /backups/wal --until 2026-11-28T17:53:36.604473Z --home /srv/paperclip',
  database: true,
  positionals: ['folder'],
  options: z.object({
    folder: z.string().describe('the folder of the backup'),
    archive: z.string().optional().describe('folder with the archived log (PAPERCLIP_WAL_ARCHIVE_DIR)'),
    until: z.string().optional().describe('last moment that is restored, with its zone; else all that the archive has'),
    keys,
    journal,
    lostAt,
    agentKeys,
  }),
  run: (io, { folder, archive, until, ...given }) =>
    explained(io, ENDED, async () => {
      const { restorePhysical } = await import('../../backup/index.ts')
      const { version } = await import('../../server/config.ts')
      const where = { folder, home: io.home, archive: archive ?? null, until: until ?? null, version }
      const report = await restorePhysical({ ...where, ...(await completionOf(io, given)) })
      const { timeline, lsn, reason } = report.rewoundTo ?? { timeline: 0, lsn: '', reason: '' }
      const text = restoredText(io, report, [
        ['base taken at', report.takenAt],
        ['rewound to', `${reason} (${lsn}, timeline ${timeline})`],
      ])
      return { data: report, text }
    }),
})

export const restoreCommands = [restoreCommand, restorePhysicalCommand]
