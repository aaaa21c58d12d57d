// A physical copy of a whole cluster over a connection of replication. The driver knows no such copy; what it passes on of it suffices.

import pg from 'pg'
import { CONNECT_TIMEOUT_MS } from './client.ts'
import { destroyConnection } from './socket.ts'
import { withTls } from './tls.ts'
import type { Connection, ConnectionOptions } from './types.ts'

/** A part of the copy: of the one archive, or of the manifest that lists its files. */
export interface BasePart {
  readonly of: 'archive' | 'manifest'
  readonly bytes: Buffer
}

/** The first byte of each message of the copy (Postgres, "BASE_BACKUP"). */
const NEW_ARCHIVE = 0x6e
const MANIFEST = 0x6d
const DATA = 0x64

interface CopyMessage {
  readonly chunk: Buffer
}

/** The parts of a client that a copy uses. */
interface CopyingClient {
  readonly connection: {
    on(event: 'copyData', listener: (message: CopyMessage) => void): void
    readonly stream: { pause(): void; resume(): void }
  }
}

/** Messages that wait for the receiver at most; then the socket is not read. */
const MAX_WAITING = 64

/** Asks for the copy, whose parts the connection reports, and waits for its end. */
async function copyWith(client: pg.Client): Promise<void> {
  const query = Object.assign(
    new pg.Query("BASE_BACKUP (LABEL 'paperclip-server', WAL, CHECKPOINT 'fast', MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256')"),
    {
      handleCopyData: () => {},
      handleCopyOutResponse: () => {},
    },
  )
  await new Promise<void>((resolve, reject) => {
    query.on('end', () => resolve())
    query.on('error', reject)
    client.query(query as never)
  })
}

/**
 * Copies the cluster of a connection, with the log that makes the copy consistent, one part after the other and in bounded memory.
 * @param options of a login that may replicate
 * @param receive takes a part; the next follows when it has resolved
 * @param signal ends the copy in the middle
 * @throws the driver's error; what `receive` throws; the reason of the signal. The part that was received is of no use then
 */
export async function readBaseBackup(
  options: ConnectionOptions,
  receive: (part: BasePart) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted()
  const client = new pg.Client({
    // A connection of replication takes the same road as every other: encrypted as the URL asks for it.
    ...withTls(options),
    application_name: 'paperclip-server base backup',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    replication: 'true',
  } as pg.ClientConfig)
  client.on('error', () => {})
  await client.connect()
  const { connection } = client as unknown as CopyingClient
  let of: BasePart['of'] = 'archive'
  let archives = 0
  let [waiting, failure] = [0, undefined as unknown]
  let received: Promise<void> = Promise.resolve()
  const fail = (error: unknown): void => {
    failure ??= error
    destroyConnection(client as unknown as Connection)
  }
  const end = (): void => fail(signal?.reason)
  signal?.addEventListener('abort', end, { once: true })
  connection.on('copyData', ({ chunk }) => {
    const [kind] = chunk
    if (kind === NEW_ARCHIVE) archives += 1
    if (kind === MANIFEST) of = 'manifest'
    if (archives > 1) fail(new Error('the cluster has tablespaces outside its folder, which this copy does not take'))
    if (kind !== DATA || failure !== undefined) return
    // The driver may use the memory of a message again.
    const part = { of, bytes: Buffer.from(chunk.subarray(1)) }
    waiting += 1
    if (waiting >= MAX_WAITING) connection.stream.pause()
    received = received
      .then(() => receive(part))
      .then(() => {
        waiting -= 1
        if (waiting < MAX_WAITING) connection.stream.resume()
      }, fail)
  })
  try {
    await copyWith(client)
    await received
    if (failure !== undefined) throw failure
  } catch (error) {
    throw failure ?? error
  } finally {
    signal?.removeEventListener('abort', end)
    await client.end().catch(() => {})
  }
}
