import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder of root's, and the missing ones above it, that other accounts may pass through and read but not change.
 * The mode is set afterwards because a root with umask 077, a common hardening, would make it closed. Folders
 * that were there already keep the mode somebody gave them.
 */
export async function makeTraversable(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true })
  if (firstMade === undefined) return
  for (let made = folder; made.length >= firstMade.length; made = dirname(made)) await chmod(made, 0o755)
}
