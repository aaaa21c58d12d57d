import { constants } from 'node:fs'
import { copyFile, open, stat, truncate } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** Postgres says little at its default level; this many bytes, twice, hold weeks of it or the whole of a bad night. */
const MAX_BYTES = 4 * 1024 * 1024

/** As much of the end as a person reads in an error message. */
const TAIL_BYTES = 4_000

/**
 * Opens the log for appending. Postgres writes to the file itself and not through us, so that it keeps
 * writing after our death and never waits for a busy event loop. A link in its place is refused: root may be opening it.
 */
export async function openLog(path: string): Promise<FileHandle> {
  await rotateLog(path)
  return open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600)
}

/**
 * Moves a log that has grown too long to `<path>.1`. By copy and truncate, because Postgres keeps its descriptor:
 * a line written between the two is lost, which a diagnostic log can bear.
 */
export async function rotateLog(path: string): Promise<void> {
  if ((await sizeOf(path)) <= MAX_BYTES) return
  await copyFile(path, `${path}.1`)
  await truncate(path)
}

/** Bytes in the log now; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => ({ size: 0 }))).size
}

/** The last lines written after the byte `offset`. */
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
