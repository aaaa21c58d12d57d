// How a server serves: in this process, or in workers that it starts.

import type { Isolation } from '../adapters/isolation/index.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import type { PoolSizes } from '../platform/db/connectionRoom.ts'
import type { ProcessLog } from '../platform/kernel/log.ts'
import { version } from './config.ts'
import type { Config } from './config.ts'
import type { ProcessLifecycle } from './processLifecycle.ts'
import type { ReadyFacts } from './workers/messages.ts'

/** Everything that is known before the port is opened. */
export interface Serving {
  readonly config: Config
  readonly isolation: Isolation
  readonly pools: PoolSizes
  readonly connection: ConnectionOptions
  readonly isTerminal: boolean
  /** Whether the log is on that terminal. */
  readonly isShown: boolean
  readonly processLog: ProcessLog
  /** Opens the log again, and reads again what needs no restart. */
  readonly readAgain: () => void
}

/** Serves in this process. */
export async function serveAlone(serving: Serving, lifecycle: ProcessLifecycle): Promise<ReadyFacts> {
  const { config, isolation, pools, connection, isTerminal, isShown, processLog } = serving
  const { log, droppedCount, setHold } = processLog
  const { startServer } = await import('./server.ts')
  const { board, ...server } = await lifecycle.startResource(
    () => startServer(config, connection, log, { isolation, isTerminal: isShown, pools, droppedLogLines: droppedCount, setHold }),
    (started) => started.stop(),
  )
  return { ...server, board, signInPath: isTerminal && board.needsSignIn ? board.createSignInPath() : null }
}

/** The runs that a worker executes at once: its part of those of the server. */
const runsOf = ({ maxRuns, workers }: Config, number: number): number =>
  Math.floor(maxRuns / workers) + (number <= maxRuns % workers ? 1 : 0)

/** Serves in processes of their own, on one port. This process owns the database and the port, and starts a worker again that ends. */
export async function serveByWorkers(serving: Serving, lifecycle: ProcessLifecycle): Promise<ReadyFacts> {
  const { config, pools, connection, isTerminal, isShown, processLog, readAgain } = serving
  const { startWorkers } = await import('./workers/supervise.ts')
  const shared = { connection, pools, isTerminal, isShown, version }
  const assignmentOf = (number: number) => ({ config: { ...config, maxRuns: runsOf(config, number) }, ...shared })
  const { facts, reload } = await lifecycle.startResource(
    () => startWorkers(config.workers, assignmentOf, processLog.log),
    (workers) => workers.stop(),
  )
  lifecycle.setReload(() => {
    readAgain()
    reload()
  })
  return facts
}
