import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fillHome } from '../dev/testing/readyHome.ts'
import { pollFor, postgresProcessesUnder, send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'

const SLOW_MS = 180_000
const root = path.resolve(import.meta.dirname, '../..')
const SCRIPT = '/usr/bin/script'

const has = (file: string): boolean => {
  try {
    accessSync(file)
    return true
  } catch {
    return false
  }
}

type Line = Readonly<Record<string, unknown>> & { readonly msg: string }

const linesOf = (file: string): Line[] => {
  const text = has(file) ? readFileSync(file, 'utf8') : ''
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

const lineIn = (file: string, msg: string): Promise<Line> =>
  pollFor(`${file} has "${msg}"`, () => linesOf(file).find((line) => line.msg === msg))

const READ_AGAIN = 'SIGHUP: the log was opened again, and the prices were read again'

const pricesOf = (cents: number): string =>
  JSON.stringify({
    asOf: '2026-11-01',
    prices: [{ provider: 'own', model: 'canal', from: '2026-01-01', inputCents: cents, outputCents: cents }],
  })

describe('SIGHUP', { timeout: SLOW_MS }, () => {
  test('A service goes on, writes its log into the file of the name again, and counts by the prices of the changed file', async () => {
    const home = await fillHome(temporaryHome())
    const [logFile, moved, prices] = ['server.log', 'server.log.1', 'prices.json'].map((name) => path.join(home, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(prices, pricesOf(1))
    const server = startServerProcess({ home, env: { PAPERCLIP_LOG_FILE: logFile, PAPERCLIP_PRICES_FILE: prices } })
    const url = String((await lineIn(logFile, 'listening'))['url'])
    expect(statSync(logFile).mode & 0o777).toBe(0o600)
    const priceNow = async (): Promise<unknown> =>
      (await send(`${url}/api/instance/prices`)).body.prices.find(({ model }: { model: string }) => model === 'canal')?.inputCents
    expect(await priceNow()).toBe(1)

    renameSync(logFile, moved)
    writeFileSync(prices, pricesOf(2))
    server.signal('SIGHUP')
    await lineIn(logFile, READ_AGAIN)
    const linesBefore = linesOf(moved).length
    expect(await priceNow()).toBe(2)
    await lineIn(logFile, 'request')
    expect(linesOf(moved)).toHaveLength(linesBefore)
    expect(statSync(logFile).mode & 0o777).toBe(0o600)

    writeFileSync(prices, '{')
    server.signal('SIGHUP')
    const fault = await lineIn(logFile, 'the file of prices was changed and cannot be used: those of before are used')
    expect(fault['problems']).toEqual(['PAPERCLIP_PRICES_FILE: the file is not JSON'])
    expect(await priceNow()).toBe(2)

    expect(await server.stop()).toEqual({ code: 0, signal: null })
    expect(server.lines).toEqual([])
    expect(linesOf(logFile).map(({ msg }) => msg)).toContain('stopping')
  })

  test('A log file that cannot be opened ends the start with a sentence, and the end of a start is on standard error, too', async () => {
    const home = temporaryHome()
    const refused = startServerProcess({ home, env: { PAPERCLIP_LOG_FILE: path.join(home, 'nowhere', 'server.log') } })
    expect(await refused.exited).toEqual({ code: 1, signal: null })
    expect(refused.stderr()).toContain('PAPERCLIP_LOG_FILE: the file cannot be opened (ENOENT)')

    const away = { DATABASE_URL: 'postgres://user:word@127.0.0.1:1/nothing', PAPERCLIP_LOG_FILE: path.join(home, 'server.log') }
    const ended = startServerProcess({ home, env: away })
    expect(await ended.exited).toEqual({ code: 1, signal: null })
    expect(ended.stderr()).toContain('DATABASE_URL: 127.0.0.1:1 refuses the connection')
    expect(linesOf(away.PAPERCLIP_LOG_FILE).at(-1)).toMatchObject({ level: 60 })
  })

  test.skipIf(!has(SCRIPT))(
    'A server that a person started in a terminal ends in order when the terminal is closed (T9; skipped without script)',
    async () => {
      const home = await fillHome(temporaryHome())
      const env = { PATH: process.env['PATH'], HOME: home, PAPERCLIP_HOME: path.join(home, 'server'), PORT: '0' }
      const terminal = spawn(SCRIPT, ['-qefc', `exec ${process.execPath} src/launch/start.js`, '/dev/null'], {
        cwd: root,
        env,
        stdio: ['pipe', 'pipe', 'ignore'],
      })
      onTestFinished(() => void terminal.kill('SIGKILL'))
      let shown = ''
      terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
      await pollFor('the banner is shown', () => /http:\/\/127\.0\.0\.1:\d+/.test(shown))
      expect(postgresProcessesUnder(home).length).toBeGreaterThan(0)
      const closed = once(terminal, 'close')
      terminal.kill('SIGKILL')
      await closed
      await pollFor('the server has ended, and its Postgres', () => postgresProcessesUnder(home).length === 0)
      const postgresLog = readFileSync(path.join(home, 'server', 'postgres.log'), 'utf8')
      expect(postgresLog).toContain('database system is shut down')
    },
  )
})
