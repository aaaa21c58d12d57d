/** Receives log lines: a message and facts, never secrets. */
export type Log = (message: string, facts: Record<string, unknown>) => void

export interface EmbeddedOptions {
  /** Folder for all files of the embedded Postgres; the data folder is `<home>/postgres`. Created with mode 0700 when absent. */
  readonly home: string
  /** true: the settings of a production database. false, for tests: fsync, synchronous_commit, full_page_writes and autovacuum are off. */
  readonly durable: boolean
  /** A folder that the account of Postgres can write: each segment of the write-ahead log is copied into it, for a restore to a point in time. */
  readonly walArchive?: string | null
  /** Connections that are wanted at once, for a server of many processes; a hundred are allowed without it. */
  readonly maxConnections?: number
  /** Receives restarts, takeovers and waits; never secrets. */
  readonly log?: Log
}

/** Options for pg.Pool and pg.Client, with the folder of the unix socket as host. */
export interface Connection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string
}

export interface EmbeddedPostgres {
  /** The application's login: it owns nothing. A restart of Postgres does not change it. */
  readonly connection: Connection
  /** The owner's login: for migrations, and for nothing else. */
  readonly ownerConnection: Connection
  /**
   * Shuts Postgres down: SIGINT (fast shutdown), then SIGQUIT, then SIGKILL, each after a grace period. Resolves when the
   * postmaster has exited. May be called more than once.
   */
  stop(): Promise<void>
}
