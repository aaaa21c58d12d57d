import dns from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
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
  readonly method: 'POST' | 'PUT'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** From the look-up of the name to the last byte of the answer. */
  readonly timeoutMs: number
  readonly limitBytes: number
  readonly policy: AddressPolicy
  readonly resolve: Resolve
}

export interface HttpResponse {
  readonly status: number
  readonly body: string
}
export type HttpResponseOrFailure = HttpResponse | { readonly errorCode: ErrorCode; readonly error: string }

/** A failure that travels through node's sockets to the one place where they are told apart. */
interface Failure extends Error {
  readonly adapterCode: ErrorCode
}
const failure = (adapterCode: ErrorCode, message: string): Failure => Object.assign(new Error(message), { adapterCode })

const addressRefused = (host: string): Failure =>
  failure('adapter_address_refused', `This server does not connect to ${host}: its address is not public`)

/**
 * Looks a name up and gives the socket only what the policy permits. The socket connects to what it is given here, so
 * a name that changes its address between two look-ups gains nothing.
 */
function guardedLookup(policy: AddressPolicy, resolve: Resolve): LookupFunction {
  const lookup = callbackify(async (host: string) => {
    const all = await resolve(host)
    const permitted = all.filter(({ address }) => policy.permits(host, address))
    const [first] = permitted
    if (first === undefined) throw all.length === 0 ? failure('adapter_http_failed', `${host} has no address`) : addressRefused(host)
    return { first, permitted }
  })
  return (host, options, callback) =>
    lookup(host, (error, found) => {
      // A found name has an error of null, which the types of node leave out.
      if ((error as Error | null) !== null) callback(error, '')
      else if (options.all === true) callback(null, [...found.permitted])
      else callback(null, found.first.address, found.first.family)
    })
}

/** The host that a URL names, an address without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1')

/**
 * Sends one request and reads its answer. Redirects are not followed: the body carries the run's token, and a POST
 * that is sent on is another request than the one that was configured.
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
  // The message of a socket may repeat the whole URL; its code and the host say enough.
  return { errorCode: 'adapter_http_failed', error: `The request to ${url.host} failed (${code ?? 'no code'})` }
}

function sendAndRead(httpRequest: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  const { url, method, headers, body, limitBytes, policy, resolve } = httpRequest
  return new Promise((fulfil, reject) => {
    const host = hostOf(url)
    // An address in the URL is connected to without any look-up. Octal, hexadecimal and whole-number forms are
    // ordinary addresses by the time the URL is parsed.
    if (isIP(host) !== 0 && !policy.permits(host, host)) return reject(addressRefused(host))
    const secure = url.protocol === 'https:'
    const clientRequest = (secure ? https : http).request(url, {
      method,
      // No pool and no proxy: nothing that was opened for somebody else, nothing between the check and the connection.
      agent: false,
      lookup: guardedLookup(policy, resolve),
      headers: { ...headers, 'accept-encoding': 'identity', 'content-length': Buffer.byteLength(body), connection: 'close' },
    })
    signal.addEventListener('abort', () => clientRequest.destroy(failure('cancelled', 'The request was given up')), { once: true })
    clientRequest.on('error', reject)
    clientRequest.on('close', () => reject(failure('adapter_http_failed', `${url.host} closed the connection without an answer`)))
    clientRequest.on('response', (response) => {
      const status = response.statusCode ?? 0
      if (status >= 300 && status < 400) {
        clientRequest.destroy()
        return reject(failure('adapter_http_redirect', `${url.host} answered with a redirect (${status}), which is not followed`))
      }
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= limitBytes) return void chunks.push(chunk)
        clientRequest.destroy()
        reject(failure('adapter_http_too_large', `${url.host} answered with more than ${limitBytes} bytes`))
      })
      response.on('error', reject)
      response.on('end', () => fulfil({ status, body: Buffer.concat(chunks).toString('utf8') }))
    })
    clientRequest.end(body)
  })
}
