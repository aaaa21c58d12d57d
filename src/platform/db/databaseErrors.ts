import { Refusal } from '../kernel/errors.ts'
import type { RefusalCode } from '../kernel/errors.ts'

interface DriverError {
  readonly code?: string
  readonly message?: string
  readonly syscall?: string
  readonly cause?: unknown
}

/** The causes of an error, outermost first. Drizzle wraps the driver's error, which has the SQLSTATE. */
export function* causes(error: unknown): Generator<DriverError> {
  for (let depth = 0, current = error; depth < 5 && current instanceof Object; depth += 1) {
    yield current as DriverError
    current = (current as DriverError).cause
  }
}

/** The SQLSTATE or the system error code of a failure; undefined when it has none. */
export function codeOf(error: unknown): string | undefined {
  for (const cause of causes(error)) if (typeof cause.code === 'string') return cause.code
  return undefined
}

/** The SQLSTATE of a session that Postgres has ended because its transaction reached the time limit. */
export const TRANSACTION_TIMEOUT = '25P04'
export const isTransactionTimeout = (error: unknown): boolean => codeOf(error) === TRANSACTION_TIMEOUT

/** Whether the whole transaction may run again after a failure: a serialization failure or a deadlock. */
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
  TRANSACTION_TIMEOUT,
  // The password was changed or the role was dropped. An operator will change the configuration or the database.
  '28000',
  '28P01',
  '53300',
  '3D000',
])

/** Whether the database is unreachable or the connection to it was lost. */
export function isConnectionFailure(error: unknown): boolean {
  for (const cause of causes(error)) {
    if (typeof cause.code === 'string' && (connectionLostCodes.has(cause.code) || cause.code.startsWith('08'))) return true
    // The file of the socket is missing or not accessible. A missing file of this server has another `syscall`.
    if (cause.syscall === 'connect') return true
    if (cause instanceof Error && CONNECTION_LOST.test(cause.message)) return true
  }
  return false
}

// Validation refuses such input before. Input that passes it anyway is the client's fault, so the answer is not a 500.
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

/** The refusal that a client receives for a failure of the database; undefined for a bug of this server. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (isTransactionTimeout(error)) return new Refusal('transaction_timeout', { retryAfter: 5 })
  if (isConnectionFailure(error)) return new Refusal('unavailable', { retryAfter: 1 })
  const code = codeOf(error)
  if (code === undefined) return undefined
  if (busySqlStates.has(code)) return new Refusal('busy', { retryAfter: 1 })
  const refusalCode = refusalBySqlState[code]
  return refusalCode === undefined ? undefined : new Refusal(refusalCode)
}
