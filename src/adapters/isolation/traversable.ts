import { chmodSync, mkdirSync } from 'node:fs'
import path from 'node:path'

/** Other accounts may enter the folder by its name, and not list it. */
const MAY_ENTER = 0o711

/**
 * Creates a folder, and its missing parents, that other accounts may enter. The mode is set afterwards, because with umask 077,
 * a common hardening for root, the folder would be closed. Folders that existed before keep their mode: others use them too.
 */
export function makeTraversable(folder: string, mode: number = MAY_ENTER): void {
  const firstMade = mkdirSync(folder, { recursive: true })
  if (firstMade === undefined) return
  for (let made = folder; made.length >= firstMade.length; made = path.dirname(made)) chmodSync(made, mode)
}
