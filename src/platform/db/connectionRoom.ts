// How many connections the database allows this server, and how its pools fit into them (decision 0028).

import { startProblem } from '../kernel/startProblem.ts'
import { openPool } from './driver/client.ts'
import type { ConnectionOptions } from './driver/client.ts'

/** Connections of a server for transactions and for reads; one Node thread cannot keep more of them busy. */
export const FULL_POOLS = { transactions: 8, autocommit: 6 } as const
/** Beside the pools: a probe of each while the database is slow, and the guard that ends a transaction. */
const SPARE = 3
/** With fewer, a transaction that waits for a lock would hold back everything else. */
const LEAST = { transactions: 3, autocommit: 2 } as const

export interface PoolSizes {
  readonly transactions: number
  readonly autocommit: number
}

/** The limits of connections that Postgres has for a login; null where there is none. */
export interface ConnectionRoom {
  /** `ALTER ROLE … CONNECTION LIMIT` */
  readonly role: number | null
  /** `ALTER DATABASE … CONNECTION LIMIT` */
  readonly database: number | null
  /** `max_connections` without those that are reserved for superusers. */
  readonly server: number
}

/** The pools that fit, and by what they are limited; null when they have their full size. */
export interface FittedPools {
  readonly sizes: PoolSizes
  readonly limitedBy: { readonly limit: number; readonly where: string } | null
}

const sumOf = ({ transactions, autocommit }: PoolSizes): number => transactions + autocommit + SPARE

/**
 * Sizes the pools of a process for the smallest limit, of which each process of this server gets the same part. Other servers and programs share it, which this
 * server cannot know; a pool that fits alone at least opens.
 * @param processes the workers of this server
 * @throws a problem of the start when even the smallest pools do not fit
 */
export function fitPools({ role, database, server }: ConnectionRoom, processes = 1): FittedPools {
  const limits = [
    { limit: role ?? Infinity, where: 'the connection limit of the role in DATABASE_URL (ALTER ROLE … CONNECTION LIMIT)' },
    { limit: database ?? Infinity, where: 'the connection limit of the database (ALTER DATABASE … CONNECTION LIMIT)' },
    { limit: server, where: 'max_connections of Postgres without those reserved for superusers' },
  ]
  const smallest = limits.reduce((least, each) => (each.limit < least.limit ? each : least))
  const { limit, where } = smallest
  const share = Math.floor(limit / processes)
  if (share >= sumOf(FULL_POOLS)) return { sizes: FULL_POOLS, limitedBy: null }
  const needed = sumOf(FULL_POOLS) * processes
  if (share < sumOf(LEAST)) {
    const remedy = `raise it to ${needed} for each server${processes === 1 ? '' : ', or lower PAPERCLIP_WORKERS'}`
    throw startProblem(
      `${where} allows ${limit} connections, and this server needs ${needed}, or ${sumOf(LEAST) * processes} at least: ${remedy}`,
    )
  }
  const left = share - sumOf(LEAST)
  const transactions = LEAST.transactions + Math.ceil(left / 2)
  return { sizes: { transactions, autocommit: share - SPARE - transactions }, limitedBy: smallest }
}

// A superuser is not bound by the limits of role and database.
const selectRoom = `
  select case when not r.rolsuper then nullif(r.rolconnlimit, -1) end as role,
    case when not r.rolsuper then nullif(d.datconnlimit, -1) end as database,
    current_setting('max_connections')::int - case when r.rolsuper then 0 else
      current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0) end as server
  from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()`

/** Asks the database how many connections it allows the login of this server. */
export async function readConnectionRoom(connection: ConnectionOptions): Promise<ConnectionRoom> {
  const pool = openPool({ ...connection, max: 1 })
  try {
    const [room] = (await pool.query<ConnectionRoom>(selectRoom)).rows
    return room ?? { role: null, database: null, server: sumOf(FULL_POOLS) }
  } finally {
    await pool.end()
  }
}
