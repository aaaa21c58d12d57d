import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import type { Ended } from '../dev/testing/commandLine.ts'
import { pollFor, postgresProcessesUnder, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'

const SLOW_MS = 90_000

/** The command as an operator runs it: it knows the home and nothing else. */
const commandAt =
  (home: string) =>
  async (...args: string[]): Promise<Ended> =>
    // Another program of this machine may listen at the usual port.
    await runCommandLine([...args, '--home', home], { env: { HOME: home, PORT: '0' } })

test(
  'The command finds the server of a home; the doctor works beside it and, after a crash, without it, and leaves no Postgres behind',
  { timeout: SLOW_MS },
  async () => {
    const folder = temporaryHome()
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

    await server.kill()
    await pollFor('Postgres has ended with its server', () => postgresProcessesUnder(server.home).length === 0)
    expect(existsSync(running)).toBe(true)
    expect((await command('status')).exit).toBe(3)
    expect(idsOf(await command('doctor', '--json'))).toEqual(['server.silent'])
    expect(postgresProcessesUnder(server.home)).toEqual([])
  },
)

test('A server that stops in order takes its address out of the home', { timeout: SLOW_MS }, async () => {
  const server = startServerProcess({ home: temporaryHome() })
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
