import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig, variableNames } from './config.ts'
import { configSchema, settingNames, settingSchemas } from './configSchema.ts'
import { configFileOf, readHomeConfig, showSettings } from './configSources.ts'
import { secretVariables } from './secretVariables.ts'

const SECRET = 'q7Rk2vXw9Lm4Tz8Pn3Hs6Yd1Bf5Gc0Ja'
const isRoot = process.getuid?.() === 0

/** A home with a file of settings. */
function homeWith(content: unknown, mode = 0o600): { home: string; file: string } {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-config-')))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const file = path.join(home, 'config.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  chmodSync(file, mode)
  return { home, file }
}

const read = (content: unknown, { env = {}, mode = 0o600 }: { env?: Record<string, string>; mode?: number } = {}) => {
  const { home, file } = homeWith(content, mode)
  const result = readHomeConfig({ ...env, PAPERCLIP_HOME: home })
  return { file, config: 'config' in result ? result.config : null, problems: 'problems' in result ? result.problems : [] }
}

describe('the file of settings', () => {
  test('Its values are those of the variables with the same names, as JSON or as text', () => {
    const { config, problems } = read({
      $schema: 'x',
      PORT: 3200,
      LOG_LEVEL: 'warn',
      PAPERCLIP_MAX_RUNS: '4',
      PAPERCLIP_AUTH_DISABLE_SIGN_UP: true,
      PAPERCLIP_ALLOWED_HOSTNAMES: ['a.example', 'B.example'],
      PAPERCLIP_ADAPTERS: [],
      PAPERCLIP_BOARD_TOKEN: SECRET,
    })
    expect(problems).toEqual([])
    expect(config).toMatchObject({
      port: 3200,
      logLevel: 'warn',
      maxRuns: 4,
      allowedHostnames: ['a.example', 'b.example'],
      adapters: [],
      boardToken: SECRET,
    })
    expect(config?.deployment.allowsSignUp).toBe(false)
  })

  test('The environment goes before the file, an empty variable does not, and a home without a file has defaults', () => {
    const env = { PORT: '3300', LOG_LEVEL: '' }
    expect(read({ PORT: 3200, LOG_LEVEL: 'warn' }, { env }).config).toMatchObject({ port: 3300, logLevel: 'warn' })
    const { home, file } = homeWith({})
    rmSync(file)
    expect(readHomeConfig({ PAPERCLIP_HOME: home })).toMatchObject({ config: { port: 3100 } })
  })

  test('A secret that the environment gives in one form replaces both forms of the file', () => {
    const url = 'postgres://app@db.example/paperclip'
    const file = { DATABASE_URL_FILE: '/no/such/file' }
    expect(read(file, { env: { DATABASE_URL: url } }).config?.databaseUrl).toBe(url)
    const { problems } = read({ DATABASE_URL: url }, { env: { DATABASE_URL_FILE: '/no/such/file' } })
    expect(problems).toEqual(['DATABASE_URL_FILE: the file cannot be read (ENOENT)'])
  })

  test('A name that does not exist is refused with the nearest that does, with the file in the sentence', () => {
    const { file, problems } = read({ PAPERCLIP_MAX_RUN: 3, PROT: 3200, nothingLikeIt: 1, PAPERCLIP_HOME: '/x' })
    expect(problems).toEqual([
      `${file}: PAPERCLIP_MAX_RUN: is no setting of this server; PAPERCLIP_MAX_RUNS is`,
      `${file}: PROT: is no setting of this server; PORT is`,
      `${file}: nothingLikeIt: is no setting of this server`,
      `${file}: PAPERCLIP_HOME: the file is found in the home, so it cannot say where that is: set the variable, or --home`,
    ])
  })

  test('A wrong value is refused with the place where it stands', () => {
    const { file, problems } = read({ PORT: 70_000, PAPERCLIP_MAX_RUNS: 1.5, LOG_LEVEL: 'loud' }, { env: { PAPERCLIP_WORKERS: '0' } })
    expect(problems).toHaveLength(4)
    for (const name of ['PORT', 'PAPERCLIP_MAX_RUNS', 'LOG_LEVEL']) expect(problems.join('\n')).toContain(`${file}: ${name}: `)
    expect(problems.join('\n')).toMatch(/^PAPERCLIP_WORKERS: /m)
  })

  test.each([
    [null, 'must not be null: leave it out'],
    [{ a: 1 }, 'must be a text, a number, true, false, or a list of texts'],
    [[{}], 'must be a list of texts'],
    [['a,b'], 'an item of the list must have no comma'],
  ])('The value %j is refused', (value, sentence) => {
    const { file, problems } = read({ PAPERCLIP_ALLOWED_HOSTNAMES: value })
    expect(problems).toEqual([`${file}: PAPERCLIP_ALLOWED_HOSTNAMES: ${sentence}`])
  })

  test('A file that is no JSON is refused with the place of the mistake and nothing of its text', () => {
    const { file, problems } = read(`{\n  "PAPERCLIP_BOARD_TOKEN": "${SECRET}",\n  PORT: 1\n}`)
    expect(problems).toEqual([expect.stringMatching(/is not JSON: see line 3, column 3|is not JSON/)])
    expect(problems[0]).toContain(file)
    expect(problems.join()).not.toContain(SECRET.slice(0, 6))
    for (const [text, sentence] of [
      ['', 'is not JSON'],
      ['[]', 'must be an object'],
      ['"x"', 'must be an object'],
      [`{"a":"${'x'.repeat(300_000)}"}`, 'has more than 256 KiB'],
    ] as const)
      expect(read(text).problems.join(), text.slice(0, 10)).toContain(sentence)
  })

  test.each([0o620, 0o602, 0o666])('A file with the mode %o is refused, because another account may write it', (mode) => {
    expect(read({ PORT: 1 }, { mode }).problems).toEqual([expect.stringContaining('can be written by other accounts')])
  })

  test('A file in a folder that others can write is refused, because they could put another one in its place', () => {
    const { home, file } = homeWith({ PORT: 3200 })
    chmodSync(home, 0o775)
    expect(configFileOf({ PAPERCLIP_HOME: home }).problems).toEqual([
      `${file}: stands in a folder that other accounts can write (mode 0775), so they could replace it: chmod go-w the folder`,
    ])
  })

  test('A pipe in its place is refused, and no start waits for its writer', () => {
    const { home, file } = homeWith({})
    rmSync(file)
    execFileSync('mkfifo', ['-m', '600', file])
    expect(configFileOf({ PAPERCLIP_HOME: home }).problems).toEqual([expect.stringContaining('is not a file')])
  })

  test('A secret in a file that others may read is refused by name, and the file is good without it', () => {
    const { file, problems } = read({ PORT: 3200, PAPERCLIP_BOARD_TOKEN: SECRET, DATABASE_URL: 'postgres://a:b@c/d' }, { mode: 0o640 })
    expect(problems).toEqual(
      ['PAPERCLIP_BOARD_TOKEN', 'DATABASE_URL'].map(
        (name) =>
          `${file}: ${name}: is a secret, and other accounts may read the file (mode 0640): chmod 600 it, or name a file of its own with ${name}_FILE`,
      ),
    )
    expect(read({ PORT: 3200 }, { mode: 0o644 }).config).toMatchObject({ port: 3200 })
  })

  test.skipIf(!isRoot)('A file of another account is refused (needs root, to give it away)', async () => {
    const { home, file } = homeWith({ PORT: 3200 })
    const { chownSync } = await import('node:fs')
    chownSync(file, 65_534, 65_534)
    expect(configFileOf({ PAPERCLIP_HOME: home }).problems).toEqual([expect.stringContaining('belongs to another account (uid 65534)')])
  })

  test('A link to a file is followed, and a folder in its place is refused', () => {
    const { file } = homeWith({ PORT: 3200 })
    const { home, file: link } = homeWith({})
    rmSync(link)
    symlinkSync(file, link)
    expect(readHomeConfig({ PAPERCLIP_HOME: home })).toMatchObject({ config: { port: 3200 } })
    rmSync(link)
    symlinkSync(path.dirname(file), link)
    expect(configFileOf({ PAPERCLIP_HOME: home }).problems).toEqual([expect.stringContaining('is not a file')])
  })
})

