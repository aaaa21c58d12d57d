import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import type { Ended } from '../dev/testing/commandLine.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import { pollFor, postgresProcessesUnder, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'

const SLOW_MS = 90_000

/** A request of the board of a home. */
const post = (home: string, body: unknown): RequestInit => ({
  method: 'POST',
  headers: { authorization: `Bearer ${readFileSync(path.join(home, 'board-token'), 'utf8').trim()}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** The command as an operator runs it: it knows the home and nothing else. */
const commandAt =
  (home: string) =>
  async (...args: string[]): Promise<Ended> =>
    // Another program of this machine may listen at the usual port.
    await runCommandLine([...args, '--home', home], { env: { HOME: home, PORT: '0' } })

const main = path.join(import.meta.dirname, '../launch/paperclip-server.js')

interface Meanwhile {
  /** Its reader has gone before it writes anything. */
  readonly isUnread?: true
  /** Sent at the first byte of its output. */
  readonly signal?: NodeJS.Signals
}

/** Runs the command in a process of its own. */
async function runProcess(
  home: string,
  args: readonly string[],
  { isUnread, signal }: Meanwhile,
): Promise<{ readonly exit: number | null; readonly err: string }> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, PORT: '0' }
  const child = spawn(process.execPath, [main, ...args, '--home', home], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  if (isUnread === true) child.stdout.destroy()
  child.stdout.once('data', () => child.kill(signal))
  const [exit] = (await once(child, 'close')) as [number | null]
  return { exit, err }
}

test(
  'The command finds the server of a home; the doctor works beside it and, after a crash, without it, and leaves no Postgres behind',
  { timeout: SLOW_MS },
  async () => {
    const folder = await fillHome(temporaryHome())
    const server = startServerProcess({ home: folder, env: { PAPERCLIP_BOARD: 'token' } })
    const command = commandAt(server.home)
    const url = await server.url()
    expect(JSON.parse((await command('status', '--json')).out)).toMatchObject({ url, caller: { credential: 'board_token' } })
    const running = path.join(server.home, 'running.json')
    expect(statSync(running).mode & 0o777).toBe(0o600)

    // Agents of a server without an account or a namespace for them share its own.
    const idsOf = ({ out }: Ended): string[] =>
      (JSON.parse(out).findings as { id: string }[]).map(({ id }) => id).filter((id) => id !== 'server.isolation')
    const beside = await command('doctor', '--json')
    expect(idsOf(beside)).toEqual([])
    expect(beside.exit).toBe(0)

    // The database of the home is used beside its server; only the source is missing.
    const move = await command('import', '--from', 'postgres://reader@127.0.0.1:1/x')
    expect(move).toMatchObject({ exit: 3, err: expect.stringContaining('The source cannot be reached') as string })

    // A backup whose reader ended is none; a follower that is ended says so to a script.
    const backup = await runProcess(server.home, ['backup', '-'], { isUnread: true })
    expect(backup).toMatchObject({ exit: 1, err: expect.stringContaining('its reader ended') as string })
    const { id } = (await (await fetch(`${url}/api/companies`, post(server.home, { name: 'Followed' }))).json()) as { id: string }
    const follow = ['activity', 'tail', '--company', id, '--follow']
    expect(await runProcess(server.home, follow, { signal: 'SIGTERM' })).toEqual({ exit: 143, err: 'Interrupted by SIGTERM\n' })

    await server.kill()
    await pollFor('Postgres has ended with its server', () => postgresProcessesUnder(server.home).length === 0)
    expect(existsSync(running)).toBe(true)
    expect((await command('status')).exit).toBe(3)
    expect(idsOf(await command('doctor', '--json'))).toEqual(['server.silent'])
    expect(postgresProcessesUnder(server.home)).toEqual([])
  },
)

test('A server that stops in order takes its address out of the home', { timeout: SLOW_MS }, async () => {
  const server = startServerProcess({ home: await fillHome(temporaryHome()) })
  await server.url()
  expect(existsSync(path.join(server.home, 'running.json'))).toBe(true)
  await server.stop()
  expect(existsSync(path.join(server.home, 'running.json'))).toBe(false)
})

test('A home without a database, and a wrong configuration, are findings with exit code 3', async () => {
  const empty = await commandAt(temporaryHome())('doctor')
  expect(empty.exit).toBe(3)
  expect(empty.out).toContain('No server has made a database in')
  const home = temporaryHome()
  const refused = await runCommandLine(['doctor', '--json', '--home', home], { env: { HOME: home, PORT: 'x' } })
  expect(refused.exit).toBe(3)
  expect(JSON.parse(refused.out).findings).toMatchObject([{ id: 'config.invalid' }])
})
