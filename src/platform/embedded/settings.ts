/** Nothing listens on this port: it only ends the socket's file name. The usual number keeps `psql -h <folder>` short. */
export const SOCKET_PORT = 5432

/** Named, not taken from the operating system, so that the same data opens for whoever runs the server. */
export const SUPERUSER = 'postgres'

/** The setting by which a later start recognises whose postmaster it found; see predecessor.ts. */
export const OWNER_SETTING = 'paperclip.owner_pid'

/**
 * The postmaster's arguments. They are given on the command line rather than in postgresql.conf, because there they
 * win over ALTER SYSTEM and a newer server applies its own to old data. `ownerPid` is the process that starts it.
 */
export function postmasterArguments(data: string, socket: string, durable: boolean, ownerPid: number): string[] {
  const settings = { ...BASE_SETTINGS, ...(durable ? DURABLE_SETTINGS : TEST_SETTINGS), [OWNER_SETTING]: String(ownerPid) }
  return ['-D', data, '-k', socket, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

const BASE_SETTINGS = {
  port: String(SOCKET_PORT),
  // No TCP: the authentication is "trust", and the 0700 folder around the socket is what keeps other users out.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  // There are no replicas and no base backups, so nothing reads the longer log.
  wal_level: 'minimal',
  max_wal_senders: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'off',
  log_destination: 'stderr',
  // The server reports its own failed statements; a second copy here would keep their literals in a file.
  log_min_error_statement: 'panic',
}

const DURABLE_SETTINGS = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', autovacuum: 'on' }

const TEST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }
