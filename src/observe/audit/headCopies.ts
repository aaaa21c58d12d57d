// Copies of the lines of the file of heads, on another disk or another machine.

import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '../../platform/kernel/log.ts'
import { isNumbered, parseLine } from './headLines.ts'
import type { WitnessCopy } from './witnessRules.ts'

/** Lines that wait for a place that does not answer: hours of a busy server, and 5 MB at most. Older ones are dropped. */
const MAX_WAITING = 10_000
/** Lines of one request or one write. */
const BATCH = 500
const TIMEOUT_MS = 10_000
const RETRY_MS = 30_000
/** The end of a copied file that is read for its last line. */
const TAIL_BYTES = 64 * 1024

/** A place that takes lines, oldest first, and may refuse. */
interface Place {
  readonly kind: 'folder' | 'url'
  send(lines: readonly string[], keyId: string): Promise<void>
}

/** Where the lines of the file of heads are sent in addition. Sending never delays or fails what writes them. */
export interface HeadCopies {
  /** Takes lines that are on the disk of the home. @param keyId names the home */
  add(lines: readonly string[], keyId: string): void
  /** Lines that no place has taken yet, and lines that were dropped. */
  unsent(): number
  /** The last line in the folder; null without a folder or a line. @throws Error when it cannot be read */
  lastInFolder(keyId: string): Promise<WitnessCopy | null>
  /** Resolves when nothing waits or every place has failed. */
  settled(): Promise<void>
  /** Ends the attempts. Lines that wait stay unsent, and no place is asked again by itself. */
  stop(): void
}

const fileIn = (folder: string, keyId: string): string => path.join(folder, `audit-heads-${keyId}.ndjson`)

const folderPlace = (folder: string): Place => ({
  kind: 'folder',
  async send(lines, keyId) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const handle = await open(fileIn(folder, keyId), 'a', 0o600)
    try {
      await handle.appendFile(lines.map((line) => `${line}\n`).join(''))
      await handle.datasync()
    } finally {
      await handle.close()
    }
  },
})

function urlPlace(given: string): Place {
  const url = new URL(given)
  const credentials = url.username === '' ? null : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  return {
    kind: 'url',
    async send(lines, keyId) {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-ndjson',
          'x-paperclip-witness': keyId,
          ...(credentials === null ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
        },
        body: lines.map((line) => `${line}\n`).join(''),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`the answer was ${response.status}`)
    },
  }
}

/** The queue of one place. Lines of a failed send stay in it, so a place may get a line twice and none out of order. */
function createQueue(place: Place, log: Log) {
  const waiting: { readonly line: string; readonly keyId: string }[] = []
  let dropped = 0
  let hasFailed = false
  let sending: Promise<void> | null = null
  let retry: NodeJS.Timeout | undefined
  let isStopped = false

  const drain = async (): Promise<void> => {
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      const { keyId } = first
      const other = waiting.findIndex((each) => each.keyId !== keyId)
      const batch = waiting.slice(0, Math.min(BATCH, other === -1 ? waiting.length : other))
      await place.send(
        batch.map(({ line }) => line),
        keyId,
      )
      // Lines may have been dropped from the front meanwhile.
      for (const sent of batch) if (waiting[0] === sent) waiting.shift()
    }
    if (hasFailed) log.info({ place: place.kind, dropped }, 'audit heads are copied again')
    hasFailed = false
  }

  const start = (): void => {
    if (sending !== null) return
    clearTimeout(retry)
    sending = drain()
      .catch((error: unknown) => {
        if (!hasFailed) log.error({ place: place.kind, err: error }, 'audit heads cannot be copied; retrying')
        hasFailed = true
        if (!isStopped) retry = setTimeout(start, RETRY_MS).unref()
      })
      .finally(() => (sending = null))
  }

  return {
    add(lines: readonly string[], keyId: string): void {
      waiting.push(...lines.map((line) => ({ line, keyId })))
      if (waiting.length > MAX_WAITING) dropped += waiting.splice(0, waiting.length - MAX_WAITING).length
      start()
    },
    unsent: () => waiting.length + dropped,
    settled: async () => (await sending) ?? undefined,
    stop(): void {
      isStopped = true
      clearTimeout(retry)
    },
  }
}

async function lastLineOf(file: string): Promise<WitnessCopy | null> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return null
  try {
    const { size } = await handle.stat()
    const start = Math.max(0, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start)
    for (const text of buffer.toString('utf8', 0, bytesRead).split('\n').toReversed()) {
      const line = parseLine(text)
      if (line !== null && isNumbered(line)) return { line: line.line, signature: line.signature }
    }
    return null
  } finally {
    await handle.close()
  }
}

/**
 * Creates the copies of a server.
 * @param folder a folder, best on another disk or machine; null for none
 * @param url receives lines by POST as `application/x-ndjson`; a user and password in it are sent as Basic; null for none
 */
export function createHeadCopies({ folder, url }: { readonly folder: string | null; readonly url: string | null }, log: Log): HeadCopies {
  const places = [...(folder === null ? [] : [folderPlace(folder)]), ...(url === null ? [] : [urlPlace(url)])]
  const queues = places.map((place) => createQueue(place, log))
  return {
    add(lines, keyId) {
      for (const queue of queues) queue.add(lines, keyId)
    },
    unsent: () => Math.max(0, ...queues.map((queue) => queue.unsent())),
    lastInFolder: async (keyId) => (folder === null ? null : lastLineOf(fileIn(folder, keyId))),
    async settled() {
      await Promise.all(queues.map((queue) => queue.settled()))
    },
    stop() {
      for (const queue of queues) queue.stop()
    },
  }
}
