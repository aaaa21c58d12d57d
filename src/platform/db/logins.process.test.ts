import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { freePort } from '../../dev/testing/freePort.ts'
import { databaseUrlOf, pollFor, temporaryHome } from '../../dev/testing/serverProcess.ts'
import { isStartProblem } from '../kernel/startProblem.ts'
import { connectProblem } from './connectProblem.ts'
import { backendPidOf } from './driver/backendPid.ts'
import { openPool } from './driver/client.ts'
import { requireSessions } from './driver/sessions.ts'
import { migrateOnce } from './migrate.ts'

const SLOW_MS = 180_000
const PASSWORD = 'never-to-be-shown'

const has = (file: string): boolean => {
  try {
    accessSync(file)
    return true
  } catch {
    return false
  }
}

/** Clones a database for one test. */
async function database(): Promise<TestDatabase> {
  const clone = await cloneDatabase()
  onTestFinished(() => clone.drop())
  return clone
}

/** The sentence with which a start ends on these URLs. */
async function refusalOf(urls: { readonly DATABASE_URL: string; readonly DATABASE_OWNER_URL?: string }): Promise<string> {
  const owner = urls.DATABASE_OWNER_URL === undefined ? null : { connectionString: urls.DATABASE_OWNER_URL }
  const logins = { application: { connectionString: urls.DATABASE_URL }, owner }
  const error = await migrateOnce(logins, new AbortController().signal).catch((reason: unknown) => reason)
  if (!isStartProblem(error)) throw error
  expect(error.message).not.toContain(PASSWORD)
  return error.message
}

const PGBOUNCER = '/usr/sbin/pgbouncer'

