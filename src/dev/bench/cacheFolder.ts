import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

/**
 * The folder, outside the project, for what one run of the bench leaves to the next: the installed peer and the planted databases.
 * @param env `BENCH_CACHE` is another folder
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  // Postgres does not run as root, and its account cannot enter root's home.
  const usual = process.getuid?.() === 0 ? '/var/cache' : (env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'))
  const folder = env['BENCH_CACHE'] ?? path.join(usual, 'paperclip-server-bench')
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return folder
}
