import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type pg from 'pg'

// The types of the driver under the names that the rest of the program uses.

export type Drizzle = NodePgDatabase
export type Pool = pg.Pool
export type Connection = pg.PoolClient
export type ConnectionOptions = pg.PoolConfig
