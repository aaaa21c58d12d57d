// The file, or the folder with a copy of the cluster, beside the name of a backup while it is written. A process that is killed leaves it there.

import { randomBytes } from 'node:crypto'
import { lstat, readdir, rm } from 'node:fs/promises'
import path from 'node:path'

const PARTIAL = /^\..+\.partial-[0-9a-f]{12}$/
/** A backup in progress grows; one that has not for so long was left by a process that ended. It may have run in another container, so no process id says it. */
const ABANDONED_MS = 60 * 60_000

/** The name under which a backup is written until it is whole. */
export const partialOf = (wanted: string): string =>
  path.join(path.dirname(wanted), `.${path.basename(wanted)}.partial-${randomBytes(6).toString('hex')}`)

/** When a file, or the youngest file of a folder, was written to; null for neither, or another account's. */
async function writtenAt(place: string): Promise<number | null> {
  const facts = await lstat(place).catch(() => null)
  // In a shared folder any account may make such a name, with a link in it.
  if (facts === null || (process.getuid?.() ?? facts.uid) !== facts.uid) return null
  if (facts.isFile()) return facts.mtimeMs
  if (!facts.isDirectory()) return null
  const inside = await Promise.all((await readdir(place)).map((name) => lstat(path.join(place, name)).catch(() => null)))
  return Math.max(facts.mtimeMs, ...inside.map((each) => each?.mtimeMs ?? 0))
}

/** Removes what earlier backups into this folder left when their process ended in the middle. @throws when the folder cannot be read */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!PARTIAL.test(name)) continue
    const place = path.join(folder, name)
    const at = await writtenAt(place).catch(() => null)
    // A leftover that cannot be removed does not stand against a new backup.
    if (at !== null && Date.now() - at > ABANDONED_MS) await rm(place, { recursive: true, force: true }).catch(() => {})
  }
}