/** Starts PgBouncer before a test's database, with settings that let a server of before connect. @returns the port */
async function startPgBouncer({ connection, owner }: TestDatabase, settings: Readonly<Record<string, string>>): Promise<number> {
  const folder = temporaryHome()
  const port = await freePort()
  const { uid, gid } = statSync(String(connection.host))
  const file = path.join(folder, 'pgbouncer.ini')
  const users = path.join(folder, 'users.txt')
  writeFileSync(users, [connection, owner].map(({ user, password }) => `"${user}" "${String(password)}"\n`).join(''))
  const lines = Object.entries({
    listen_addr: '127.0.0.1',
    listen_port: port,
    auth_type: 'trust',
    auth_file: users,
    unix_socket_dir: '',
    ...settings,
  }).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(file, `[databases]\n* = host=${connection.host} port=${connection.port}\n[pgbouncer]\n${lines.join('')}`)
  const account = process.getuid?.() === 0 ? { uid: uid === 0 ? gid : uid, gid } : {}
  if ('uid' in account) for (const each of [folder, file, users]) chownSync(each, account.uid ?? 0, account.gid ?? 0)
  const child = spawn(PGBOUNCER, [file], { ...account, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await pollFor('PgBouncer listens', () => {
    if (child.exitCode !== null) throw new Error(said)
    return said.includes('process up')
  })
  return port
}

/** The URL of a login at a port of this machine. */
const urlAt = (port: number, { user, password, database: name }: TestDatabase['owner'], query = ''): string =>
  `postgres://${user}:${encodeURIComponent(String(password))}@127.0.0.1:${port}/${name}${query}`

/** The variables of a server behind a port of this machine. */
const behind = ({ connection, owner }: TestDatabase, port: number) => ({
  DATABASE_URL: urlAt(port, connection),
  DATABASE_OWNER_URL: urlAt(port, owner),
})

const STARTUP_PARAMETERS = 'options, lock_timeout, statement_timeout, idle_in_transaction_session_timeout, extra_float_digits'

const OPENSSL = '/usr/bin/openssl'

/** A certificate that no authority signed, with its key. */
function selfSigned(): { readonly key: Buffer; readonly cert: Buffer } {
  const [keyFile, certFile] = ['key.pem', 'cert.pem'].map((name) => path.join(temporaryHome(), name)) as [string, string]
  const subject = ['-subj', '/CN=127.0.0.1', '-days', '2']
  execFileSync(OPENSSL, ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, ...subject], {
    stdio: 'ignore',
  })
  return { key: readFileSync(keyFile), cert: readFileSync(certFile) }
}

/** Answers the request for encryption as Postgres does, with a certificate or with a refusal. @returns the port */
async function startFakePostgres(identity: ReturnType<typeof selfSigned> | null): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(identity === null ? 'N' : 'S')
      if (identity !== null) new TLSSocket(socket, { isServer: true, ...identity }).on('error', () => {})
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe.skipIf(!has(PGBOUNCER))('a server behind PgBouncer (skipped where PgBouncer is not installed)', { timeout: SLOW_MS }, () => {
  test('Transaction mode is refused with a sentence that says what to do, whatever the number of sessions (K30)', async () => {
    const clone = await database()
    for (const size of ['1', '20']) {
      const settings = { pool_mode: 'transaction', ignore_startup_parameters: STARTUP_PARAMETERS, default_pool_size: size }
      const said = await refusalOf(behind(clone, await startPgBouncer(clone, settings)))
      expect(said).toMatch(
        /^DATABASE_URL leads to a pooler that gives each transaction another session.*: give the address of Postgres itself/,
      )
    }
  })

  test('Session mode that ignores the start-up parameters is refused, and each setting is named (K30)', async () => {
    const clone = await database()
    const settings = { pool_mode: 'session', ignore_startup_parameters: STARTUP_PARAMETERS }
    const said = await refusalOf(behind(clone, await startPgBouncer(clone, settings)))
    expect(said).toContain('not in force')
    for (const name of ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout']) expect(said).toContain(name)
  })

  test('A pooler that takes no start-up parameters at all is named as one (K30)', async () => {
    const clone = await database()
    const said = await refusalOf(behind(clone, await startPgBouncer(clone, { pool_mode: 'session' })))
    expect(said).toMatch(/^DATABASE_URL: 127\.0\.0\.1:\d+ refuses how a session begins \(08P01\): it is a pooler/)
  })
})

describe('the sessions of a pool', { timeout: SLOW_MS }, () => {
  test.skipIf(!has(PGBOUNCER))(
    'The guard of the pools that serve is named when a pooler ignores it (K30; skipped without PgBouncer)',
    async () => {
      const clone = await database()
      const port = await startPgBouncer(clone, { pool_mode: 'session', ignore_startup_parameters: STARTUP_PARAMETERS })
      const pool = openPool({ connectionString: urlAt(port, clone.connection) }, 'generic', { readOnlyByDefault: true })
      onTestFinished(() => pool.end())
      await expect(requireSessions(pool, 'DATABASE_URL')).rejects.toThrow(/default_transaction_read_only, .*enable_seqscan/)
    },
  )

  test('The pools of a server on Postgres itself pass, and the operator may change a time limit in the URL', async () => {
    const { connection } = await database()
    for (const query of ['', '&lock_timeout=1000&options=-c%20statement_timeout%3D9000']) {
      const pool = openPool({ connectionString: `${databaseUrlOf(connection)}${query}` }, 'generic', { readOnlyByDefault: true })
      onTestFinished(() => pool.end())
      await requireSessions(pool, 'DATABASE_URL')
      expect(pool.totalCount).toBe(2)
    }
  })

  test('Where the driver received process ids that are none of Postgres, Postgres is asked on every later connection', async () => {
    const { connection } = await database()
    const pool = openPool(connection, 'custom', { readOnlyByDefault: true })
    onTestFinished(() => pool.end())
    pool.on('connect', (client) => void Object.assign(client, { processID: 7 }))
    await requireSessions(pool, 'DATABASE_URL')
    const later = await Promise.all([1, 2, 3].map(() => pool.connect()))
    onTestFinished(() => later.forEach((each) => each.release()))
    for (const each of later) {
      const { rows } = await each.query<{ pid: number }>('select pg_backend_pid() as pid')
      expect(backendPidOf(each)).toBe(rows[0]?.pid)
    }
  })
})

describe('a database that cannot be used', { timeout: SLOW_MS }, () => {
  test('A refused connection, an unknown host and a missing socket are one sentence each, with the host (K39)', async () => {
    const port = await freePort()
    expect(await refusalOf({ DATABASE_URL: `postgres://user:${PASSWORD}@127.0.0.1:${port}/db` })).toMatch(
      new RegExp(`^DATABASE_URL: 127\\.0\\.0\\.1:${port} refuses the connection \\(ECONNREFUSED\\): check that Postgres runs`),
    )
    expect(await refusalOf({ DATABASE_URL: `postgres://user:${PASSWORD}@localhost/db?host=/nowhere` })).toMatch(
      /^DATABASE_URL: there is no socket of Postgres at \/nowhere:5432 \(ENOENT\)/,
    )
    expect(await refusalOf({ DATABASE_URL: `postgres://user:${PASSWORD}@no-such-host.invalid/db` })).toMatch(
      /^DATABASE_URL: the host of no-such-host\.invalid:5432 is not known \((?:ENOTFOUND|EAI_AGAIN)\)/,
    )
  })

  test('A connection that ends later in the start is one sentence, which asks for another start (K39)', () => {
    const url = `postgres://user:${PASSWORD}@database.example/db`
    const failed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    const begin = Object.assign(new Error('the transaction could not begin', { cause: failed }), { code: '08006' })
    const problem = connectProblem(begin, 'DATABASE_URL', url)
    expect(isStartProblem(problem)).toBe(true)
    expect(String(problem)).toBe(
      'Error: DATABASE_URL: database.example:5432 ended a connection while this server started (08006): start it again',
    )
    const fault = new Error('a fault of this program')
    expect(connectProblem(fault, 'DATABASE_URL', url)).toBe(fault)
  })

  test('A missing database and a wrong password name the variable and what to do, and never the password (K39)', async () => {
    const { connection, owner } = await database()
    expect(await refusalOf({ DATABASE_URL: databaseUrlOf({ ...connection, database: 'never_made' }) })).toMatch(
      /^DATABASE_URL: .* has no database "never_made" \(3D000\): make it, for example with createdb/,
    )
    const wrong = databaseUrlOf({ ...owner, password: PASSWORD })
    expect(await refusalOf({ DATABASE_URL: databaseUrlOf(connection), DATABASE_OWNER_URL: wrong })).toMatch(
      new RegExp(`^DATABASE_OWNER_URL: .* refuses the password of "${owner.user}" \\(28P01\\)`),
    )
  })

  test.skipIf(!has(OPENSSL))('A certificate of an unknown authority, and no encryption at all, say how they are mended (K39)', async () => {
    const { connection } = await database()
    const login = { ...connection, password: PASSWORD }
    expect(await refusalOf({ DATABASE_URL: urlAt(await startFakePostgres(null), login, '?sslmode=require') })).toMatch(
      /^DATABASE_URL: 127\.0\.0\.1:\d+ offers no encryption \(no TLS\): switch it on there/,
    )
    expect(await refusalOf({ DATABASE_URL: urlAt(await startFakePostgres(selfSigned()), login, '?sslmode=require') })).toMatch(
      /^DATABASE_URL: the certificate of 127\.0\.0\.1:\d+ is not trusted \([A-Z_]+\): add the authority that signed it/,
    )
  })
})
