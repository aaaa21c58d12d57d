import { commandProblem, EXIT } from './problem.ts'
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

/** The refusal in an answer as a problem. A remedy of the server goes before ours. */
async function refusalOf(answer: Response, { token, url }: ServerAccess): Promise<Error> {
  const body = (await answer.json().catch(() => null)) as ErrorBody | null
  if (body === null || typeof body.error !== 'string')
    return commandProblem(EXIT.unreachable, { message: `What answers at ${url} with ${answer.status} is not this server` })
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

const unreachable = (url: string): Error =>
  commandProblem(EXIT.unreachable, {
    message: `No server answers at ${url}`,
    next: 'start it with paperclip-server start, or give --url or --home of the one that runs',
  })

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
    }).catch(() => {
      throw signal.aborted ? signal.reason : unreachable(access.url)
    })
    if (!answer.ok) throw await refusalOf(answer, access)
    return answer
  }

async function jsonOf<T>(answer: Response, url: string): Promise<T> {
  if (answer.status === 204) return null as T
  return (await answer.json().catch(() => {
    throw commandProblem(EXIT.unreachable, { message: `What answers at ${url} is not this server` })
  })) as T
}

/** The path of the next page, from the Link header; undefined at the end. */
const nextPage = (answer: Response): string | undefined => /<[^>]*\/api(\/[^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]

async function listAll<T>(send: Send, url: string, path: string, limit: number): Promise<T[]> {
  const rows: T[] = []
  let next: string | undefined = `${path}${path.includes('?') ? '&' : '?'}limit=${Math.min(limit, PAGE)}`
  while (next !== undefined && rows.length < limit) {
    const answer = await send('GET', next)
    rows.push(...(await jsonOf<T[]>(answer, url)))
    next = nextPage(answer)
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
