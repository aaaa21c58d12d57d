import type { Connection, Pool } from '../../platform/db/driver/client.ts'
import { destroyConnection } from '../../platform/db/driver/socket.ts'
import { answered, COMMIT, pass } from './faults.ts'
import type { Faults, Point, Work } from './faults.ts'

/** The state of one life of a server, as its connections see it. */
export interface Life {
  readonly faults: Faults
  /** The work in whose context the caller runs. */
  readonly currentWork: () => Work | null
  /** The server has come to the place where it dies: nothing more is sent. */
  isDying: boolean
  /** Its connections are cut. */
  isCut: boolean
  /** Resolves when they are. */
  readonly cut: Promise<void>
  readonly connections: Set<Connection>
}

type Callback = (error: Error | undefined, result?: unknown) => void
type Send = (query: unknown, values?: unknown, callback?: Callback) => unknown
type Connect = (callback?: (error: Error | undefined, connection?: Connection, done?: unknown) => void) => unknown

const lost = (): Error => Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' })

/** The name of a query: that of the statement, or its first words. */
function nameOf(query: unknown): string {
  const { name, text = '' } = typeof query === 'string' ? { text: query, name: undefined } : (query as { name?: string; text?: string })
  if (name !== undefined && name !== '') return name
  const [, words = 'statement'] = /^\s*((?:insert into|update|delete from) "?\w+|\w+)/i.exec(text) ?? []
  return words.replace('"', '').toLowerCase()
}

/** Sends nothing, and fails as a statement does whose connection is lost. */
function sendNothing(life: Life, report: Callback | undefined): unknown {
  if (report !== undefined) return void life.cut.then(() => report(lost()))
  return life.cut.then(() => {
    throw lost()
  })
}

/** Notes the answer to a point before the caller has it. A caller whose server died meanwhile gets no answer. */
const noteAnswer = (life: Life, point: Point, answer: Promise<unknown>): Promise<unknown> =>
  answer
    .finally(() => answered(point))
    .then((result) => {
      if (life.isCut) throw lost()
      return result
    })

/** Lets the statements of transactions pass one by one, and stops where the server is to die. */
function tapConnection(life: Life, connection: Connection): void {
  const send = connection.query.bind(connection) as unknown as Send
  let work: Work | null = null
  const tapped: Send = (query, given, last) => {
    const [values, callback] = typeof given === 'function' ? [undefined, given as Callback] : [given, last]
    const name = nameOf(query)
    if (name === 'begin') work = life.currentWork()
    if (life.isDying) return sendNothing(life, callback)
    if (work === null || name === 'begin' || name === 'rollback') return send(query, values, callback)
    const point = pass(life.faults, work, name)
    if (name === COMMIT) work = null
    if (point === null) {
      life.isDying = true
      return sendNothing(life, callback)
    }
    if (callback === undefined) return noteAnswer(life, point, send(query, values) as Promise<unknown>)
    return send(query, values, (error, result) => {
      answered(point)
      callback(life.isCut ? lost() : error, result)
    })
  }
  connection.query = tapped as unknown as Connection['query']
}

/**
 * Follows the connections of a pool, so that they can be cut.
 * @param hasPoints whether the statements of its transactions are points at which the server can die
 */
export function tapPool(life: Life, pool: Pool, hasPoints: boolean): void {
  pool.on('connect', (connection) => {
    if (life.isCut) return destroyConnection(connection)
    life.connections.add(connection)
    connection.once('end', () => void life.connections.delete(connection))
    if (hasPoints) tapConnection(life, connection)
  })
  const connect = pool.connect.bind(pool) as unknown as Connect
  const tapped: Connect = (callback) => {
    if (!life.isCut) return connect(callback)
    if (callback === undefined) return Promise.reject(lost())
    process.nextTick(callback, lost())
    return undefined
  }
  pool.connect = tapped as unknown as Pool['connect']
}
