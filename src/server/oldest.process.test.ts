import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { pollFor, send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { accountFor, asAccount } from '../platform/embedded/account.ts'
import { LEAST_POSTGRES } from '../platform/kernel/versions.ts'

const SLOW_MS = 180_000

/** Where Debian installs the oldest Postgres that is supported. */
const BIN = `/usr/lib/postgresql/${LEAST_POSTGRES}/bin`

const isInstalled = ((): boolean => {
  try {
    accessSync(`${BIN}/postgres`)
    return true
  } catch {
    return false
  }
})()

/** Starts a cluster of that Postgres. @returns its URL */
async function startOldest(): Promise<string> {
  const folder = temporaryHome()
  const data = path.join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  const account = asAccount(await accountFor(folder))
  if (account.uid !== undefined) for (const each of [folder, data]) chownSync(each, account.uid, account.gid ?? account.uid)
  execFileSync(`${BIN}/initdb`, ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-sync'], {
    ...account,
    cwd: folder,
    stdio: 'ignore',
  })
  const child = spawn(`${BIN}/postgres`, ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off'], {
    ...account,
    cwd: folder,
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGINT')
    await ended
  })
  await pollFor('Postgres is ready', () => {
    if (child.exitCode !== null) throw new Error(said)
    return said.includes('ready to accept connections')
  })
  return `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`
}

test.skipIf(!isInstalled)(
  `A server starts, migrates and writes on the oldest Postgres that it supports (K30; skipped where Debian's Postgres ${LEAST_POSTGRES} is not installed)`,
  { timeout: SLOW_MS },
  async () => {
    const server = startServerProcess({ home: temporaryHome(), env: { DATABASE_URL: await startOldest() } })
    const url = await server.url()
    const company = (await send(`${url}/api/companies`, 'POST', { name: 'Oldest' })).body
    const issue = (await send(`${url}/api/companies/${company.id}/issues`, 'POST', { title: 'First' })).body
    expect((await send(`${url}/api/issues/${issue.id}`, 'PATCH', { title: 'Renamed' })).body).toMatchObject({ title: 'Renamed' })
    expect((await send(`${url}/api/health`)).body).toMatchObject({ status: 'ok' })
    expect(server.lines.filter((line) => Number(line['level']) >= 50)).toEqual([])
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  },
)
