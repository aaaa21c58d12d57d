import type { Store } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { addChunk, addEvent, newBuffer } from './logBuffer.ts'
import type { Chunk, RunBuffer, RunEvent } from './logBuffer.ts'
import { createFlusher } from './logFlush.ts'
import type { Flusher } from './logFlush.ts'
import type { LogFacts } from './runResult.ts'

/** The records of one run while it lives. */
export interface RunLogWriter {
  /** A returned promise resolves when there is room for more. */
  write(chunk: Chunk): void | Promise<void>
  addEvent(event: RunEvent): void
  /** Resolves when everything is written; null for a run that wrote nothing. After it only events are accepted. */
  close(): Promise<LogFacts | null>
  /** Writes what is left and forgets the run. */
  dispose(): Promise<void>
}

/** Writes logs and events of all runs of a server, many in one statement. Telemetry: it decides nothing. */
export interface LogWriter {
  open(runId: string): RunLogWriter
  /** Writes what can be written now; the rest is lost. */
  stop(): Promise<void>
}

/** From this much pending output on, a run's log is written at once. */
const FLUSH_LENGTH = 16 * 1024
/** From this much pending output on, the output of the run is held back until it is written. */
const MAX_PENDING_LENGTH = 256 * 1024

/** @param onEvents is called when events have been written */
export function createLogWriter(store: Store, log: Log, onEvents: () => void): LogWriter {
  const buffers = new Map<string, RunBuffer>()
  const flusher = createFlusher({ store, log, onEvents, buffers })
  return {
    open(runId) {
      const buffer = newBuffer(runId)
      buffers.set(runId, buffer)
      return createRunLogWriter(buffer, flusher, () => buffers.delete(runId))
    },
    stop: () => flusher.drain(),
  }
}

const createRunLogWriter = (buffer: RunBuffer, flusher: Flusher, onDispose: () => void): RunLogWriter => ({
  write(chunk) {
    if (buffer.isCapped) return undefined
    addChunk(buffer, chunk)
    if (buffer.pendingLength < FLUSH_LENGTH) return flusher.flushSoon()
    if (buffer.pendingLength < MAX_PENDING_LENGTH) return flusher.flushNow()
    return flusher.whenWritten(buffer)
  },
  addEvent(event) {
    addEvent(buffer, event)
    flusher.flushSoon()
  },
  async close() {
    // The end of a run is published when its log can be read; its events may follow.
    if (buffer.openLine !== null || buffer.pieces.length > 0 || flusher.isBusy()) await flusher.whenWritten(buffer)
    if (buffer.bytes === 0) return null
    return { store: 'postgres', ref: buffer.runId, bytes: buffer.bytes, sha256: buffer.hash.copy().digest('hex') }
  },
  async dispose() {
    await flusher.whenWritten(buffer)
    onDispose()
  },
})
