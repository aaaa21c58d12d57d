import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type pg from 'pg'

// The types of the driver under the names that the rest of the program uses.

export type Drizzle = NodePgDatabase
export type Pool = pg.Pool
export type Connection = pg.PoolClient
/** Where the database is, in the form of the driver. */
export interface ConnectionOptions extends pg.PoolConfig {
  /** How long a connection attempt may take, in milliseconds; four seconds unless given. */
  readonly connectTimeoutMs?: number
}
