import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createRunKey, writeRunKeys } from '../auth/runKeySet.ts'
import { adapterTypes } from '../model/adapterTypes.ts'
import { readConfig } from './config.ts'
import type { Config } from './config.ts'
import { forgetSecrets } from './secretVariables.ts'

const problemsOf = (env: Record<string, string>): readonly string[] => {
  const read = readConfig(env)
  return 'problems' in read ? read.problems : []
}

describe('readConfig', () => {
  test('An empty environment gives the documented defaults, frozen', () => {
    const read = readConfig({})
    if ('problems' in read) throw new Error(read.problems.join('\n'))
    expect(read.config).toMatchObject({
      port: 3100,
      host: '127.0.0.1',
      databaseUrl: null,
      databaseOwnerUrl: null,
      jwtSecret: null,
      jwtPreviousSecret: null,
      jwtAlgorithm: 'HS256',
      jwtKeys: null,
      witnessFolder: null,
      witnessUrl: null,
      jwtTtlSeconds: 172_800,
      jwtIssuer: 'paperclip',
      jwtAudience: 'paperclip-api',
      logLevel: 'info',
      allowedHostnames: [],
      metricsToken: null,
      adapters: null,
      adapterAddresses: [],
      maxRuns: 16,
      retention: { logDays: 30, wakeDays: 30, runDays: 90 },
      apiUrl: null,
    })
    expect(path.basename(read.config.home)).toBe('.paperclip-server')
    expect(Object.isFrozen(read.config)).toBe(true)
  })

  test('An empty variable counts as unset', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '', LOG_LEVEL: '' })).toEqual(readConfig({}))
  })

  describe('PAPERCLIP_PRICES_FILE', () => {
    const fileWith = (text: string): string => {
      const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-prices-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      writeFileSync(path.join(folder, 'prices.json'), text)
      return path.join(folder, 'prices.json')
    }
    const price = { provider: 'acme', model: 'Large-*', from: '2026-01-01', inputCents: 2.5, outputCents: 10 }

    test('The prices of the file go before those of the program, and without the variable those of the program count', () => {
      const read = readConfig({ PAPERCLIP_PRICES_FILE: fileWith(JSON.stringify({ asOf: '2026-11-01', prices: [price] })) })
      if ('problems' in read) throw new Error(read.problems.join('\n'))
      expect(read.config.prices.own).toEqual([{ ...price, model: 'large-*', cachedInputCents: 2.5 }])
      expect(read.config.prices.ownAsOf).toBe('2026-11-01')
      const plain = readConfig({})
      expect('config' in plain && plain.config.prices).toMatchObject({ own: [], ownAsOf: null })
    })

    test.each([
      ['no JSON', '{', ['PAPERCLIP_PRICES_FILE: the file is not JSON']],
      ['another form', '[]', ['PAPERCLIP_PRICES_FILE: Invalid input: expected object, received array']],
      [
        'a wrong price',
        JSON.stringify({ prices: [price, { ...price, inputCents: -1, from: '1.1.2026' }] }),
        [
          'PAPERCLIP_PRICES_FILE: prices.1.from: Invalid ISO date',
          'PAPERCLIP_PRICES_FILE: prices.1.inputCents: Too small: expected number to be >=0',
        ],
      ],
      [
        'many wrong prices',
        JSON.stringify({ prices: Array.from({ length: 8 }, () => ({ ...price, inputCents: null })) }),
        [
          ...[0, 1, 2, 3, 4].map((at) => `PAPERCLIP_PRICES_FILE: prices.${at}.inputCents: Invalid input: expected number, received null`),
          'PAPERCLIP_PRICES_FILE: 3 more problems',
        ],
      ],
    ])('A file with %s refuses the start and says where', (_, text, problems) => {
      expect(problemsOf({ PAPERCLIP_PRICES_FILE: fileWith(text) })).toEqual(problems)
    })

    test('A file that is missing, is a folder or is too large refuses the start', () => {
      expect(problemsOf({ PAPERCLIP_PRICES_FILE: '/nowhere/prices.json' })).toEqual([
        'PAPERCLIP_PRICES_FILE: the file cannot be read (ENOENT)',
      ])
      expect(problemsOf({ PAPERCLIP_PRICES_FILE: tmpdir() })).toEqual(['PAPERCLIP_PRICES_FILE: the file cannot be read (EISDIR)'])
      expect(problemsOf({ PAPERCLIP_PRICES_FILE: fileWith(' '.repeat(4 * 1024 * 1024 + 1)) })).toEqual([
        'PAPERCLIP_PRICES_FILE: the file has more than 4 MiB',
      ])
    })
  })

  test('Every wrong value is listed at once, by the name of its variable', () => {
    const problems = problemsOf({
      PORT: '70000',
      DATABASE_URL: 'mysql://localhost/x',
      PAPERCLIP_AGENT_JWT_SECRET: 'short',
      PAPERCLIP_AGENT_JWT_TTL_SECONDS: '1.5',
      LOG_LEVEL: 'loud',
    })
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'PORT',
      'DATABASE_URL',
      'PAPERCLIP_AGENT_JWT_SECRET',
      'PAPERCLIP_AGENT_JWT_TTL_SECONDS',
      'LOG_LEVEL',
    ])
  })

  test.each(['-1', '0x50', '3100 ', '1e3', '99999999999999999999', '65536', 'http'])('A PORT of %j is refused', (PORT) => {
    expect(problemsOf({ PORT })).toHaveLength(1)
  })

  test('No part of a value is printed, so no secret is printed', () => {
    const secret = 'hunter2-hunter2'
    const password = 'correct-horse'
    const text = problemsOf({
      PAPERCLIP_AGENT_JWT_SECRET: secret,
      DATABASE_URL: `redis://user:${password}@db.example/x`,
      PORT: 'sekret-port',
      LOG_LEVEL: 'sekret-level',
    }).join('\n')
    for (const value of [secret, 'hunter', password, 'db.example', 'sekret']) expect(text).not.toContain(value)
  })

  test('A secret that repeats characters or common words is refused, and none of it is repeated', () => {
    for (const secret of ['x'.repeat(40), 'changeme'.repeat(5)]) {
      const problems = problemsOf({ PAPERCLIP_AGENT_JWT_SECRET: secret, PAPERCLIP_METRICS_TOKEN: secret })
      expect(problems.map((problem) => problem.split(':')[0])).toEqual(['PAPERCLIP_AGENT_JWT_SECRET', 'PAPERCLIP_METRICS_TOKEN'])
      for (const problem of problems) expect(problem).toMatch(/^\w+: is too easy to guess/)
      expect(problems.join()).not.toContain(secret.slice(0, 8))
    }
  })

  test('The algorithm of run tokens is one of two, and keys that cannot be used are refused without being repeated', () => {
    const keys = writeRunKeys([createRunKey(0)])
    expect(readConfig({ PAPERCLIP_AGENT_JWT_ALG: 'EdDSA', PAPERCLIP_AGENT_JWT_KEYS: keys })).toMatchObject({
      config: { jwtAlgorithm: 'EdDSA', jwtKeys: keys },
    })
    for (const algorithm of ['none', 'RS256', 'hs256', 'Ed25519'])
      expect(problemsOf({ PAPERCLIP_AGENT_JWT_ALG: algorithm })).toEqual([expect.stringMatching(/^PAPERCLIP_AGENT_JWT_ALG: /)])
    const { d } = createRunKey(0)
    const [problem = ''] = problemsOf({ PAPERCLIP_AGENT_JWT_KEYS: JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed448', x: d, d }] }) })
    expect(problem).toMatch(/^PAPERCLIP_AGENT_JWT_KEYS: keys\.0\.crv: /)
    expect(problem).not.toContain(d)
  })

  test('Host names are split, trimmed and lower-cased', () => {
    expect(readConfig({ PAPERCLIP_ALLOWED_HOSTNAMES: ' Board.Example , ,b.example' })).toMatchObject({
      config: { allowedHostnames: ['board.example', 'b.example'] },
    })
  })

  test('A metrics token must be long enough, and a wrong one is not repeated in the problem', () => {
    expect(readConfig({ PAPERCLIP_METRICS_TOKEN: 'a-token-for-scrapers' })).toMatchObject({
      config: { metricsToken: 'a-token-for-scrapers' },
    })
    expect(problemsOf({ PAPERCLIP_METRICS_TOKEN: 'short' })).toEqual(['PAPERCLIP_METRICS_TOKEN: must have at least 16 characters'])
    expect(problemsOf({ PAPERCLIP_METRICS_TOKEN: 'a token with spaces in it' })).toEqual(['PAPERCLIP_METRICS_TOKEN: must have no spaces'])
  })

  test('Adapter types are separated by commas, and an empty list allows none', () => {
    const adaptersOf = (PAPERCLIP_ADAPTERS: string) => (readConfig({ PAPERCLIP_ADAPTERS }) as { config: Config }).config.adapters
    expect(adaptersOf('process, HTTP')).toEqual(['process', 'http'])
    expect(adaptersOf('')).toEqual([])
    expect(adaptersOf(adapterTypes.join())).toEqual(adapterTypes)
    expect(problemsOf({ PAPERCLIP_ADAPTERS: 'process,perl' })).toEqual([`PAPERCLIP_ADAPTERS.1: must be of ${adapterTypes.join(' ')}`])
  })

  test('The settings for runs are checked at the start', () => {
    expect(readConfig({ PAPERCLIP_API_URL: 'https://paperclip.example/' })).toMatchObject({
      config: { apiUrl: 'https://paperclip.example' },
    })
    expect(
      problemsOf({ PAPERCLIP_API_URL: 'ftp://x', PAPERCLIP_MAX_RUNS: '0', PAPERCLIP_ADAPTER_ADDRESSES: '10.0.0.0/8,10.0.0.0/80' }),
    ).toHaveLength(3)
  })
})

