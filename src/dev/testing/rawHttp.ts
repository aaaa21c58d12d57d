import { connect } from 'node:net'

/** The bytes that were received over a raw socket. */
export interface RawResponse {
  /** 0 when the server closed without an answer. */
  readonly status: number
  readonly head: string
  readonly text: string
  // Bodies are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** Long enough for any answer, short enough to fail a test rather than to hang it. */
export const TIMEOUT_MS = 45_000

/**
 * Sends bytes as they are and returns the first answer: for what no HTTP client would let through.
 * @param options `end`: close the connection after the bytes, as a client that dies does
 */
export async function sendRawBytes(
  url: string,
  bytes: string | Uint8Array,
  options: { readonly end?: boolean } = {},
): Promise<RawResponse> {
  const { hostname, port } = new URL(url)
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host: hostname, port: Number(port) })
    const received = (): string => Buffer.concat(chunks).toString('utf8').replace(INTERIM_RESPONSE, '')
    const finish = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(received())
    }
    const timer = setTimeout(finish, TIMEOUT_MS)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      if (isComplete(received())) finish()
    })
    socket.on('end', finish)
    // A server may close while bytes are still coming; what it said before counts.
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? finish() : reject(error)))
    if (options.end === true) socket.end(bytes)
    else socket.write(bytes)
  })
  return readResponse(text)
}

/** Takes an answer apart. */
export function readResponse(text: string): RawResponse {
  const split = text.indexOf('\r\n\r\n')
  const head = split < 0 ? text : text.slice(0, split)
  const rest = split < 0 ? '' : text.slice(split + 4)
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, text: rest, body: parseJson(rest) }
}

/** `100 Continue` comes before the answer and is none. */
const INTERIM_RESPONSE = /^HTTP\/1\.1 1\d\d [^\r]*\r\n\r\n/

function isComplete(text: string): boolean {
  const split = text.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, Math.max(split, 0)))?.[1]
  return length !== undefined && Buffer.byteLength(text.slice(split + 4)) >= Number(length)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A request from its lines; the connection is closed behind it. */
export const sendRawRequest = (url: string, lines: readonly string[], body = ''): Promise<RawResponse> =>
  sendRawBytes(url, `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`)
