import { accessSync, constants, statSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import type { Config } from './config.ts'

/** Sentences about the port, by the error of an attempt to listen. */
const portSentences: Readonly<Record<string, (place: string) => string>> = {
  EADDRINUSE: (place) => `PORT: another process listens on ${place} (EADDRINUSE): end it, or set PORT to a free port`,
  EACCES: (place) => `PORT: the account of this server may not listen on ${place} (EACCES): set PORT to 1024 or higher`,
  EADDRNOTAVAIL: (place) => `HOST: this machine has no address for ${place} (EADDRNOTAVAIL): set HOST to one of its addresses`,
}

/** The sentence for the operator about an error of listening; null where nothing can be said. */
export function listenProblem(error: unknown, { host, port }: Pick<Config, 'host' | 'port'>): string | null {
  const { code = '' } = error as NodeJS.ErrnoException
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `HOST: the name ${host} is not known (${code}): set HOST to an address of this machine`
  return portSentences[code]?.(place) ?? null
}

/** Listens for a moment. Another process may take the port afterwards; then the start ends later, with the same sentence. */
async function portProblem(config: Pick<Config, 'host' | 'port'>): Promise<string | null> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port: config.port, host: config.host }, resolve)
    })
    return null
  } catch (error) {
    return listenProblem(error, config)
  } finally {
    server.close()
  }
}

/** The folder itself, or the nearest one above it that exists; and what it is, or why nobody can say. */
function nearestExisting(folder: string): { readonly at: string; readonly isFolder: boolean; readonly code: string | null } {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      return { at, isFolder: statSync(at).isDirectory(), code: null }
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === path.dirname(at)) return { at, isFolder: false, code }
    }
  }
}

/** Looks at the home and makes nothing. */
function homeProblem(home: string): string | null {
  const { at, isFolder, code } = nearestExisting(home)
  if (code !== null) return `PAPERCLIP_HOME: ${at} cannot be entered (${code}): set it to a folder of the account of this server`
  if (!isFolder) return `PAPERCLIP_HOME: ${at} is not a folder: set it to a folder, or to one that can be made`
  try {
    accessSync(at, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    const account = process.getuid === undefined ? '' : ` (uid ${process.getuid()})`
    return `PAPERCLIP_HOME: ${at} cannot be written by the account of this server${account} (${reason}): set it to a folder that can, or change the rights of this one`
  }
}

/** Finds the faults of the home and of the port before anything is made there. One sentence per fault. */
export async function placeProblems({ home, host, port }: Pick<Config, 'home' | 'host' | 'port'>): Promise<string[]> {
  return [homeProblem(home), await portProblem({ host, port })].filter((problem) => problem !== null)
}