describe('secrets in files', () => {
  const secrets = {
    DATABASE_URL: 'postgres://app:app-password@db.example/x',
    DATABASE_OWNER_URL: 'postgres://owner:owner-password@db.example/x',
    PAPERCLIP_AGENT_JWT_SECRET: 'Vq3hT0cZ7sLxW2dYb9KfPn4RgJm6UeAo8iHt',
    PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: 'Bn8sKq1vXz5wHd0tLy7rMc3fPj9gUa2eWi6o',
    PAPERCLIP_AGENT_JWT_KEYS: writeRunKeys([createRunKey(0)]),
    PAPERCLIP_METRICS_TOKEN: 'rT5xW8qZ2mK9vB4n',
    PAPERCLIP_AUDIT_WITNESS_URL: 'https://server:password@witness.example/heads',
    PAPERCLIP_BOARD_TOKEN: 'pcp_local_9f3c1b7e5d2a8406c1e9b7f3a5d80246',
    BETTER_AUTH_SECRET: 'Jk3pWq9vXz1yHd6tLr8mCn5bPf0gUs2eAi7o',
  }

  /** The same as variables that name files. */
  function inFiles(): Record<string, string> {
    const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-secrets-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    return Object.fromEntries(
      Object.entries(secrets).map(([name, value]) => {
        const file = path.join(folder, name)
        writeFileSync(file, `${value}\n`)
        return [`${name}_FILE`, file]
      }),
    )
  }

  test('Every secret may stand in a file, and means the same as in its variable', () => {
    expect(readConfig(inFiles())).toEqual(readConfig(secrets))
    expect(readConfig(secrets)).toMatchObject({
      config: { databaseUrl: secrets.DATABASE_URL, databaseOwnerUrl: secrets.DATABASE_OWNER_URL },
    })
  })

  test('A secret that is given twice, a file that is missing and one that is empty are refused, and no value is repeated', () => {
    const files = inFiles()
    for (const [name, value] of Object.entries(secrets)) {
      const problems = problemsOf({ ...files, [name]: value })
      expect(problems).toEqual([`${name}_FILE: must not be given together with ${name}`])
    }
    expect(problemsOf({ DATABASE_URL_FILE: '/nowhere/at/all' })).toEqual(['DATABASE_URL_FILE: the file cannot be read (ENOENT)'])
    writeFileSync(files['PAPERCLIP_METRICS_TOKEN_FILE'] ?? '', '\n')
    expect(problemsOf(files)).toEqual(['PAPERCLIP_METRICS_TOKEN_FILE: the file is empty'])
  })

  test('After they were read, no secret and no path of one is left in the environment', () => {
    const env: Record<string, string | undefined> = { ...secrets, ...inFiles(), PATH: '/bin' }
    forgetSecrets(env)
    expect(env).toEqual({ PATH: '/bin' })
  })

  test('An owner of the database without a login to work with is refused', () => {
    expect(problemsOf({ DATABASE_OWNER_URL: secrets.DATABASE_OWNER_URL })).toEqual([expect.stringContaining('needs DATABASE_URL')])
  })
})
