import { createHttpServer } from '../http/httpServer.ts'
import { startPeriodicTasks } from '../scheduler/periodicTasks.ts'
import { openDatabase } from './openDatabase.ts'

/**
 * The functions with which `startServer` opens what it works with. A caller that starts a server inside of its own process may pass others
 * around these: the test kit cuts connections and moves the clock by them. The program passes none, and no variable, request or file names one.
 */
export interface Seams {
  readonly openDatabase: typeof openDatabase
  readonly createHttpServer: typeof createHttpServer
  readonly startPeriodicTasks: typeof startPeriodicTasks
  /** A clock that never goes back, in milliseconds, for what is done at most once in a while; that of the process unless given. */
  readonly monotonicMs: (() => number) | undefined
}

/** The seams of the program. */
export const ownSeams: Seams = { openDatabase, createHttpServer, startPeriodicTasks, monotonicMs: undefined }
