/** Requests of the local board, for what the bench needs before it measures. */
export interface ApiClient {
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Record<string, unknown>>
}

/** Sends requests to a server on this machine. @throws when an answer is not a success */
export const createApiClient = (port: number): ApiClient => ({
  async post(path, body, headers = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as Record<string, unknown>
  },
})
