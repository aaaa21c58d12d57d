// One HTTP request to an agent: over Node's own client, without a pool, a proxy or redirects, to permitted addresses only.
import dns from 'node:dns/promises'
import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { callbackify, promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { ErrorCode } from './adapter.ts'
import type { AddressPolicy } from './addresses.ts'

export interface Resolved {
  readonly address: string
  readonly family: number
}
/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly Resolved[]>

export const resolveBySystem: Resolve = (host) => dns.lookup(host, { all: true, verbatim: true })

export interface HttpRequest {
  readonly url: URL
  readonly method: 'POST' | 'PUT' | 'HEAD'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** From the lookup of the name to the last byte of the answer. */
  readonly timeoutMs: number
  readonly limitBytes: number
  readonly policy: Pick<AddressPolicy, 'permits'>
  readonly resolve: Resolve
  /**
   * Takes the beginning of any answer: a redirect as it is, and of a longer body the first `limitBytes`, behind which the connection is closed. Without it
   * both are failures.
   */
  readonly takesBeginning?: boolean
}

export interface HttpResponse {
  readonly status: number
  readonly body: string
  /** The media type that the answer names, in lower case and without parameters; empty where it names none. */
  readonly mediaType: string
  /** `Retry-After` as it was sent; null when it was not. */
  readonly retryAfter: string | null
}
export type HttpResponseOrFailure = HttpResponse | { readonly errorCode: ErrorCode; readonly error: string }

/**
 * Marks each request of an adapter. A server of this machine takes no such request for the board, although it comes from the board's
 * own account: an operator who permits loopback addresses would let a configuration act as the board.
 */
const MARK = { 'x-paperclip-adapter': '1' }

/** A failure that passes through Node's sockets and keeps its code; `describeFailure` reads it. */
interface Failure extends Error {
  readonly adapterCode: ErrorCode
}
const failure = (adapterCode: ErrorCode, message: string): Failure => Object.assign(new Error(message), { adapterCode })

const addressRefused = (host: string): Failure =>
  failure('adapter_address_refused', `This server does not connect to ${host}: its address is not public`)

/**
 * Looks a name up and gives the socket only the addresses that the policy permits. The socket connects to these addresses
 * without another lookup, so a name that changes its address in between (DNS rebinding) gains nothing.
 */
function guardedLookup(policy: HttpRequest['policy'], resolve: Resolve): LookupFunction {
  const lookup = callbackify(async (host: string) => {
    const all = await resolve(host)
    const permitted = all.filter(({ address }) => policy.permits(host, address))
    const [first] = permitted
    if (first === undefined) throw all.length === 0 ? failure('adapter_http_failed', `${host} has no address`) : addressRefused(host)
    return { first, permitted }
  })
  return (host, options, callback) =>
    lookup(host, (error, found) => {
      // The error is null for a name that was found, which the types of Node omit.
      if ((error as Error | null) !== null) callback(error, '')
      else if (options.all === true) callback(null, [...found.permitted])
      else callback(null, found.first.address, found.first.family)
    })
}

/** The host of a URL; an address is returned without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1')

/**
 * Sends one request and reads its answer. Redirects are not followed: the body contains the run's token, and a POST to
 * another place is not the request that was configured.
 * @returns `answer` never rejects
 */
export function request(httpRequest: HttpRequest): { answer: Promise<HttpResponseOrFailure>; cancel: () => void } {
  const abort = new AbortController()
  const timeoutFailure = failure('timeout', `No answer within ${httpRequest.timeoutMs / 1000} s`)
  const timer = setTimeout(() => abort.abort(timeoutFailure), httpRequest.timeoutMs)
  const answer = sendAndRead(httpRequest, abort.signal)
    .catch((error: unknown) => describeFailure(httpRequest, abort.signal.aborted ? abort.signal.reason : error))
    .finally(() => clearTimeout(timer))
  return { answer, cancel: () => abort.abort(failure('cancelled', 'Cancelled')) }
}

function describeFailure({ url }: HttpRequest, error: unknown): HttpResponseOrFailure {
  const { adapterCode, message, code } = error as Partial<Failure> & NodeJS.ErrnoException
  if (adapterCode !== undefined) return { errorCode: adapterCode, error: message ?? '' }
  // The message of a socket may repeat the whole URL, which may be secret; its code and the host are enough.
  return { errorCode: 'adapter_http_failed', error: `The request to ${url.host} failed (${code ?? 'no code'})` }
}

const decoders: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/** The body without its encoding. The request asks for none, and some servers and proxies compress nevertheless. */
async function decoded(bytes: Buffer, encoding: string | undefined, limitBytes: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? 'identity'
  if (name === 'identity' || name === '') return bytes
  const decode = decoders[name]
  if (decode === undefined) throw new Error('unknown encoding')
  return await decode(bytes, { maxOutputLength: limitBytes })
}

function sendAndRead(httpRequest: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  const { url, method, headers, body, policy, resolve } = httpRequest
  return new Promise((fulfil, reject) => {
    const host = hostOf(url)
    // For an address in the URL the socket does no lookup. The URL parser has already converted octal, hexadecimal and
    // whole-number forms into ordinary addresses.
    if (isIP(host) !== 0 && !policy.permits(host, host)) return reject(addressRefused(host))
    const secure = url.protocol === 'https:'
    const clientRequest = (secure ? https : http).request(url, {
      method,
      // No pool and no proxy: no connection that was opened for another request, and nothing between the check and the connection.
      agent: false,
      lookup: guardedLookup(policy, resolve),
      headers: { ...headers, ...MARK, 'accept-encoding': 'identity', 'content-length': Buffer.byteLength(body), connection: 'close' },
    })
    signal.addEventListener('abort', () => clientRequest.destroy(failure('cancelled', 'The request was aborted')), { once: true })
    clientRequest.on('error', reject)
    clientRequest.on('close', () => reject(failure('adapter_http_failed', `${url.host} closed the connection without an answer`)))
    // The answer is given as a promise, so that the end of the connection, which comes before it, changes nothing.
    clientRequest.on('response', (response) => readAnswer(httpRequest, response, { fulfil, reject, hangUp: () => clientRequest.destroy() }))
    clientRequest.end(body)
  })
}

interface AnswerListener {
  readonly fulfil: (answer: Promise<HttpResponse>) => void
  readonly reject: (error: unknown) => void
  readonly hangUp: () => void
}

function readAnswer(httpRequest: HttpRequest, response: IncomingMessage, { fulfil, reject, hangUp }: AnswerListener): void {
  const { url, limitBytes, takesBeginning = false } = httpRequest
  const status = response.statusCode ?? 0
  if (!takesBeginning && status >= 300 && status < 400) {
    hangUp()
    return reject(failure('adapter_http_redirect', `${url.host} answered with a redirect (${status}), which is not followed`))
  }
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= limitBytes) return void chunks.push(chunk)
    if (takesBeginning) {
      fulfil(answerOf(httpRequest, response, Buffer.concat([...chunks, chunk]).subarray(0, limitBytes)))
      return hangUp()
    }
    hangUp()
    reject(failure('adapter_http_too_large', `${url.host} answered with more than ${limitBytes} bytes`))
  })
  response.on('error', reject)
  response.on('end', () => fulfil(answerOf(httpRequest, response, Buffer.concat(chunks))))
}

async function answerOf(
  { url, limitBytes, takesBeginning = false }: HttpRequest,
  response: IncomingMessage,
  body: Buffer,
): Promise<HttpResponse> {
  const { headers, statusCode: status = 0 } = response
  const mediaType = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  const plain = await decoded(body, headers['content-encoding'], limitBytes).catch(() => null)
  // The beginning of a compressed body cannot be read, and need not be.
  if (plain === null && !takesBeginning) throw failure('adapter_http_failed', `${url.host} answered in an encoding that could not be read`)
  return { status, body: plain?.toString('utf8') ?? '', mediaType, retryAfter: headers['retry-after'] ?? null }
}
