import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { commands } from '../commands.ts'
import { runProgram } from '../program.ts'
import { settingsOf } from './start.ts'

const SECRET = 'q7Rk2vXw9Lm4Tz8Pn3Hs6Yd1Bf5Gc0Ja'

function homeWith(settings: object): string {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-config-')))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  writeFileSync(path.join(home, 'config.json'), JSON.stringify(settings), { mode: 0o600 })
  return home
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const text = { out: '', error: '' }
  stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
  stderr.setEncoding('utf8').on('data', (chunk: string) => (text.error += chunk))
  const signal = new AbortController().signal
  const exit = await runProgram({ version: '1.0.0', commands }, args, { env, stdin, stdout, stderr, listenForSignals: () => signal })
  return { exit, ...text }
}

describe('paperclip-server config', () => {
  test('The command show has each setting with its source, for people and for programs, and covers secrets', async () => {
    const home = homeWith({ PORT: 3200, PAPERCLIP_BOARD_TOKEN: SECRET })
    const people = await run(['config', 'show', '--set', '--home', home], { LOG_LEVEL: 'warn' })
    expect(people.exit).toBe(0)
    expect(people.out).toMatch(/^PORT +3200 +file/m)
    expect(people.out).toMatch(/^LOG_LEVEL +warn +environment/m)
    expect(people.out).toMatch(/^PAPERCLIP_BOARD_TOKEN +\(secret\) +file/m)
    expect(people.out).not.toContain('PAPERCLIP_MAX_RUNS')
    const programs = await run(['config', 'show', '--json', '--home', home])
    const { settings, file } = JSON.parse(programs.out) as { settings: { name: string }[]; file: string }
    expect(file).toBe(path.join(home, 'config.json'))
    expect(settings).toContainEqual({ name: 'PAPERCLIP_MAX_RUNS', value: '16', source: 'default', note: null })
    expect(people.out + programs.out).not.toContain(SECRET)
  })

  test('The command check ends with 0 for good settings, and 1 with a line for each problem', async () => {
    expect(await run(['config', 'check', '--home', homeWith({ PORT: 3200 })])).toMatchObject({
      exit: 0,
      out: expect.stringContaining('are good'),
    })
    const home = homeWith({ PROT: 3200 })
    const bad = await run(['config', 'check', '--json', '--home', home], { PAPERCLIP_MAX_RUNS: 'many' })
    expect(bad.exit).toBe(1)
    expect(JSON.parse(bad.out)).toMatchObject({
      problems: [`${home}/config.json: PROT: is no setting of this server; PORT is`, 'PAPERCLIP_MAX_RUNS: must be a whole number'],
    })
  })

  test('The command schema prints the JSON Schema of the file', async () => {
    expect(JSON.parse((await run(['config', 'schema'])).out)).toMatchObject({ properties: { PORT: { type: 'integer', maximum: 65_535 } } })
  })
})

describe('paperclip-server start', () => {
  test('Its options replace settings, and a URL of the database also replaces a file with one', () => {
    expect(settingsOf({}, '/home')).toEqual({ PAPERCLIP_HOME: '/home' })
    expect(settingsOf({ port: 0, host: '::1', databaseUrl: 'postgres://h/d', workers: 3 }, '/home')).toEqual({
      PAPERCLIP_HOME: '/home',
      PORT: '0',
      HOST: '::1',
      DATABASE_URL: 'postgres://h/d',
      DATABASE_URL_FILE: undefined,
      PAPERCLIP_WORKERS: '3',
    })
  })

  test('A wrong option is a usage error, and starts nothing', async () => {
    for (const args of [['--port', '70000'], ['--port', 'x'], ['--workers', '0'], ['--prot', '1'], ['extra']])
      expect((await run(['start', ...args])).exit, args.join(' ')).toBe(2)
    expect((await run(['start', '--help'])).out).toContain('--database-url')
  })
})
