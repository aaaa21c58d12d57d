import { isStartProblem, startProblem } from '../kernel/startProblem.ts'
import { causes, codeOf, isConnectionFailure } from './databaseErrors.ts'

/** Where a database URL leads, without its password. */
interface Place {
  /** The host with the port, or the folder of a socket. */
  readonly host: string
  readonly database: string
  readonly user: string
}

function placeOf(connectionString: string): Place {
  const url = new URL(connectionString)
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname)
  const user = decodeURIComponent(url.username)
  const database = decodeURIComponent(url.pathname.slice(1))
  const port = url.searchParams.get('port') ?? (url.port === '' ? '5432' : url.port)
  return { host: `${host === '' ? 'localhost' : host}:${port}`, user, database: database === '' ? user : database }
}

/** Says which fault a place has, and which remedy. */
type Sentence = (place: Place, code: string) => string

const unreachable: Sentence = ({ host }, code) =>
  `no connection to ${host} (${code}): check the address, and that Postgres runs there and may be reached from this machine`
const unknownHost: Sentence = ({ host }, code) => `the host of ${host} is not known (${code}): check its name`
const untrusted: Sentence = ({ host }, code) =>
  `the certificate of ${host} is not trusted (${code}): add the authority that signed it, as sslrootcert=/path/of/ca.pem in the URL or in NODE_EXTRA_CA_CERTS, or use sslmode=no-verify on a network that you trust. With sslmode=require the certificate is verified, too`

const sentences: Readonly<Record<string, Sentence>> = {
  ECONNREFUSED: ({ host }, code) => `${host} refuses the connection (${code}): check that Postgres runs there and listens on that port`,
  ENOENT: ({ host }, code) => `there is no socket of Postgres at ${host} (${code}): check that Postgres runs, and the folder of its socket`,
  EACCES: ({ host }, code) => `the socket at ${host} may not be used by the account of this server (${code})`,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  ETIMEDOUT: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ECONNRESET: unreachable,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: ({ host }, code) => `the certificate of ${host} has expired (${code}): renew it`,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ host }, code) =>
    `the certificate of ${host} was made for another name (${code}): use the name that is in the certificate, or sslmode=verify-ca with the authority in sslrootcert`,
  '3D000': ({ host, database, user }, code) =>
    `${host} has no database "${database}" (${code}): make it, for example with createdb --owner=${user} ${database}`,
  '28P01': ({ host, user }, code) => `${host} refuses the password of "${user}" (${code}): correct it in the URL, encoded as in an address`,
  '28000': ({ host, user, database }, code) =>
    `${host} refuses "${user}" for the database "${database}" (${code}): check that the login exists, and the rules of pg_hba.conf, which may demand sslmode=require`,
  '42501': ({ user, database }, code) =>
    `"${user}" has no right to connect to the database "${database}" (${code}): grant it, or name another login`,
  '53300': ({ host }, code) =>
    `${host} has no free connection (${code}): this server needs about 20; raise max_connections, or the limit of the login`,
  '57P03': ({ host }, code) => `${host} is starting or stopping (${code}): start this server again when it is up`,
  '08P01': ({ host }, code) =>
    `${host} refuses how a session begins (${code}): it is a pooler that does not take start-up parameters; give the address of Postgres itself`,
}

/** Failures that the driver reports without a code, by their messages. */
const sentenceByMessage: readonly (readonly [RegExp, string, Sentence])[] = [
  [
    /does not support SSL/i,
    'no TLS',
    ({ host }, code) => `${host} offers no encryption (${code}): switch it on there, or remove sslmode from the URL`,
  ],
  [/timeout expired|timeout exceeded/i, 'timeout', unreachable],
  [
    /password must be a string/i,
    'no password',
    ({ host, user }, code) => `${host} asks for the password of "${user}" (${code}): add it to the URL`,
  ],
  [
    /Connection terminated/i,
    'closed',
    ({ host }, code) => `${host} closes the connection (${code}): check that it is Postgres that listens on that port`,
  ],
]

/** A start loses its connection like every other work; its service manager tries again. */
const lost: Sentence = ({ host }, code) => `${host} ended a connection while this server started (${code}): start it again`

function sentenceOf(error: unknown, place: Place): string | null {
  for (const { code, message } of causes(error)) {
    const sentence = code === undefined ? undefined : sentences[code]
    if (code !== undefined && sentence !== undefined) return sentence(place, code)
    const [, label, spoken] = sentenceByMessage.find(([pattern]) => pattern.test(message ?? '')) ?? []
    if (label !== undefined && spoken !== undefined) return spoken(place, label)
  }
  return isConnectionFailure(error) ? lost(place, codeOf(error) ?? 'closed') : null
}

/**
 * Turns the failure of a connection of the start into a sentence for the operator: which host, what is wrong, what to do. It
 * never has the password.
 * @param variable that has the URL
 * @returns the error itself where nothing can be said about it
 */
export function connectProblem(error: unknown, variable: string, connectionString: string): unknown {
  if (isStartProblem(error)) return error
  const sentence = sentenceOf(error, placeOf(connectionString))
  return sentence === null ? error : startProblem(`${variable}: ${sentence}`)
}
