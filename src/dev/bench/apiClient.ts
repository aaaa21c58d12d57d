type Row = Record<string, unknown>

/** Requests of the board, for what the bench needs before it measures. */
export interface ApiClient {
  get(path: string): Promise<Row>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Row>
}

/**
 * Sends requests to a server on this machine.
 * @param credentials headers of every request; without them the caller is the local board
 * @throws when an answer is not a success
 */
export function createApiClient(port: number, credentials: Readonly<Record<string, string>> = {}): ApiClient {
  const call = async (path: string, init: RequestInit): Promise<Row> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as Row
  }
  return {
    get: (path) => call(path, { headers: credentials }),
    post: (path, body, headers = {}) =>
      call(path, {
        method: 'POST',
        headers: { ...credentials, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
  }
}
