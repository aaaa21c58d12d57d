// The hosts that use the folder of the operator. A process of another host cannot be looked for, so it counts as alive while its host uses the folder.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** A file for each boot of each host, and for each container: its time says when a server there used the folder last. */
const FOLDER = '.paperclip-hosts'
/** Servers sign every 20 seconds. A run is over when its server has not renewed its lease for 30. */
const SILENT_MS = 120_000

export interface HostRecord {
  /** Says that this host uses the folder now. Never throws: the folder may be away. */
  sign(): void
  /** Whether a host has signed, and not for two minutes, so that nothing of it works in the folder. One that never signed is not known to be over. */
  isOver(host: string): boolean
}

/**
 * @param folder of the operator
 * @param host of this process, as identities of processes have it; null where it is not known
 */
export function hostRecord(folder: string, host: string | null): HostRecord {
  const fileOf = (name: string): string => path.join(folder, FOLDER, createHash('sha256').update(name).digest('hex').slice(0, 32))
  // Both times are of the clock of the file system, which hosts that share it have in common.
  const signedAt = (name: string): number | undefined => statSync(fileOf(name), { throwIfNoEntry: false })?.mtimeMs
  const sign = (): void => {
    if (host === null) return
    try {
      const here = path.join(folder, FOLDER)
      if (!existsSync(here)) mkdirSync(here, { mode: 0o700 })
      writeFileSync(fileOf(host), 'here\n', { mode: 0o600 })
    } catch {
      // The next one tries again.
    }
  }
  return {
    sign,
    isOver(other) {
      sign()
      const [own, its] = [host === null ? undefined : signedAt(host), signedAt(other)]
      return own !== undefined && its !== undefined && own - its > SILENT_MS
    },
  }
}
