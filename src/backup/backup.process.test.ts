import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { temporaryFolder } from '../dev/testing/backups.ts'
import { embeddedOwnerOf, pollFor, postgresProcessesUnder, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { openPool } from '../platform/db/driver/client.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** Locks a table until the session is released: a backup stops in its middle. No limit ends the session while a command starts. */
const LOCK = 'set idle_in_transaction_session_timeout = 0; begin; lock table issues in access exclusive mode'

const send = (url: string, method: string, body: object): Promise<Response> =>
  fetch(url, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

/** A command as a process of its own, as an operator runs it. */
function command(home: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, ['src/launch/paperclip-server.js', ...args, '--home', home], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => (texts[name] += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...texts }))
  return { kill: (signal: NodeJS.Signals = 'SIGKILL') => void child.kill(signal), ended }
}

const companiesAt = async (url: string): Promise<string[]> =>
  ((await (await fetch(`${url}/api/companies`)).json()) as { name: string }[]).map(({ name }) => name)

test.runIf(isFullCheck)(
  'An operator backs up a server that runs, restores elsewhere with the keys, and a killed backup or restore leaves nothing that looks whole',
  async () => {
    const folder = temporaryFolder()
    const server = startServerProcess({ home: temporaryHome() })
    const url = await server.url()
    await send(`${url}/api/companies`, 'POST', { name: 'Acme' })
    // The instance has a chain of its own from its first act on.
    expect((await send(`${url}/api/instance/settings/general`, 'PATCH', { censorUsernameInLogs: true })).status).toBe(200)
    const [file, keys] = [path.join(folder, 'a.paperclip'), path.join(folder, 'a.keys')]
    const made = await command(server.home, 'backup', file, '--with-keys', keys, '--json').ended
    expect(made.code, made.stderr).toBe(0)
    expect(JSON.parse(made.stdout)).toMatchObject({ file, keys: expect.arrayContaining(['secrets-master-key', 'audit-key.pem']) })
    expect([statSync(file).mode & 0o777, statSync(keys).mode & 0o777]).toEqual([0o600, 0o600])

    // A table that is locked holds the second backup in its middle.
    const owner = openPool({ ...embeddedOwnerOf(server.home), max: 2 })
    const lock = await owner.connect()
    await lock.query(LOCK)
    const killed = command(server.home, 'backup', path.join(folder, 'b.paperclip'))
    await pollFor('the backup waits for the table', async () => {
      const { rows } = await owner.query(
        "select 1 from pg_stat_activity where application_name = 'paperclip-server backup' and wait_event_type = 'Lock'",
      )
      return rows.length > 0
    })
    killed.kill()
    await killed.ended
    lock.release(true)
    await owner.end()
    expect(existsSync(path.join(folder, 'b.paperclip'))).toBe(false)
    expect(readdirSync(folder).filter((name) => name.includes('.partial-'))).toHaveLength(1)

    const home = path.join(temporaryHome(), 'server')
    const interrupted = command(home, 'restore', file, '--keys', keys)
    await pollFor('the restore works', () => existsSync(path.join(home, 'postgres', 'postmaster.pid')))
    interrupted.kill()
    await interrupted.ended
    await pollFor('Postgres has ended with the restore', () => postgresProcessesUnder(home).length === 0)
    const restored = await command(home, 'restore', file, '--keys', keys, '--json').ended
    expect(restored.code, restored.stdout + restored.stderr).toBe(0)
    expect(JSON.parse(restored.stdout)).toMatchObject({ chains: { chains: 2 } })
    const again = await command(home, 'restore', file).ended
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('not empty') })
    const other = startServerProcess({ home: path.dirname(home) })
    expect(await companiesAt(await other.url())).toEqual(['Acme'])
    expect((await command(home, 'backup', 'verify', path.join(folder, 'b.paperclip')).ended).code).toBe(1)
    const verified = await command(home, 'backup', 'verify', file).ended
    expect(verified.stdout).toContain('can be restored')
  },
  240_000,
)

test.runIf(isFullCheck)(
  'A backup that is interrupted ends with the exit code of its signal and leaves nothing, and its keys are named one by one',
  async () => {
    const folder = temporaryFolder()
    // Only a server at which people sign in has a secret of sessions.
    const server = startServerProcess({ home: temporaryHome(), env: { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' } })
    await server.url()
    const owner = openPool({ ...embeddedOwnerOf(server.home), max: 2 })
    const lock = await owner.connect()
    await lock.query(LOCK)
    const waiting = async (): Promise<boolean> => {
      const { rows } = await owner.query(
        "select 1 from pg_stat_activity where application_name = 'paperclip-server backup' and wait_event_type = 'Lock'",
      )
      return rows.length > 0
    }
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const interrupted = command(server.home, 'backup', path.join(folder, 'a.paperclip'), '--with-keys', path.join(folder, 'a.keys'))
      await pollFor('the backup waits for the table', waiting)
      interrupted.kill(signal)
      expect(await interrupted.ended).toMatchObject({ code, stderr: expect.stringContaining('was ended before it was complete') })
      await pollFor('its session has ended', async () => !(await waiting()))
      expect(readdirSync(folder)).toEqual([])
    }
    lock.release(true)
    await owner.end()
    const made = await command(server.home, 'backup', path.join(folder, 'a.paperclip'), '--with-keys', path.join(folder, 'a.keys')).ended
    expect(made.stderr).toContain('a.keys has secrets-master-key, auth-secret, audit-key.pem of')
  },
  240_000,
)
