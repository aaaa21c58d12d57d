import { commandProblem, EXIT, interruptedWith } from './problem.ts'
import { plain } from './screen.ts'
import { findServer } from './server.ts'
import type { ServerAccess } from './server.ts'

/** Requests to the API of a running server. Paths begin behind `/api`. Each throws a problem with exit code 3 or 4. */
export interface Client {
  readonly url: string
  readonly get: <T>(path: string) => Promise<T>
  readonly post: <T>(path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<T>
  readonly patch: <T>(path: string, body: unknown) => Promise<T>
  readonly remove: <T>(path: string) => Promise<T>
  /** The rows of a list, page by page, at most so many. */
  readonly list: <T>(path: string, limit: number) => Promise<T[]>
  /** The answer itself, for what is read while it arrives. */
  readonly open: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>
}

interface ErrorBody {
  readonly error?: unknown
  readonly code?: unknown
  readonly requestId?: unknown
  readonly details?: unknown
}

/** The rows of a page; the server may end one early. */
const PAGE = 500
/** Pages of one list. A page has 4 MB or all the rows that were asked for, so no list of this server has as many. */
const MAX_PAGES = 250

const textOr = (value: unknown, fallback: string): string => (typeof value === 'string' && value !== '' ? plain(value) : fallback)

/** The act of the operator that a refusal calls for. */
function nextOf(status: number, token: string | null): string | undefined {
  if (status === 401)
    return token === null
      ? 'run this as the account of the server, give --home, or set PAPERCLIP_TOKEN'
      : 'the credential is not of this server: give --home with its home, or another PAPERCLIP_TOKEN'
  if (status === 403) return 'this needs the token of the board: run it as the account of the server, or set PAPERCLIP_TOKEN'
  if (status === 429 || status === 503) return 'try again in a moment'
  return status >= 500 ? 'the log of the server has the cause, with the id of the request' : undefined
}

/** The next steps that refusals about a hold name, as sentences. */
const steps: Readonly<Record<string, string>> = {
  wait: 'wait until the run that holds the issue has ended, and try again',
  pick_other: 'look at the issue first: paperclip-server issues show',
  ask_board: 'look who holds it now: paperclip-server locks show',
}

/** The fields that the server found invalid, as a part of a sentence. */
function fieldsOf(details: unknown): string {
  if (!Array.isArray(details)) return ''
  const named = (details as readonly { readonly path?: unknown; readonly message?: unknown }[])
    .slice(0, 5)
    .map(({ path, message }) => `${Array.isArray(path) ? path.join('.') : ''}: ${textOr(message, 'is invalid')}`)
  return named.length === 0 ? '' : `: ${plain(named.join('; '))}`
}

/** No answer of this server is longer: pages end at 4 MB, a piece of a log before that. Another program's answer must not fill the memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

const notThisServer = (url: string, because = ''): Error =>
  commandProblem(EXIT.unreachable, { message: `What answers at ${url}${because} is not this server` })

/** The text of an answer; null where it is longer than any of this server. @throws a problem when the connection is cut */
async function textOf(answer: Response): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const bytes of answer.body ?? []) {
      size += (bytes as Uint8Array).length
      if (size > MAX_ANSWER_BYTES) return null
      chunks.push(bytes as Uint8Array)
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw commandProblem(EXIT.unreachable, {
      message: 'The connection to the server was cut in the middle of an answer',
      next: 'try again',
    })
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The body of an answer as JSON; undefined where it is none. */
async function bodyOf(answer: Response): Promise<unknown> {
  const text = await textOf(answer)
  try {
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The refusal in an answer as a problem. A remedy of the server goes before ours. */
async function refusalOf(answer: Response, { token, url }: ServerAccess): Promise<Error> {
  const body = (await bodyOf(answer)) as ErrorBody | null | undefined
  if (typeof body?.error !== 'string') return notThisServer(url, ` with ${answer.status}`)
  const { next: step } = (body.details ?? {}) as { readonly next?: unknown }
  const next = (typeof step === 'string' ? steps[step] : undefined) ?? nextOf(answer.status, token)
  return commandProblem(EXIT.refused, {
    message: textOr(body.error, `The server answered with ${answer.status}`) + fieldsOf(body.details),
    ...(next === undefined ? {} : { next }),
    ...(typeof body.code === 'string' ? { code: plain(body.code) } : {}),
    status: answer.status,
    ...(typeof body.requestId === 'string' ? { requestId: plain(body.requestId) } : {}),
  })
}

/** The codes and the messages of an error and of its causes: `fetch` says only that it failed. */
function causesOf(error: unknown): string[] {
  const causes: string[] = []
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth += 1)
    causes.push((each as NodeJS.ErrnoException).code ?? '', each.message)
  return causes
}

/** Codes of Node and OpenSSL about a certificate. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ERR_TLS|ERR_SSL/

/** The reason why a request got no answer, as a problem. */
function unanswered(error: unknown, url: string): Error {
  const causes = causesOf(error)
  const has = (pattern: RegExp): string | undefined => causes.find((cause) => pattern.test(cause))
  const problem = (message: string, next: string): Error => commandProblem(EXIT.unreachable, { message, next })
  if (has(/redirect/) !== undefined)
    return problem(
      `What answers at ${url} sends requests elsewhere`,
      'give --url with the address itself: a credential follows no redirection',
    )
  if (has(/^HPE_/) !== undefined) return problem(`What answers at ${url} does not speak HTTP`, 'give --url or --home of the server')
  if (has(/TIMEOUT/i) !== undefined)
    return problem(`The server at ${url} does not answer`, 'look at its log; the request may have been carried out')
  const certificate = has(CERTIFICATE)
  if (certificate !== undefined)
    return problem(`The certificate of ${url} is not accepted (${certificate.slice(0, 60)})`, 'name its authority in NODE_EXTRA_CA_CERTS')
  return problem(`No server answers at ${url}`, 'start it with paperclip-server start, or give --url or --home of the one that runs')
}

type Send = (
  method: string,
  path: string,
  rest?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
) => Promise<Response>

const sender =
  (access: ServerAccess, signal: AbortSignal): Send =>
  async (method, path, { body, headers = {} } = {}) => {
    const hasBody = method !== 'GET'
    const answer = await fetch(`${access.url}/api${path}`, {
      method,
      // A credential must not follow a redirection to another program.
      redirect: 'error',
      signal,
      headers: {
        ...(access.token === null ? {} : { authorization: `Bearer ${access.token}` }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(hasBody ? { body: JSON.stringify(body ?? {}) } : {}),
    }).catch((error: unknown) => {
      if (!signal.aborted) throw unanswered(error, access.url)
      throw hasBody ? interruptedWith('the server had the request already, and may have carried it out') : signal.reason
    })
    if (!answer.ok) throw await refusalOf(answer, access)
    // Each answer of this server has it. Without it another program would be believed that did nothing and answered with 200.
    if (!answer.headers.has('x-request-id')) throw notThisServer(access.url)
    return answer
  }

/** The value of an answer: an object or a list, as every answer of this server is. */
async function jsonOf<T>(answer: Response, url: string): Promise<T> {
  if (answer.status === 204) return null as T
  const body = await bodyOf(answer)
  if (typeof body !== 'object' || body === null) throw notThisServer(url)
  return body as T
}

/** The path of the next page, from the Link header; undefined at the end. */
const nextPage = (answer: Response): string | undefined => /<[^>]*\/api(\/[^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]

async function listAll<T>(send: Send, url: string, path: string, limit: number): Promise<T[]> {
  const rows: T[] = []
  let next: string | undefined = `${path}${path.includes('?') ? '&' : '?'}limit=${Math.min(limit, PAGE)}`
  for (let pages = 0; next !== undefined && rows.length < limit; pages += 1) {
    if (pages >= MAX_PAGES) throw notThisServer(url)
    const answer = await send('GET', next)
    const page: T[] = await jsonOf<T[]>(answer, url)
    if (!Array.isArray(page)) throw notThisServer(url)
    next = nextPage(answer)
    rows.push(...page)
  }
  return rows.slice(0, limit)
}

/** Opens a client. Nothing is sent yet. @throws as `findServer` does */
export function createClient(from: {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly url: string | null
  readonly signal: AbortSignal
}): Client {
  const access = findServer(from.env, from.home, from.url)
  const send = sender(access, from.signal)
  return {
    url: access.url,
    get: async (path) => await jsonOf(await send('GET', path), access.url),
    post: async (path, body, headers = {}) => await jsonOf(await send('POST', path, { body, headers }), access.url),
    patch: async (path, body) => await jsonOf(await send('PATCH', path, { body }), access.url),
    remove: async (path) => await jsonOf(await send('DELETE', path), access.url),
    list: async (path, limit) => await listAll(send, access.url, path, limit),
    open: async (path, headers = {}) => await send('GET', path, { headers }),
  }
}
