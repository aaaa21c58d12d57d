import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** The facts of an answer that a connection reports: its body is counted and not kept. */
export interface AnswerSize {
  readonly status: number
  readonly bodyBytes: number
  /** The beginning of the answer, for the message about one that was not expected. */
  readonly beginning: Buffer
}

/** A keep-alive connection that has one request under way at a time. */
export interface Connection {
  /** @param onAnswer called when the last byte of the answer is in */
  send(request: Buffer, onAnswer: (answer: AnswerSize) => void): void
  close(): void
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const LENGTH = /\r\ncontent-length: (\d+)/i
const CHUNKED = /\r\ntransfer-encoding: chunked/i
const STATUS_AT = 9

/** The size of an answer's body by its head. @throws when the head does not give it: this generator reads no chunks */
function bodyLength(head: string): number {
  const length = LENGTH.exec(head)?.[1]
  if (length !== undefined) return Number(length)
  if (CHUNKED.test(head)) throw new Error(`the answer comes in chunks: ${head}`)
  return 0
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return socket
}

/**
 * Opens a keep-alive connection without an HTTP client: a client parses headers and bodies, which costs more than some of
 * the servers' answers.
 * @param onError called once when the connection fails or is closed by the server
 */
export async function openConnection(port: number, onError: (error: Error) => void): Promise<Connection> {
  const socket = await openSocket(port)
  let waiting: ((answer: AnswerSize) => void) | undefined
  let head: Buffer | undefined
  let status = 0
  let bodyBytes = 0
  let missing = -1
  const take = (chunk: Buffer): void => {
    if (missing >= 0) missing -= chunk.length
    else {
      head = head === undefined ? chunk : Buffer.concat([head, chunk])
      const end = head.indexOf(END_OF_HEAD)
      if (end < 0) return
      const text = head.toString('latin1', 0, end)
      status = Number(text.slice(STATUS_AT, STATUS_AT + 3))
      bodyBytes = bodyLength(text)
      missing = bodyBytes - (head.length - end - END_OF_HEAD.length)
    }
    if (missing > 0) return
    const answer = { status, bodyBytes, beginning: head ?? chunk }
    const onAnswer = waiting
    head = undefined
    missing = -1
    waiting = undefined
    onAnswer?.(answer)
  }
  socket.on('data', take)
  socket.on('error', onError)
  socket.on('close', () => onError(new Error('the server closed a connection')))
  return {
    send(request, onAnswer) {
      waiting = onAnswer
      socket.write(request)
    },
    close() {
      socket.removeAllListeners('close')
      socket.destroy()
    },
  }
}
