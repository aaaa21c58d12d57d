/** Receives what happened and the facts around it; never secrets. */
export type Log = (message: string, facts: Record<string, unknown>) => void

export interface EmbeddedOptions {
  /** Folder for everything of ours (data folder is `<home>/postgres`); created 0700 when absent. */
  readonly home: string
  /** true: fsync etc. as a real database needs. false: test settings (fsync, synchronous_commit, full_page_writes, autovacuum off). */
  readonly durable: boolean
  /** Told about restarts, takeovers, waits; never secrets. */
  readonly log?: Log
}

export interface EmbeddedPostgres {
  /** Options for pg.Pool / pg.Client: the unix socket folder as host. They stay the same when Postgres is started again. */
  readonly connection: {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly database: string
    readonly password?: string
  }
  /** Fast shutdown (SIGINT), waits until the postmaster is gone; SIGQUIT, then SIGKILL after a bounded grace. Idempotent. */
  stop(): Promise<void>
}
