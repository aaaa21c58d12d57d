// The stream of the log: standard output, with a bounded buffer for a reader that does not read.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { settlesWithin } from './timeout.ts'

/**
 * Bytes of log that wait for their reader. A reader that is slower than this for long misses lines, and these are
 * counted. Without a bound a server whose log is not read grows until it is killed.
 */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** Where the lines of the log go. */
export interface LogStream {
  /** Accepts a line. It never waits; a line that does not fit is counted and dropped. */
  write(line: string): void
  /** Resolves when every accepted line is written, and after `timeoutMs` at the latest. */
  flush(timeoutMs: number): Promise<void>
  /** Lines that were dropped since the start. */
  readonly droppedCount: () => number
}

/** The target of the buffer: a file or a device, which takes what it is given, or a pipe, which may be full. */
interface Sink {
  /** Writes a text. Returns false when nothing of it could be written. */
  write(text: string): boolean
  readonly bufferedBytes: () => number
  /** Resolves when nothing is buffered any more. */
  drained(): Promise<void>
}

/** @param fd the file that is open now */
function fileSink(fd: () => number): Sink {
  return {
    write(text) {
      try {
        writeSync(fd(), text)
        return true
      } catch {
        // A full disk, or a terminal that was closed. The log has no other place to say so than its next line.
        return false
      }
    },
    bufferedBytes: () => 0,
    drained: () => Promise.resolve(),
  }
}

/** A pipe is written to without blocking: a blocking write to a full pipe would stop this whole process, its shutdown too. */
function pipeSink(fd: number, onDrain: () => void): Sink {
  const socket = new Socket({ fd, readable: false, writable: true })
  let isBroken = false
  socket.on('error', () => (isBroken = true))
  socket.on('drain', onDrain)
  socket.unref()
  return {
    write(text) {
      if (isBroken) return false
      socket.write(text)
      return true
    },
    bufferedBytes: () => (isBroken ? 0 : socket.writableLength),
    drained: () =>
      new Promise((resolve) => {
        if (isBroken) return resolve()
        // Called when everything before it is written, or with the error that broke the pipe.
        socket.write('', () => resolve())
      }),
  }
}

/**
 * Opens the stream of the log on a file descriptor. Lines are collected and written once per turn of the event loop.
 * When the reader has caught up, one line says how many lines were dropped.
 * @param droppedLine makes that line
 */
export function openLogStream(fd: number, droppedLine: (dropped: number) => string): LogStream {
  const status = fstatSync(fd)
  return linesInto((onDrain) => (status.isFIFO() || status.isSocket() ? pipeSink(fd, onDrain) : fileSink(() => fd)), droppedLine)
}

/** A log in a file, which programs that rotate logs move away. */
export interface LogFileStream extends LogStream {
  /** Opens the file of the name again, and makes it where there is none. @throws the error of the system; the file of before is used on */
  reopen(): void
}

/** Agents and other accounts do not read the log. A link in its place could lead to a file of another program. */
const openLogFile = (file: string): number =>
  openSync(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NOCTTY, 0o600)

/**
 * Opens the stream of the log on a file, at whose end it writes.
 * @param droppedLine as in `openLogStream`
 * @throws the error of the system
 */
export function openLogFileStream(file: string, droppedLine: (dropped: number) => string): LogFileStream {
  let fd = openLogFile(file)
  const stream = linesInto(() => fileSink(() => fd), droppedLine)
  return {
    ...stream,
    reopen() {
      const next = openLogFile(file)
      stream.writePending()
      closeSync(fd)
      fd = next
    },
  }
}

function linesInto(
  sinkOf: (onDrain: () => void) => Sink,
  droppedLine: (dropped: number) => string,
): LogStream & { readonly writePending: () => void } {
  const sink = sinkOf(writePending)
  let pending: string[] = []
  let pendingBytes = 0
  let dropped = 0
  let unreported = 0
  let isScheduled = false

  function drop(lines: number): void {
    dropped += lines
    unreported += lines
  }

  function writePending(): void {
    isScheduled = false
    // The line about dropped lines waits until half of the buffer is free, so that a slow reader does not get one for each line.
    if (unreported > 0 && sink.bufferedBytes() + pendingBytes <= MAX_BUFFERED_BYTES / 2 && sink.write(droppedLine(unreported)))
      unreported = 0
    if (pending.length === 0) return
    const lines = pending
    pending = []
    pendingBytes = 0
    if (!sink.write(lines.join(''))) drop(lines.length)
  }

  process.once('exit', writePending)
  return {
    writePending,
    write(line) {
      if (pendingBytes + sink.bufferedBytes() + line.length > MAX_BUFFERED_BYTES) return drop(1)
      pending.push(line)
      pendingBytes += line.length
      if (isScheduled) return
      isScheduled = true
      setImmediate(writePending)
    },
    async flush(timeoutMs) {
      writePending()
      await settlesWithin(sink.drained(), timeoutMs)
    },
    droppedCount: () => dropped,
  }
}
