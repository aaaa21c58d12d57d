// One connection for many requests whose bytes are written by the test. The other end of a new connection is looked up in the table
// of all connections of the machine, which costs more than most requests.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { readResponse, TIMEOUT_MS } from './rawHttp.ts'
import type { RawResponse } from './rawHttp.ts'

/** Sends the bytes of one request and returns its answer. One request after another. */
export type SendKept = (bytes: Uint8Array) => Promise<RawResponse>

/** The text of the first answer if all of it is there, without interim ones. */
function wholeAnswer(received: string): { readonly text: string; readonly isLast: boolean } | null {
  const text = received.replace(/^(HTTP\/1\.1 1\d\d [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)+/, '')
  const split = text.indexOf('\r\n\r\n')
  if (split < 0) return null
  const head = text.slice(0, split).toLowerCase()
  const isLast = /\r\nconnection: close/.test(head)
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  const size = Buffer.byteLength(text) - split - 4
  if (length !== undefined) return size < Number(length) ? null : { text, isLast: isLast || size > Number(length) }
  if (/^http\/1\.1 (?:204|304)/.test(head)) return { text, isLast: isLast || size > 0 }
  // A body of unknown length ends with its last chunk, or with the connection.
  return head.includes('\r\ntransfer-encoding: chunked') && text.endsWith('\r\n0\r\n\r\n') ? { text, isLast } : null
}

const open = (url: string): Socket => {
  const { hostname, port } = new URL(url)
  // The request that is under way looks at how its connection ends; between two requests the end says nothing.
  return connect({ host: hostname, port: Number(port), noDelay: true }).on('error', () => {})
}

const exchangeOn = (socket: Socket, bytes: Uint8Array): Promise<{ readonly text: string; readonly isLast: boolean }> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    const received = (): string => Buffer.concat(chunks).toString('utf8')
    const finish = (answer: { readonly text: string; readonly isLast: boolean }): void => {
      clearTimeout(timer)
      socket.off('data', take).off('close', cut)
      resolve(answer)
    }
    const cut = (): void => finish({ text: received(), isLast: true })
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      const answer = wholeAnswer(received())
      if (answer !== null) finish(answer)
    }
    const timer = setTimeout(cut, TIMEOUT_MS)
    socket.on('data', take).on('close', cut)
    socket.write(bytes)
  })

/** Creates a sender that keeps its connection as long as the server keeps it; a closed one is replaced before the next request. */
export function keepConnection(url: () => string): SendKept & { end(): void } {
  let socket: Socket | null = null
  const send = async (bytes: Uint8Array): Promise<RawResponse> => {
    // A connection that the server closes between two requests is seen as closed in the next turn of the loop.
    if (socket !== null) await new Promise(setImmediate)
    if (socket === null || socket.destroyed || socket.readableEnded) socket = open(url())
    const { text, isLast } = await exchangeOn(socket, bytes)
    if (isLast) {
      socket.destroy()
      socket = null
    }
    return readResponse(text)
  }
  return Object.assign(send, { end: () => void socket?.destroy() })
}
