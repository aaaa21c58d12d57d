import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Creates a folder of root, and its missing parents, that other accounts may enter and read but not change. The mode is
 * set afterwards, because with umask 077, a common hardening for root, the folder would be closed. Folders that existed
 * before keep their mode.
 */
export async function makeTraversable(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true })
  if (firstMade === undefined) return
  for (let made = folder; made.length >= firstMade.length; made = dirname(made)) await chmod(made, 0o755)
}
