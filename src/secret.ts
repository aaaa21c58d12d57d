import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/**
 * The secret that signs run tokens when none is configured: made once, kept in the home with mode 0600. Two servers that
 * start at once agree on one, because a link is made by exactly one of them.
 *
 * @param home folder of the server; made 0700 when absent
 */
export function keptSecret(home: string): string {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const file = path.join(home, 'agent-jwt-secret')
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  writeFileSync(draft, `${randomBytes(48).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readFileSync(file, 'utf8').trim()
}
