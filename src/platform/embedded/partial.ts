import { readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Half a second of initdb and a tenth of copying are what makes a partial folder; one this old has lost its maker.
 * Age decides and not a process number in the name, because the maker may live in another container.
 */
const ABANDONED_AFTER_MS = 10 * 60_000

/** Removes the folders beginning with `prefix` (a path) that crashed starts have left half filled. */
export async function removeStalePartials(prefix: string): Promise<void> {
  const folder = dirname(prefix)
  for (const name of await readdir(folder)) {
    if (!name.startsWith(basename(prefix))) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => null)
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true })
  }
}
