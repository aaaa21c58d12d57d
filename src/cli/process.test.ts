import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { postgresProcessesUnder, pollFor, startServerProcess, temporaryHome, tsx } from '../dev/testing/serverProcess.ts'

const root = path.resolve(import.meta.dirname, '../..')
const SLOW_MS = 90_000

/** The command as a process of its own, as an operator runs it: it knows the home and nothing else. */
const commandAt = (home: string) => {
  const run = promisify(execFile)
  return async (...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> =>
    await run(process.execPath, ['--import', tsx, 'src/cli/main.ts', ...args, '--home', home], {
      cwd: root,
      encoding: 'utf8',
      // Another program of this machine may listen at the usual port.
      env: { PATH: process.env['PATH'], HOME: home, PORT: '0' },
    }).then(
      ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
      (error: unknown) => error as { stdout: string; stderr: string; code: number },
    )
}

test(
  'The command finds the server of a home; the doctor works beside it and, after a crash, without it, and leaves no Postgres behind',
  { timeout: SLOW_MS },
  async () => {
    const folder = temporaryHome()
    const server = startServerProcess({ home: folder, env: { PAPERCLIP_BOARD: 'token' } })
    const command = commandAt(server.home)
    const url = await server.url()
    expect(JSON.parse((await command('status', '--json')).stdout)).toMatchObject({ url, caller: { credential: 'board_token' } })
    const running = path.join(server.home, 'running.json')
    expect(statSync(running).mode & 0o777).toBe(0o600)

    const beside = await command('doctor', '--json')
    // Agents of a server without an account or a namespace for them share its own.
    const ids = (text: string): string[] =>
      (JSON.parse(text).findings as { id: string }[]).map(({ id }) => id).filter((id) => id !== 'server.isolation')
    expect(ids(beside.stdout)).toEqual([])
    expect(beside.code).toBe(0)

    await server.kill()
    await pollFor('Postgres has ended with its server', () => postgresProcessesUnder(server.home).length === 0)
    expect(existsSync(running)).toBe(true)
    expect((await command('status')).code).toBe(3)

    expect(ids((await command('doctor', '--json')).stdout)).toEqual(['server.silent'])
    expect(postgresProcessesUnder(server.home)).toEqual([])

    const second = startServerProcess({ home: folder })
    await second.url()
    await second.stop()
    expect(existsSync(running)).toBe(false)
  },
)

test('A home without a database, and a wrong configuration, are findings with exit code 3', { timeout: SLOW_MS }, async () => {
  const empty = await commandAt(temporaryHome())('doctor')
  expect(empty.code).toBe(3)
  expect(empty.stdout).toContain('No server has made a database in')
  const home = temporaryHome()
  const refused = await promisify(execFile)(process.execPath, ['--import', tsx, 'src/cli/main.ts', 'doctor', '--json'], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: home, PAPERCLIP_HOME: home, PORT: 'x' },
  }).catch((error: unknown) => error as { stdout: string })
  expect(JSON.parse(refused.stdout).findings).toMatchObject([{ id: 'config.invalid' }])
})
