// Where a command finds its database: a URL, or the embedded Postgres of a home, which may run or not.

import { stat } from 'node:fs/promises'
import path from 'node:path'
import { connectProblem } from '../platform/db/connectProblem.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { findRunning, startEmbedded } from '../platform/embedded/index.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

/** A database by its URL, or the embedded one of a home. */
export type Place = { readonly databaseUrl: string } | { readonly home: string }

const silent = (): void => {}

/**
 * Works on a database as the login that owns the tables. The embedded Postgres of a server that runs is used beside it; one that does
 * not run is started and stopped again.
 * @throws an error with a sentence for the operator when the home has no database, or the database cannot be reached; what `work` throws
 */
export async function onDatabase<T>(place: Place, work: (connection: ConnectionOptions) => Promise<T>): Promise<T> {
  if ('databaseUrl' in place) return await reached(place.databaseUrl, work)
  if ((await stat(path.join(place.home, 'postgres')).catch(() => null)) === null)
    throw startProblem(`${place.home} has no embedded database: name another home, or the database with --database-url`)
  const running = await findRunning(place.home)
  if (running !== null) return await work(running.ownerConnection)
  const started = await startEmbedded({ home: place.home, durable: true, log: silent })
  try {
    return await work(started.ownerConnection)
  } finally {
    await started.stop()
  }
}

const unreachable: unique symbol = Symbol('the database cannot be reached')

/** Whether an error says that the database cannot be reached. */
export const isUnreachable = (error: unknown): boolean => error instanceof Error && unreachable in error

async function reached<T>(databaseUrl: string, work: (connection: ConnectionOptions) => Promise<T>): Promise<T> {
  try {
    return await work({ connectionString: databaseUrl })
  } catch (error) {
    const problem = connectProblem(error, 'The URL of the database', databaseUrl)
    throw problem === error ? error : Object.assign(problem as Error, { [unreachable]: true })
  }
}

/**
 * Works on the database that a restore makes in a home, which no server may use.
 * @throws an error with a sentence for the operator; what `work` throws
 */
export async function onNewDatabase<T>(place: Place, work: (connection: ConnectionOptions) => Promise<T>): Promise<T> {
  if ('databaseUrl' in place) return await reached(place.databaseUrl, work)
  if ((await findRunning(place.home)) !== null)
    throw startProblem(
      `A server runs in ${place.home}: a restore goes into a home of its own, or into one whose server is stopped and whose database was moved away`,
    )
  const started = await startEmbedded({ home: place.home, durable: true, log: silent })
  try {
    return await work(started.ownerConnection)
  } finally {
    await started.stop()
  }
}
