// The log file of the embedded Postgres: open, rotate, read its end.

import { constants } from 'node:fs'
import { copyFile, open, stat, truncate } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** Postgres logs little at its default level: two files of this size hold weeks of normal operation, or one night of errors. */
const MAX_BYTES = 4 * 1024 * 1024

/** The length of the end of the log that is quoted in an error message. */
const TAIL_BYTES = 4_000

/**
 * Opens the log for appending. Postgres writes to the file directly and not through this process, so that it can write
 * after this process has ended and never waits for a busy event loop. A symbolic link in its place is refused, because
 * root may be opening it.
 */
export async function openLog(path: string): Promise<FileHandle> {
  await rotateLog(path)
  return open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600)
}

/**
 * Moves a log that has grown too long to `<path>.1`. It copies and truncates, because Postgres keeps its file descriptor.
 * A line that is written between the two steps is lost; for a diagnostic log this is acceptable.
 */
export async function rotateLog(path: string): Promise<void> {
  if ((await sizeOf(path)) <= MAX_BYTES) return
  await copyFile(path, `${path}.1`)
  await truncate(path)
}

/** The size of the log in bytes; 0 when it does not exist. */
export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => ({ size: 0 }))).size
}

/** The end of the log, at most 4,000 bytes, without the bytes before `offset`. */
export async function tailOf(path: string, offset: number): Promise<string> {
  const handle = await open(path, 'r')
  try {
    const end = (await handle.stat()).size
    const start = Math.max(Math.min(offset, end), end - TAIL_BYTES)
    const { buffer } = await handle.read(Buffer.alloc(end - start), 0, end - start, start)
    return buffer.toString('utf8').trim()
  } finally {
    await handle.close()
  }
}
