// The life of a worker: it gets its assignment, serves until it is asked to stop, and ends with the process that started it.

import type { ProcessLifecycle } from '../processLifecycle.ts'
import { version } from '../config.ts'
import { collectTraces, openLog } from '../processParts.ts'
import { reload } from '../reload.ts'
import { reservedAccounts } from '../reservedAccounts.ts'
import { setPrices } from '../../engine/costs/prices.ts'
import { probeIsolation } from '../../adapters/isolation/index.ts'
import { isStartProblem, startProblem } from '../../platform/kernel/startProblem.ts'
import { startServer } from '../server.ts'
import type { RunningServer } from '../server.ts'
import { createChannel } from './channel.ts'
import type { Assignment, FromWorker, ToWorker } from './messages.ts'

const send = (message: FromWorker): void => {
  // The channel closes when the other process ends, and then this one ends too.
  if (process.connected) process.send?.(message)
}

/** The messages for this process: those that arrive before something takes them wait. */
function openInbox() {
  const waiting: ToWorker[] = []
  let take = (message: ToWorker): void => void waiting.push(message)
  const assignment = new Promise<Assignment>((resolve) => {
    process.on('message', (message: ToWorker) => (message.kind === 'begin' ? resolve(message.assignment) : take(message)))
  })
  return {
    assignment,
    onMessage(next: (message: ToWorker) => void): void {
      take = next
      for (const message of waiting.splice(0)) next(message)
    },
  }
}

const readyFacts = ({ url, claimPath, board }: RunningServer, isTerminal: boolean): FromWorker => ({
  kind: 'ready',
  facts: {
    url,
    claimPath,
    board: { sentence: board.sentence, needsSignIn: board.needsSignIn },
    signInPath: isTerminal && board.needsSignIn ? board.createSignInPath() : null,
  },
})

async function serve(assignment: Assignment, inbox: ReturnType<typeof openInbox>, lifecycle: ProcessLifecycle): Promise<void> {
  const { config, connection, pools, isTerminal, isShown, number } = assignment
  const { log: plain, flush, droppedCount, setHold, reopen } = openLog(config, isShown)
  const log = isShown ? plain : plain.child({ worker: number })
  lifecycle.setLog(log, flush)
  lifecycle.setReload(() => reload({ pricesFile: config.pricesFile, reopenLog: reopen }, log))
  try {
    if (assignment.version !== version)
      throw startProblem(`The program was replaced by version ${version} while version ${assignment.version} runs: restart the server`)
    const { peers, receive } = createChannel(number, assignment.notices, send)
    inbox.onMessage(receive)
    setPrices(config.prices)
    await collectTraces(config, lifecycle, log)
    const { isolation: mode, user } = config.agents
    const isolation = await probeIsolation({ mode, user, home: config.home, reserved: await reservedAccounts(config) })
    const server = await lifecycle.startResource(
      () => startServer(config, connection, log, { isolation, isTerminal: isShown, pools, droppedLogLines: droppedCount, setHold, peers }),
      (started) => started.stop(),
    )
    send(readyFacts(server, isTerminal))
  } catch (error) {
    if (lifecycle.isShuttingDown()) return
    if (isStartProblem(error)) log.fatal(error.message)
    else log.fatal({ err: error }, error instanceof Error ? error.message : 'cannot start')
    lifecycle.shutdown(1)
  }
}

/** Runs this process as a worker. */
export async function startWorker(lifecycle: ProcessLifecycle): Promise<void> {
  const inbox = openInbox()
  send({ kind: 'hello' })
  await serve(await inbox.assignment, inbox, lifecycle)
}
