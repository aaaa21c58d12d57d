import { credentialRefOf } from '../../auth/credentialStatus.ts'
import { presentLogPiece, readLogPiece, runRowById } from '../../engine/runs/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { LiveResponse, Sink } from '../../http/liveResponse.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunStatus } from '../../model/runStatus.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { createWorker } from '../../platform/kernel/worker.ts'
import type { Feed } from './feed.ts'

/** Unsent bytes of a client above which the next piece is not read yet. */
const MAX_BUFFERED_BYTES = 128 * 1024
/** A client that has not drained its buffer by then is disconnected. It can resume with its offset. */
const SLOW_READER_TIMEOUT_MS = 10_000
/** The largest piece in one event. */
const PIECE_BYTES = 64 * 1024
/** Within this time the output of a run on another server is seen. */
const POLL_INTERVAL_MS = 1000
/** Output of a run on this server is seen so long after it came; it is stored within that time. */
const HINT_DELAY_MS = 150
/** Shorter than the idle timeout of any common proxy. */
const KEEP_ALIVE_INTERVAL_MS = 15_000
const RETRY_MS = 1000
/** Digits of an offset; a log has some megabytes. */
const offsetPattern = /^\d{1,12}$/

interface Follow {
  readonly ctx: Ctx
  readonly runId: string
  /** The byte to begin with. */
  readonly from: number
  /** Releases the client's connection slot. */
  readonly release: () => void
}

export interface FollowOptions {
  readonly slowReaderTimeoutMs?: number
  readonly keepAliveIntervalMs?: number
}

/**
 * Follows the log of a run: what is stored from an offset on, and then what is added, until the run has ended. It reads what
 * is stored, so it works on every server. The id of each event is the offset behind it, and a client that reconnects
 * continues there. After the last piece comes an event `ended` with the status; a client that follows a run that has ended, and has
 * read all of it, gets 204, which stops a browser from connecting again.
 *
 * @param lastEventId wins over the offset of the query: the client has read further since it opened this URL
 * @returns null when nothing is left to read
 * @throws Refusal `not_found`, `malformed_cursor`, `too_many_streams`
 */
export async function followLog(
  feed: Feed,
  {
    ctx,
    runId,
    offset,
    lastEventId,
  }: { readonly ctx: Ctx; readonly runId: string; readonly offset: number; readonly lastEventId: string | null },
  options: FollowOptions = {},
): Promise<LiveResponse | null> {
  if (lastEventId !== null && !offsetPattern.test(lastEventId)) refuse('malformed_cursor')
  const from = lastEventId === null ? offset : Number(lastEventId)
  const { status, companyId } = await runRowById(ctx.store.read, ctx, runId)
  if (isTerminal(status) && (await hasReadAll(ctx, runId, from))) return null
  const release = feed.connectionLimits.acquire(companyId, ctx.actor.kind === 'agent' ? ctx.actor.agentId : null)
  const open = (sink: Sink): (() => void) => openFollow(feed, { ctx, runId, from, release }, sink, options)
  return { contentType: 'text/event-stream; charset=utf-8', open }
}

const isTerminal = (status: RunStatus): boolean => runStatus.terminal.includes(status)

async function hasReadAll(ctx: Ctx, runId: string, offset: number): Promise<boolean> {
  const piece = await readLogPiece(ctx, runId, { offset, limitBytes: 1 })
  return piece === null || piece.content === ''
}

/** Ends the answer with the credential of its reader, and with this server. @returns the function that ends the watch */
function endWithCredential(feed: Feed, ctx: Ctx, sink: Sink): () => void {
  const credential = credentialRefOf(ctx.actor, companyOf(ctx))
  const stopWatching = credential === null ? undefined : feed.watchCredential(credential, sink.end)
  const stopListening = feed.onStop(sink.end)
  return () => {
    stopWatching?.()
    stopListening()
  }
}

function openFollow(feed: Feed, { ctx, runId, from, release }: Follow, sink: Sink, options: FollowOptions): () => void {
  let offset = from
  let isClosed = false

  const waitForClient = async (): Promise<void> => {
    if (sink.pendingBytes() <= MAX_BUFFERED_BYTES) return
    if (!(await sink.drained(options.slowReaderTimeoutMs ?? SLOW_READER_TIMEOUT_MS))) sink.destroy()
  }
  const end = (status: string): void => {
    sink.write(`event: ended\ndata: ${JSON.stringify({ status })}\n\n`)
    sink.end()
  }
  /** Sends what is stored. The status is read first: behind the log of a run that has ended nothing is added. */
  const sendStored = async (): Promise<void> => {
    const { status } = await runRowById(ctx.store.read, ctx, runId)
    while (!isClosed) {
      const piece = await readLogPiece(ctx, runId, { offset, limitBytes: PIECE_BYTES })
      if (piece === null || piece.content === '') break
      offset = piece.next
      sink.write(`id: ${offset}\ndata: ${JSON.stringify(presentLogPiece(runId, piece))}\n\n`)
      await waitForClient()
      if (piece.isAtEnd) break
    }
    if (!isClosed && isTerminal(status)) end(status)
  }
  const worker = createWorker({
    minDelayMs: () => HINT_DELAY_MS,
    maxDelayMs: POLL_INTERVAL_MS,
    async work() {
      try {
        await sendStored()
      } catch (error) {
        // The run was deleted. Every other failure is one of the database, and the next attempt continues.
        if (error instanceof Refusal && error.code === 'not_found') sink.end()
        else throw error
      }
      return isClosed ? undefined : POLL_INTERVAL_MS
    },
    onError: () => {},
  })

  const keepAlive = setInterval(() => {
    if (sink.pendingBytes() <= MAX_BUFFERED_BYTES) sink.write(': here\n\n')
  }, options.keepAliveIntervalMs ?? KEEP_ALIVE_INTERVAL_MS)
  const stopWatching = endWithCredential(feed, ctx, sink)
  const removeHint = feed.onLogLine((line) => {
    if (line.runId === runId) worker.notify()
  })
  sink.write(`retry: ${RETRY_MS}\nid: ${offset}\n\n`)
  worker.notify()
  return () => {
    isClosed = true
    clearInterval(keepAlive)
    stopWatching()
    removeHint()
    worker.stop().catch(() => {})
    release()
  }
}
