import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** The file in the home that names the server which runs on it, so that its command line finds it at any port. */
export const RUNNING_FILE = 'running.json'

/** A server that has announced itself. */
export interface Announced {
  /** Removes the file, unless another server on this home has replaced it. */
  remove(): void
}

/**
 * Writes where the server of this process listens into its home, with mode 0600. It is a hint for people's commands and decides nothing: a
 * server that was killed leaves the file behind, and its reader asks the address. A home that cannot be written is no reason to stop.
 * @param url without a path
 */
export function announceRunning(home: string, url: string): Announced {
  const file = path.join(home, RUNNING_FILE)
  const text = `${JSON.stringify({ url, pid: process.pid })}\n`
  const temporary = `${file}.${process.pid}`
  try {
    writeFileSync(temporary, text, { mode: 0o600 })
    renameSync(temporary, file)
  } catch {
    rmSync(temporary, { force: true })
  }
  return {
    remove() {
      try {
        if (readFileSync(file, 'utf8') === text) rmSync(file, { force: true })
      } catch {
        // Nothing was written, or the home is gone.
      }
    },
  }
}
