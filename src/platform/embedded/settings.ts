/** The suffix of the socket's file name; no TCP port is opened. With the usual number `psql -h <folder>` needs no `-p`. */
export const SOCKET_PORT = 5432

/** A fixed name, not that of the operating system's account, so that another account can run the server on the same data. */
export const SUPERUSER = 'postgres'

/** The setting by which a later start finds the owner of a running postmaster; see staleInstance.ts. */
export const OWNER_SETTING = 'paperclip.owner_pid'

/**
 * The postmaster's arguments. Settings are given on the command line and not in postgresql.conf, because there they take
 * precedence over ALTER SYSTEM, and a newer server applies its own settings to old data.
 * @param ownerPid the process that starts the postmaster
 */
export function postmasterArguments(data: string, socket: string, durable: boolean, ownerPid: number): string[] {
  const settings = { ...BASE_SETTINGS, ...(durable ? DURABLE_SETTINGS : TEST_SETTINGS), [OWNER_SETTING]: String(ownerPid) }
  return ['-D', data, '-k', socket, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

const BASE_SETTINGS = {
  port: String(SOCKET_PORT),
  // No TCP: the authentication is "trust", and only the 0700 folder of the socket keeps other users out.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  // There are no replicas and no base backups, so nothing needs more than the minimal write-ahead log.
  wal_level: 'minimal',
  max_wal_senders: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'off',
  log_destination: 'stderr',
  // The server logs its failed statements itself. A second copy in this log would put their literals into a file.
  log_min_error_statement: 'panic',
}

const DURABLE_SETTINGS = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', autovacuum: 'on' }

const TEST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }
