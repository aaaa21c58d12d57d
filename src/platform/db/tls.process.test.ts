import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { hasOpenssl, startTlsPostgres } from '../../dev/testing/tlsPostgres.ts'
import type { TlsPostgres } from '../../dev/testing/tlsPostgres.ts'
import { isStartProblem } from '../kernel/startProblem.ts'
import { openPool } from './driver/client.ts'
import { exposureOf, tlsProblem, withTls } from './driver/tls.ts'
import { migrateOnce } from './migrate.ts'

const SLOW_MS = 120_000

const url = (query: string): string => `postgres://user:never-to-be-shown@db.example/paperclip${query}`

describe('the meaning of sslmode', () => {
  test.each([
    ['?sslmode=prefer', /^sslmode=prefer would go on in plain text .*: use disable, require, verify-ca or verify-full$/],
    ['?sslmode=allow', /^sslmode=allow would go on in plain text/],
    ['?sslmode=verify_full', /^sslmode must be disable, require/],
    ['?sslmode=toString', /^sslmode must be/],
    ['?sslmode=verify-ca', /^sslmode=verify-ca needs sslrootcert/],
    ['?sslmode=verify-ca&sslrootcert=system', /^sslmode=verify-ca needs sslrootcert/],
    ['?sslmode=verify-full&sslnegotiation=fast', /^sslnegotiation must be postgres or direct/],
  ])('%s is refused with what to use', (query, sentence) => {
    expect(tlsProblem(url(query))).toMatch(sentence)
    expect(() => withTls({ connectionString: url(query) })).toThrow(sentence)
  })

  test('The mode of the environment counts where the URL has none, and the sentence names it', () => {
    vi.stubEnv('PGSSLMODE', 'prefer')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(() => withTls({ connectionString: url('') })).toThrow(/^PGSSLMODE=prefer would go on in plain text/)
    expect(withTls({ connectionString: url('?sslmode=require') }).ssl).toEqual({})
    // The embedded database is not meant.
    expect(withTls({ host: '/run/postgres', user: 'paperclip' }).ssl).toBe(false)
  })

  test('The driver reads no parameter of encryption a second time, and every other part of the URL stays', () => {
    const options = withTls({ connectionString: url('?sslmode=require&uselibpqcompat=true&sslnegotiation=direct&lock_timeout=1000') })
    expect(options).toEqual({ connectionString: url('?lock_timeout=1000'), ssl: {}, sslnegotiation: 'direct' })
    expect(withTls({ connectionString: url('?sslmode=disable') })).toEqual({ connectionString: url(''), ssl: false })
    expect(withTls({ connectionString: url('') })).toEqual({ connectionString: url(''), ssl: false })
  })

  test('A socket file of this machine is not encrypted, whatever the mode', () => {
    const socket = 'postgres://user@localhost/paperclip?host=%2Frun%2Fpostgres&sslmode=require'
    expect(withTls({ connectionString: socket }).ssl).toBe(false)
    expect(exposureOf(socket)).toBe('none')
  })

  test('A start can say which connections others could read or take over', () => {
    expect(exposureOf(url(''))).toBe('plain')
    expect(exposureOf(url('?sslmode=disable'))).toBe('plain')
    expect(exposureOf(url('?sslmode=no-verify'))).toBe('unverified')
    expect(exposureOf(url('?sslmode=require'))).toBe('none')
    for (const host of ['localhost', '127.0.0.1', '[::1]']) expect(exposureOf(`postgres://user@${host}:5432/paperclip`)).toBe('none')
  })
})

describe.skipIf(!hasOpenssl())('a Postgres that demands encryption (skipped where openssl is not installed)', { timeout: SLOW_MS }, () => {
  let postgres: TlsPostgres
  beforeAll(async () => {
    postgres = await startTlsPostgres()
  }, SLOW_MS)
  afterAll(() => postgres.stop(), SLOW_MS)

  const urlAt = (host: string, query: string): string =>
    `postgres://${postgres.user}:${encodeURIComponent(postgres.password)}@${host}:${postgres.port}/postgres${query}`

  /** Whether the session of a pool is encrypted, as Postgres sees it. */
  async function isEncrypted(host: string, query: string): Promise<boolean | undefined> {
    const pool = openPool({ connectionString: urlAt(host, query), max: 1 })
    onTestFinished(() => pool.end())
    const { rows } = await pool.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    return rows[0]?.ssl
  }

  /** The sentence with which a start ends. */
  async function refusalOf(host: string, query: string): Promise<string> {
    const logins = { application: { connectionString: urlAt(host, query) }, owner: null }
    const error = await migrateOnce(logins, new AbortController().signal).catch((reason: unknown) => reason)
    if (!isStartProblem(error)) throw error
    expect(error.message).not.toContain(postgres.password)
    return error.message
  }

  test('A URL without encryption is refused by Postgres, and the sentence names sslmode', async () => {
    for (const query of ['', '?sslmode=disable'])
      expect(await refusalOf('127.0.0.1', query)).toMatch(/\(28000\).*may demand sslmode=require/)
  })

  test('The mode no-verify encrypts and looks at no certificate', async () => {
    expect(await isEncrypted('127.0.0.1', '?sslmode=no-verify')).toBe(true)
  })

  test('The mode require verifies: without the authority it is refused with a sentence, with it the name must fit, too', async () => {
    expect(await refusalOf('localhost', '?sslmode=require')).toMatch(/is not trusted .*add the authority that signed it, as sslrootcert=/)
    expect(await isEncrypted('localhost', `?sslmode=require&sslrootcert=${postgres.authority}`)).toBe(true)
    expect(await refusalOf('127.0.0.1', `?sslmode=require&sslrootcert=${postgres.authority}`)).toMatch(/was made for another name/)
  })

  test('The mode verify-ca takes every name that the authority has signed, and no other authority', async () => {
    expect(await isEncrypted('127.0.0.1', `?sslmode=verify-ca&sslrootcert=${postgres.authority}`)).toBe(true)
    expect(await refusalOf('127.0.0.1', `?sslmode=verify-ca&sslrootcert=${postgres.stranger}`)).toMatch(/is not trusted/)
  })

  test('The mode verify-full takes the name of the certificate only, and no other authority', async () => {
    expect(await isEncrypted('localhost', `?sslmode=verify-full&sslrootcert=${postgres.authority}`)).toBe(true)
    expect(await refusalOf('127.0.0.1', `?sslmode=verify-full&sslrootcert=${postgres.authority}`)).toMatch(/was made for another name/)
    expect(await refusalOf('localhost', `?sslmode=verify-full&sslrootcert=${postgres.stranger}`)).toMatch(/is not trusted/)
    expect(await refusalOf('localhost', '?sslmode=verify-full&sslrootcert=system')).toMatch(/is not trusted/)
  })

  test('A file that cannot be read is named, and is not taken for a missing socket', async () => {
    expect(await refusalOf('localhost', '?sslmode=verify-full&sslrootcert=/nowhere/ca.pem')).toBe(
      'sslrootcert of the URL of the database names /nowhere/ca.pem, which cannot be read (ENOENT)',
    )
  })
})
