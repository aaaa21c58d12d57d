import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'

export type Log = Logger

interface SerializedError {
  readonly type: string
  readonly code?: string
  readonly message?: string
  readonly constraint?: string
  readonly frames: readonly string[]
  readonly cause?: SerializedError
}

/** How far down a chain of causes a line goes, and how many frames of each it shows. */
const MAX_CAUSES = 4
const MAX_FRAMES = 12

const asString = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/**
 * What a line may tell of an error. The driver and the query builder write statements, parameters and rows into their
 * messages, and a parser quotes what it could not parse: of those only the code, the constraint and the place are kept.
 */
export function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { type: typeof error, frames: [] }
  const { code, severity, constraint, query, input } = error as Error &
    Record<'code' | 'severity' | 'constraint' | 'query' | 'input', unknown>
  const quotesData = severity !== undefined || query !== undefined || input !== undefined || error instanceof SyntaxError
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line))
  const fields = { code: asString(code), constraint: asString(constraint), message: quotesData ? undefined : error.message }
  return {
    type: error.name,
    ...(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<SerializedError>),
    frames: frames.slice(0, MAX_FRAMES).map((line) => line.trim()),
    ...(error.cause === undefined || depth === MAX_CAUSES ? {} : { cause: serializeError(error.cause, depth + 1) }),
  }
}

/**
 * The process log. Lines carry an allow-list of facts chosen by the caller (ids, counts, durations, codes); bodies,
 * headers and SQL parameters are never handed to it, so nothing needs to be redacted afterwards (I17).
 *
 * @param level a pino level, or `silent`
 * @param pretty true on a terminal: one readable line each instead of JSON
 * @param destination where lines go, standard output unless said; not for a terminal
 */
export function createLog(level: string, pretty: boolean, destination?: DestinationStream): Log {
  const serializers = { err: serializeError }
  if (pretty) {
    const options = { ignore: 'pid,hostname', translateTime: 'HH:MM:ss' }
    return pino({ level, serializers, transport: { target: 'pino-pretty', options } })
  }
  return pino({ level, serializers, base: { pid: process.pid } }, ...(destination === undefined ? [] : [destination]))
}
