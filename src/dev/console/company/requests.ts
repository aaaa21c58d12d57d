// The requests with which a company is filled: those of the board, of an agent with its key, and of a run with its token.

/** A row as an answer has it. */
export interface Row {
  readonly id: string
  readonly [field: string]: unknown
}

/** Sends requests with one credential. */
export interface Requests {
  readonly post: (path: string, body?: unknown) => Promise<Row>
  readonly patch: (path: string, body: unknown) => Promise<Row>
  readonly put: (path: string, body: unknown) => Promise<Row>
  readonly file: (path: string, name: string, type: string, text: string) => Promise<Row>
  /** The same with another credential. */
  readonly as: (token: string) => Requests
}

/** Requests to a server. @param token of the caller; without one the board of this machine */
export function requestsTo(url: string, token?: string): Requests {
  const send = async (method: string, path: string, body: unknown): Promise<Row> => {
    const isForm = body instanceof FormData
    const response = await fetch(`${url}/api${path}`, {
      method,
      headers: {
        ...(isForm || body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${text}`)
    return JSON.parse(text === '' ? '{}' : text) as Row
  }
  return {
    post: (path, body) => send('POST', path, body),
    patch: (path, body) => send('PATCH', path, body),
    put: (path, body) => send('PUT', path, body),
    file(path, name, type, text) {
      const form = new FormData()
      form.set('file', new Blob([text], { type }), name)
      return send('POST', path, form)
    },
    as: (other) => requestsTo(url, other),
  }
}
