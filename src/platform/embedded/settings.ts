/** The suffix of the socket's file name; no TCP port is opened. With the usual number `psql -h <folder>` needs no `-p`. */
export const SOCKET_PORT = 5432

/** A fixed name, not that of the operating system's account, so that another account can run the server on the same data. */
export const SUPERUSER = 'postgres'

/** The login of the server at work. It owns nothing; platform/db/grants.ts says what it may do. */
export const APPLICATION = 'paperclip'

/** The setting by which a later start finds the owner of a running postmaster; see staleInstance.ts. */
export const OWNER_SETTING = 'paperclip.owner_pid'

/** The default of Postgres. */
const LEAST_CONNECTIONS = 100

/** The settings of one start. */
export interface PostmasterSettings {
  readonly durable: boolean
  /** The folder into which Postgres archives its log; null for none. */
  readonly walArchive: string | null
  /** Connections that are wanted at once; never fewer than `LEAST_CONNECTIONS` are allowed. */
  readonly maxConnections: number
}

/**
 * The postmaster's arguments. Settings are given on the command line and not in postgresql.conf, because there they take
 * precedence over ALTER SYSTEM, and a newer server applies its own settings to old data.
 * @param ownerPid the process that starts the postmaster
 */
export function postmasterArguments(data: string, socket: string, how: PostmasterSettings, ownerPid: number): string[] {
  const own = { max_connections: String(Math.max(LEAST_CONNECTIONS, how.maxConnections)), [OWNER_SETTING]: String(ownerPid) }
  return ['-D', data, '-k', socket, ...settingArguments({ ...settingsFor(how.durable), ...archiveSettings(how.walArchive), ...own })]
}

/** A minute of writes can be lost with the machine; without this a quiet server would fill a segment in days. */
const ARCHIVE_TIMEOUT = '60s'

const archiveSettings = (folder: string | null): Settings =>
  folder === null
    ? {}
    : {
        archive_mode: 'on',
        archive_library: 'basic_archive',
        'basic_archive.archive_directory': folder,
        archive_timeout: ARCHIVE_TIMEOUT,
        wal_level: 'replica',
      }

/** The arguments of a Postgres that opens no socket, runs the statements of its input, and ends with code 1 at the first error. */
export const singleUserArguments = (data: string, durable: boolean): string[] => [
  '--single',
  '-D',
  data,
  ...settingArguments({ ...settingsFor(durable), exit_on_error: 'on' }),
  'postgres',
]

type Settings = Readonly<Record<string, string>>

const settingArguments = (settings: Settings): string[] => Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])

const settingsFor = (durable: boolean): Settings => ({ ...BASE_SETTINGS, ...(durable ? DURABLE_SETTINGS : TEST_SETTINGS) })

const BASE_SETTINGS = {
  port: String(SOCKET_PORT),
  // No TCP: the folder of the socket, mode 0700, keeps other accounts out, and passwords keep out what shares the account.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // Two for a physical backup, which copies the files and the log of its time at once. No replica connects.
  max_wal_senders: '2',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'off',
  log_destination: 'stderr',
  // The server logs its failed statements itself. A second copy in this log would put their literals into a file.
  log_min_error_statement: 'panic',
}

const DURABLE_SETTINGS = {
  // A copy of the folder with the write-ahead log from its beginning on is a backup.
  wal_level: 'replica',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  autovacuum: 'on',
}

const TEST_SETTINGS = {
  wal_level: 'minimal',
  max_wal_senders: '0',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
}
