import { pino } from 'pino'
import type { Logger } from 'pino'

export type Log = Logger

/**
 * The process log. Lines carry an allow-list of facts chosen by the caller (ids, counts, durations, codes); bodies,
 * headers and SQL parameters are never handed to it, so nothing needs to be redacted afterwards (I17).
 *
 * @param level a pino level, or `silent`
 * @param pretty true on a terminal: one readable line each instead of JSON
 */
export function createLog(level: string, pretty: boolean): Log {
  return pretty
    ? pino({ level, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', translateTime: 'HH:MM:ss' } } })
    : pino({ level, base: { pid: process.pid } })
}
