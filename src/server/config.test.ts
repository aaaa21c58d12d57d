import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapterTypes } from '../model/adapterTypes.ts'
import { readConfig } from './config.ts'
import type { Config } from './config.ts'

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
      jwtSecret: null,
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
