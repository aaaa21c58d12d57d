// One HTTP request and its answer, without a test runner.

export interface Reply {
  readonly status: number
  readonly text: string
  // Bodies are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly headers: Headers
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, or as the form that it is; nothing is sent for undefined. */
  readonly body?: unknown
}

/** A body as it is sent. */
export interface Encoded {
  readonly contentType: string
  readonly bytes: Buffer
}

/** A body as bytes, with the type that says how to read them. */
export async function encodeBody(body: unknown): Promise<Encoded> {
  if (!(body instanceof FormData)) return { contentType: 'application/json', bytes: Buffer.from(JSON.stringify(body)) }
  const form = new Response(body)
  return { contentType: form.headers.get('content-type') ?? '', bytes: Buffer.from(await form.arrayBuffer()) }
}

/** Sends one request. */
export async function sendRequest(url: string, { method, path, headers = {}, body }: Request): Promise<Reply> {
  const encodedBody = body === undefined ? undefined : await encodeBody(body)
  const response = await fetch(`${url}${path}`, {
    method: method.toUpperCase(),
    headers: { ...headers, ...(encodedBody === undefined ? {} : { 'content-type': encodedBody.contentType }) },
    ...(encodedBody === undefined ? {} : { body: encodedBody.bytes }),
    redirect: 'manual',
  })
  const text = await response.text()
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  return { status: response.status, text, body: parsed, headers: response.headers }
}
