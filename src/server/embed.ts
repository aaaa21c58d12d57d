// The server inside a program of yours: `import { startServer } from 'paperclip-server'`.

import { readConfig } from './config.ts'
import type { Config } from './config.ts'

/** The settings of an embedded server. */
export interface EmbedOptions {
  /** The folder with the embedded database, the secrets and the log files of this server. */
  readonly home: string
  /** The port to listen on; a free one unless given. */
  readonly port?: number
  /** The address to listen on; 127.0.0.1 unless given. */
  readonly host?: string
  /** A `postgres://` URL; the embedded Postgres unless given. */
  readonly databaseUrl?: string
  /** Further settings by their names, as in the environment: `{ PAPERCLIP_MAX_RUNS: '4' }`. The environment and `config.json` are not read. */
  readonly settings?: Readonly<Record<string, string>>
  /** Receives each line of the log, as JSON; none is written unless given. */
  readonly onLogLine?: (line: string) => void
}

/** A server that listens. */
export interface EmbeddedServer {
  /** Its address, without a slash at the end. */
  readonly url: string
  /** Finishes the requests in flight, stops the server and its database. May be called more than once. */
  stop(): Promise<void>
}

function configOf({ home, port = 0, host, databaseUrl, settings = {} }: EmbedOptions): Config {
  const result = readConfig({
    ...settings,
    PAPERCLIP_HOME: home,
    PORT: String(port),
    ...(host === undefined ? {} : { HOST: host }),
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  })
  if ('problems' in result) throw new Error(`paperclip-server cannot start: ${result.problems.join('; ')}`)
  if (result.config.workers > 1)
    throw new Error('paperclip-server cannot start: PAPERCLIP_WORKERS needs processes of its own, so the command')
  return result.config
}

/**
 * Starts a server in this process: database, schema, port. One process runs one such server: prices and secrets are those of the process.
 * @throws Error with a sentence for the operator when the settings are wrong, the port is taken or the database cannot be used
 */
export async function startServer(options: EmbedOptions): Promise<EmbeddedServer> {
  const config = configOf(options)
  const [{ openParts }, { createLog }] = await Promise.all([import('./openParts.ts'), import('../platform/kernel/log.ts')])
  const { onLogLine } = options
  const log = createLog(onLogLine === undefined ? 'silent' : config.logLevel, false, { write: (line) => onLogLine?.(line) })
  return await openParts(config, log)
}