describe('the schema of the file', () => {
  test('It has every setting but the home, with a description, and every secret as a file too', () => {
    const { properties, additionalProperties } = configSchema()
    const expected = ['$schema', ...variableNames.filter((name) => name !== 'PAPERCLIP_HOME')]
    expect(Object.keys(properties).toSorted()).toEqual(expected.toSorted())
    expect(additionalProperties).toBe(false)
    for (const [name, { description }] of Object.entries(properties)) expect(description, name).toMatch(/^\S.{4,}/)
    expect(JSON.stringify(properties)).not.toMatch(/\]\(|`/)
  })

  test('The kinds of values are those of JSON: numbers, switches, lists and choices', () => {
    expect(settingSchemas()).toMatchObject({
      PORT: { type: 'integer', minimum: 0, maximum: 65_535, default: 3100 },
      PAPERCLIP_AUTH_DISABLE_SIGN_UP: { type: 'boolean', default: false },
      PAPERCLIP_ALLOWED_HOSTNAMES: { type: 'array', items: { type: 'string' } },
      PAPERCLIP_ADAPTERS: { type: 'array' },
      BETTER_AUTH_SECRET: { type: 'array' },
      LOG_LEVEL: { type: 'string', default: 'info', enum: expect.arrayContaining(['debug']) },
      PAPERCLIP_AGENT_OPEN_RUNS: { type: 'integer', default: 50 },
      DATABASE_URL: { type: 'string' },
    })
  })

  test('Every default of the schema is a value that the file may have', () => {
    const defaults = Object.fromEntries(
      Object.entries(configSchema().properties).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])),
    )
    expect(Object.keys(defaults).length).toBeGreaterThan(25)
    const { config, problems } = read(defaults)
    expect(problems).toEqual([])
    const plain = readConfig({ PAPERCLIP_HOME: config?.home })
    expect({ ...config }).toEqual('config' in plain ? { ...plain.config } : null)
  })
})

describe('the sources of the settings', () => {
  test('Each setting has its value and the place that it comes from, and no secret is shown', () => {
    const { home } = homeWith({ PORT: 3200, PAPERCLIP_BOARD_TOKEN: SECRET, BETTER_AUTH_SECRET: [SECRET, SECRET], PAPERCLIP_ADAPTERS: [] })
    const env = {
      PAPERCLIP_HOME: home,
      LOG_LEVEL: 'warn',
      DATABASE_URL: `postgres://u:${SECRET}@h/d`,
      PAPERCLIP_METRICS_TOKEN_FILE: '/run/secrets/metrics',
    }
    const shown = showSettings(env, configFileOf(env))
    expect(shown.map(({ name }) => name)).toEqual([...settingNames])
    const of = (name: string) => shown.find((each) => each.name === name)
    expect(of('PORT')).toEqual({ name: 'PORT', value: '3200', source: 'file', note: null })
    expect(of('LOG_LEVEL')).toMatchObject({ value: 'warn', source: 'environment' })
    expect(of('HOST')).toMatchObject({ value: null, source: 'default', note: '127.0.0.1' })
    expect(of('PAPERCLIP_MAX_RUNS')).toMatchObject({ value: '16', source: 'default' })
    expect(of('PAPERCLIP_ADAPTERS')).toMatchObject({ value: '', source: 'file' })
    expect(of('PAPERCLIP_BOARD_TOKEN')).toMatchObject({ value: '(secret)', source: 'file' })
    expect(of('DATABASE_URL')).toMatchObject({ value: '(secret)', source: 'environment' })
    expect(of('PAPERCLIP_METRICS_TOKEN')).toMatchObject({ value: '(secret)', source: 'environment', note: 'from /run/secrets/metrics' })
    expect(JSON.stringify(shown)).not.toContain(SECRET)
  })

  test('The password of an address is covered, also of one that is no secret of this server', () => {
    const { home } = homeWith({})
    const env = { PAPERCLIP_HOME: home, OTEL_EXPORTER_OTLP_ENDPOINT: `https://sender:${SECRET}@traces.example/otlp` }
    const shown = showSettings(env, configFileOf(env))
    expect(shown.find(({ name }) => name === 'OTEL_EXPORTER_OTLP_ENDPOINT')?.value).toBe('https://sender:(secret)@traces.example/otlp')
  })

  test('Every secret is covered, in every value that it has', () => {
    const env = Object.fromEntries(secretVariables.map((name) => [name, SECRET]))
    const { home } = homeWith({})
    expect(JSON.stringify(showSettings(env, configFileOf({ PAPERCLIP_HOME: home })))).not.toContain(SECRET)
  })
})
