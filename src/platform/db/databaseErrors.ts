import { Refusal } from '../kernel/errors.ts'
import type { RefusalCode } from '../kernel/errors.ts'

interface DriverError {
  readonly code?: string
  readonly message?: string
  readonly syscall?: string
  readonly cause?: unknown
}

/** Drizzle wraps what the driver throws; the SQLSTATE sits somewhere down the chain of causes. */
function* causes(error: unknown): Generator<DriverError> {
  for (let depth = 0, current = error; depth < 5 && current instanceof Object; depth += 1) {
    yield current as DriverError
    current = (current as DriverError).cause
  }
}

/** The SQLSTATE or system error code of a failure, if it has one. */
export function codeOf(error: unknown): string | undefined {
  for (const cause of causes(error)) if (typeof cause.code === 'string') return cause.code
  return undefined
}

/** Failures after which the whole transaction may simply run again. */
export const isSerializationFailure = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error) ?? '')

const CONNECTION_LOST =
  /connection (terminated|ended|error)|not queryable|client was closed|timeout exceeded when trying to connect|^timeout expired$|query read timeout|server closed the connection|cannot use a pool after|establishing an SSL connection/i
const connectionLostCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTCONN',
  'ECONNABORTED',
  'EADDRNOTAVAIL',
  'EMFILE',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '25P03',
  '25P04',
  // The password was changed, or the role was taken away; somebody will tell this server or the database.
  '28000',
  '28P01',
  '53300',
  '3D000',
])

/** True when the database is away, or the connection to it was lost. */
export function isConnectionFailure(error: unknown): boolean {
  for (const cause of causes(error)) {
    if (typeof cause.code === 'string' && (connectionLostCodes.has(cause.code) || cause.code.startsWith('08'))) return true
    // A socket whose file is gone or closed to us; a file of ours that is missing is another matter.
    if (cause.syscall === 'connect') return true
    if (cause instanceof Error && CONNECTION_LOST.test(cause.message)) return true
  }
  return false
}

// What validation should have caught. Should some input slip through, it is still the caller's fault and never a 500.
const refusalBySqlState: Readonly<Record<string, RefusalCode>> = {
  '23503': 'unknown_reference',
  '23505': 'conflict',
  '23514': 'unprocessable',
  '23502': 'unprocessable',
  '22001': 'bad_request',
  '22003': 'bad_request',
  '22008': 'bad_request',
  '22021': 'bad_request',
  '22P02': 'bad_request',
  '22P05': 'bad_request',
  '54001': 'bad_request',
  '54000': 'bad_request',
}

const busySqlStates = new Set(['40001', '40P01', '55P03', '57014', '53200', '53100'])

/** The refusal that a database failure means to a caller, or undefined when it is a bug of ours. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (isConnectionFailure(error)) return new Refusal('unavailable', { retryAfter: 1 })
  const code = codeOf(error)
  if (code === undefined) return undefined
  if (busySqlStates.has(code)) return new Refusal('busy', { retryAfter: 1 })
  const refusalCode = refusalBySqlState[code]
  return refusalCode === undefined ? undefined : new Refusal(refusalCode)
}
