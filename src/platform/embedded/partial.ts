// Removes incomplete folders of crashed starts.

import { readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * A partial folder exists for half a second during initdb and for a tenth of a second during a copy. An older one was
 * left by a start that crashed. Age decides and not a process id in the name, because the process may run in another
 * container.
 */
const ABANDONED_AFTER_MS = 10 * 60_000

/** Removes the incomplete folders that crashed starts have left. @param prefix path with the beginning of their names */
export async function removeStalePartials(prefix: string): Promise<void> {
  const folder = dirname(prefix)
  for (const name of await readdir(folder)) {
    if (!name.startsWith(basename(prefix))) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => null)
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true })
  }
}
