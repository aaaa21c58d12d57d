// Requests of tests over connections that are kept. Libraries for requests take more processor time than most answers of the server.

import { Agent, request as startRequest } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'

export interface Sent {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Nothing is sent for null. */
  readonly bytes: Buffer | string | null
}

export interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly bytes: Buffer
}

const keepAlive = new Agent({ keepAlive: true })

/** Sends a request, and follows no redirect. @throws Error with the code of a connection that fails, also in the middle of the answer */
export const exchange = (url: string, { method, headers, bytes }: Sent): Promise<Received> =>
  new Promise((resolve, reject) => {
    const length = bytes === null ? {} : { 'content-length': Buffer.byteLength(bytes) }
    const options = { method: method.toUpperCase(), headers: { ...headers, ...length }, agent: keepAlive }
    const request = startRequest(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers: received, rawHeaders } = response
        resolve({ status, headers: received, rawHeaders, bytes: Buffer.concat(chunks) })
      })
    })
    request.on('error', reject)
    request.end(bytes ?? undefined)
  })
