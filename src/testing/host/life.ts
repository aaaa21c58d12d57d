import { AsyncLocalStorage } from 'node:async_hooks'
import type { RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { destroyConnection } from '../../platform/db/driver/socket.ts'
import { ownSeams } from '../../server/seams.ts'
import type { Seams } from '../../server/seams.ts'
import { tapPool } from './connectionTap.ts'
import type { Life } from './connectionTap.ts'
import { ANSWER, answered, createWork, losesHeartbeat, pass, REQUEST } from './faults.ts'
import type { Faults, Work } from './faults.ts'

type Tasks = Parameters<Seams['startPeriodicTasks']>[0]
type Task = Tasks[number]

/** One life of a server under test: from its start until it is stopped or killed. */
export interface ServerLife {
  readonly seams: Seams
  /**
   * Runs periodic tasks once, in the order in which the server lists them.
   * @param names of the tasks; all unless given
   * @throws AggregateError of those that fail twice
   */
  runTasks(names?: ReadonlySet<string>): Promise<void>
  /** Cuts every connection in the same instant, to clients and to Postgres, and opens none any more. Resolves when the port is free. */
  cut(): Promise<void>
}

/** Runs a task never twice at once, each turn as a piece of work of its own. */
function gate(task: Task, work: AsyncLocalStorage<Work>): Task {
  let last: Promise<unknown> = Promise.resolve()
  const run = (): Promise<unknown> => {
    const turn = last.catch(() => {}).then(() => work.run(createWork(`task ${task.name}`), task.run))
    last = turn
    return turn
  }
  return { ...task, run }
}

async function runOnceMore(task: Task): Promise<unknown> {
  try {
    return await task.run()
  } catch {
    // A task may lose a race against another, and every task can be done later.
    return await task.run()
  }
}

/** The path of a request without its query. */
const pathOf = (url = '/'): string => url.split('?', 1)[0] ?? '/'

interface HttpTap {
  readonly life: Life
  readonly storage: AsyncLocalStorage<Work>
}

/** Sends nothing when the server is to die before its answer. */
function tapAnswer({ life }: HttpTap, work: Work, response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
  response.writeHead = ((...args: unknown[]) => {
    const point = life.isDying ? null : pass(life.faults, work, ANSWER)
    if (point === null) {
      life.isDying = true
      return response.destroy()
    }
    answered(point)
    return writeHead(...args)
  }) as ServerResponse['writeHead']
}

/** Puts a request into the context of its work. A lost heartbeat does not reach the server: its client sees a connection that ends. */
function tapRequests(server: Server, tap: HttpTap): void {
  const [handle] = server.listeners('request') as RequestListener[]
  if (handle === undefined) throw new Error('the server has no handler of requests')
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    const name = `${request.method} ${pathOf(request.url)}`
    if (losesHeartbeat(tap.life.faults, name)) return void request.socket.destroy()
    const work = createWork(name)
    const point = pass(tap.life.faults, work, REQUEST)
    if (point !== null) answered(point)
    tapAnswer(tap, work, response)
    tap.storage.run(work, handle, request, response)
  })
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))

/**
 * The seams of one life of a server, with what the kit does through them.
 * @param monotonicMs the clock of this process, moved as far as the clock of the database
 */
export function createLife(faults: Faults, monotonicMs: () => number): ServerLife {
  const storage = new AsyncLocalStorage<Work>()
  const sockets = new Set<Socket>()
  let tasks: Tasks = []
  let server: Server | undefined
  let markCut = (): void => {}
  const life: Life = {
    faults,
    currentWork: () => storage.getStore() ?? null,
    isDying: false,
    isCut: false,
    cut: new Promise((resolve) => void (markCut = resolve)),
    connections: new Set(),
  }
  const openDatabase: Seams['openDatabase'] = (...args) => {
    const database = ownSeams.openDatabase(...args)
    // Mutations take their transactions from the first pool. The second one has reads and leases.
    for (const [at, pool] of database.pools.entries()) tapPool(life, pool, at === 0)
    return database
  }
  const createHttpServer: Seams['createHttpServer'] = (...args) => {
    const created = ownSeams.createHttpServer(...args)
    created.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => void sockets.delete(socket))
    })
    tapRequests(created, { life, storage })
    server = created
    return created
  }
  const startPeriodicTasks: Seams['startPeriodicTasks'] = (given, log) => {
    tasks = given.map((task) => gate(task, storage))
    return ownSeams.startPeriodicTasks(tasks, log)
  }
  return {
    seams: { openDatabase, createHttpServer, startPeriodicTasks, monotonicMs },
    async runTasks(names) {
      const failures: unknown[] = []
      for (const task of tasks.filter(({ name }) => names?.has(name) ?? true))
        await runOnceMore(task).catch((error: unknown) => failures.push(error))
      if (failures.length > 0) throw new AggregateError(failures, 'some tasks of the server failed')
    },
    async cut() {
      life.isDying = true
      life.isCut = true
      for (const connection of life.connections) destroyConnection(connection)
      for (const socket of sockets) socket.destroy()
      markCut()
      if (server !== undefined) await closed(server)
    },
  }
}
