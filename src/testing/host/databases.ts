import { randomBytes } from 'node:crypto'
import type { Pool } from '../../platform/db/driver/client.ts'
import { cloneSql, dropDatabase } from './cluster.ts'

/** The databases of the servers of a host. */
export interface Databases {
  /** A clone of the template for one server. One is ready as a rule: the next is made while its predecessor is used. @returns its name */
  take(): Promise<string>
  /** Removes a database, and ends the sessions that use it. */
  drop(name: string): Promise<void>
}

/** @param admin a pool of the owner on a database that stays */
export function createDatabases(admin: Pool): Databases {
  const clone = async (): Promise<string> => {
    const name = `test_${randomBytes(6).toString('hex')}`
    await admin.query(cloneSql(name))
    return name
  }
  const cloneAhead = (): Promise<string> => {
    const next = clone()
    // A failure is met by the server that takes it.
    next.catch(() => {})
    return next
  }
  let spare = cloneAhead()
  return {
    take() {
      const taken = spare
      spare = cloneAhead()
      return taken
    },
    async drop(name) {
      await dropDatabase(admin, name)
    },
  }
}
