import { openConnection } from './connection.ts'
import type { AnswerSize, Connection } from './connection.ts'
import type { LoadJob, LoadTurn, PreparedRequest, Script } from './load.ts'

/** Counts the answers of a turn. */
interface Tally {
  readonly times: number[]
  readonly statuses: Record<number, number>
  bodyBytes: number
}

/** Counts an answer. @throws when its status was not expected */
function count(tally: Tally, { expectedStatuses }: PreparedRequest, { status, bodyBytes, beginning }: AnswerSize): void {
  if (!expectedStatuses.includes(status))
    throw new Error(`expected ${expectedStatuses.join(' or ')}: ${beginning.toString('utf8', 0, 2000)}`)
  tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
  tally.bodyBytes += bodyBytes
}

/** A turn under way: what its connections share. */
interface Play {
  readonly job: LoadJob
  readonly tally: Tally
  readonly startedAt: number
  readonly fail: (error: Error) => void
}

/** Plays a script round and round on one connection, one request after the other. */
function playScript({ job, tally, startedAt, fail }: Play, connection: Connection, script: Script): Promise<void> {
  const { durationMs, unit = 1 } = job
  return new Promise((resolve) => {
    let sent = 0
    const sendNext = (): void => {
      const request = script[sent % script.length]
      const isOver = sent > 0 && sent % unit === 0 && performance.now() - startedAt >= durationMs
      if (request === undefined || isOver) return resolve()
      sent += 1
      const sentAt = performance.now()
      connection.send(request.bytes, (answer) => {
        tally.times.push(performance.now() - sentAt)
        try {
          count(tally, request, answer)
        } catch (error) {
          return fail(error as Error)
        }
        sendNext()
      })
    }
    sendNext()
  })
}

/** Plays the scripts of all connections step by step: the requests of a step are under way at once. */
async function playInStep({ job, tally, startedAt, fail }: Play, connections: readonly Connection[]): Promise<void> {
  const steps = Math.min(...job.scripts.map((script) => script.length))
  for (let step = 0; step < steps && (step === 0 || performance.now() - startedAt < job.durationMs); step += 1) {
    const sentAt = performance.now()
    await Promise.all(
      connections.map((connection, index) => {
        const request = job.scripts[index]?.[step]
        if (request === undefined) return Promise.resolve()
        return new Promise<void>((resolve) => {
          connection.send(request.bytes, (answer) => {
            try {
              count(tally, request, answer)
              resolve()
            } catch (error) {
              fail(error as Error)
            }
          })
        })
      }),
    )
    tally.times.push(performance.now() - sentAt)
  }
}

/**
 * Sends the requests of a job from this process and measures them.
 * @throws when an answer has a status that was not expected, and when a connection fails
 */
export async function play(job: LoadJob): Promise<LoadTurn> {
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => void (fail = reject))
  const connections = await Promise.all(job.scripts.map(() => openConnection(job.port, fail)))
  const tally: Tally = { times: [], statuses: {}, bodyBytes: 0 }
  const before = process.cpuUsage()
  const startedAt = performance.now()
  const turn: Play = { job, tally, startedAt, fail }
  try {
    const played =
      job.inStep === true
        ? playInStep(turn, connections)
        : Promise.all(connections.map((connection, index) => playScript(turn, connection, job.scripts[index] ?? [])))
    await Promise.race([played, failed])
  } finally {
    for (const connection of connections) connection.close()
  }
  const elapsedMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(before)
  return { ...tally, elapsedMs, generatorCpuMs: (user + system) / 1000 }
}
