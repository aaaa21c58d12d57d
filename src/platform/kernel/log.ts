import { pino } from 'pino'
import type { DestinationStream, Logger, LoggerOptions } from 'pino'
import { openLogFileStream, openLogStream } from './logStream.ts'
import type { LogFileStream, LogStream } from './logStream.ts'

export type Log = Logger

interface SerializedError {
  readonly type: string
  readonly code?: string
  readonly message?: string
  readonly constraint?: string
  readonly frames: readonly string[]
  readonly cause?: SerializedError
}

/** The number of causes that a line shows, and the number of frames of each. */
const MAX_CAUSES = 4
const MAX_FRAMES = 12

const asString = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/**
 * The fields of an error that may be logged. The messages of the driver and of the query builder contain statements,
 * parameters and rows, and a parser quotes its input. Of those errors only the code, the constraint and the frames are kept.
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

/** Decides when a line is written, if at all. @param write writes the line */
export type LineHold = (facts: unknown, level: number, write: () => void) => void

const writeAtOnce: LineHold = (_facts, _level, write) => write()

/**
 * Creates the log of the process. The caller logs selected facts only (ids, counts, durations, codes). Bodies, headers
 * and SQL parameters are not passed to the log, so nothing has to be redacted afterwards (I17).
 *
 * @param level a pino level, or `silent`
 * @param pretty writes readable lines instead of JSON, for a terminal
 * @param destination receives the lines instead of standard output; ignored when `pretty`
 * @param hold returns the current hold of lines
 */
export function createLog(level: string, pretty: boolean, destination?: DestinationStream, hold = () => writeAtOnce): Log {
  const options: LoggerOptions = {
    level,
    serializers: { err: serializeError },
    hooks: {
      logMethod(line, method, levelValue) {
        hold()(line[0], levelValue, () => method.apply(this, line))
      },
    },
  }
  if (pretty) {
    // `refusal` is in the sentence of a request already.
    const shown = { ignore: 'pid,hostname,refusal', translateTime: 'HH:MM:ss' }
    return pino({ ...options, transport: { target: 'pino-pretty', options: shown } })
  }
  return pino({ ...options, base: { pid: process.pid } }, ...(destination === undefined ? [] : [destination]))
}

/** The log of a process that may end although its log is not read. */
export interface ProcessLog {
  readonly log: Log
  /** Resolves when everything is written, and after `timeoutMs` at the latest. */
  readonly flush: (timeoutMs: number) => Promise<void>
  /** Lines that were dropped since the start, because their reader was too slow. */
  readonly droppedCount: () => number
  /** Sets what decides from now on when lines are written. */
  readonly setHold: (hold: LineHold) => void
  /** Opens the file of the log again, after it was moved away; nothing happens where the log goes elsewhere. @throws the error of the system */
  readonly reopen: () => void
}

const STDOUT = 1

/** Where the log of a process goes. */
interface LogTarget {
  readonly level: string
  /** Writes readable lines for a terminal. */
  readonly pretty: boolean
  /** The file of the log in place of standard output; null for none. */
  readonly file: string | null
}

const FATAL = /^\{"level":60[,}]/

/** The last words of a process are on standard error as well: its service manager shows them, and an operator looks there first. */
const alsoOnStandardError = (stream: LogFileStream): DestinationStream => ({
  write(line) {
    stream.write(line)
    if (FATAL.test(line)) process.stderr.write(line)
  },
})

/**
 * Opens the log of this process: a file, or standard output.
 * @throws the error of the system when the file cannot be opened
 */
export function openProcessLog({ level, pretty, file }: LogTarget): ProcessLog {
  let hold = writeAtOnce
  const setHold = (next: LineHold): void => void (hold = next)
  if (pretty && file === null) {
    const log = createLog(level, true, undefined, () => hold)
    return { log, flush: () => Promise.resolve(), droppedCount: () => 0, setHold, reopen: () => {} }
  }
  let line = ''
  const reporter = createLog('warn', false, { write: (text) => void (line = text) })
  const droppedLine = (dropped: number): string => {
    reporter.warn({ dropped }, 'log lines were dropped: the reader of the log was too slow')
    return line
  }
  const fileStream = file === null ? null : openLogFileStream(file, droppedLine)
  const stream: LogStream = fileStream ?? openLogStream(STDOUT, droppedLine)
  const log = createLog(level, false, fileStream === null ? stream : alsoOnStandardError(fileStream), () => hold)
  return { log, flush: (ms) => stream.flush(ms), droppedCount: stream.droppedCount, setHold, reopen: () => fileStream?.reopen() }
}
