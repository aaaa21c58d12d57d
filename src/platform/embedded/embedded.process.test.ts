import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  NOBODY,
  queryOnce,
  isRoot,
  makeScratch,
  spawnOwner,
  postgresOf,
  postmasterPid,
  insertMarkerRow,
  hasMarkerRow,
  removeScratch,
  scratchFolder,
  startDatabase,
  surroundingsIn,
  until,
  untilQuiet,
} from './scratch.fixture.ts'
import { startWith } from './start.ts'

const SLOW_MS = 180_000

// Most tests share one cluster and start and stop a server of their own on it, because initdb writes 40 MB.
let folder = ''
let home = ''

beforeAll(async () => {
  folder = await makeScratch()
  home = join(folder, 'home')
  const first = await startWith({ home, durable: false }, await surroundingsIn(folder))
  await first.stop()
}, SLOW_MS)

afterAll(() => removeScratch(folder), SLOW_MS)

describe('startEmbedded: the data', { timeout: SLOW_MS }, () => {
  test('A second start finds the rows of the first', async () => {
    const first = await startDatabase(folder, home)
    await insertMarkerRow(first.connection, 'second_start')
    await first.stop()
    const second = await startDatabase(folder, home)
    expect(await hasMarkerRow(second.connection, 'second_start')).toBe(true)
    expect(second.connection).toEqual(first.connection)
  })

  test('Committed rows of a durable database survive a SIGKILL of all its processes at once', async () => {
    const first = await spawnOwner({ home, durable: true })
    await insertMarkerRow(await first.connection(), 'durable')
    const pids = await postgresOf(home)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await first.kill()
    expect(pids.length).toBeGreaterThan(1)

    const second = await spawnOwner({ home, durable: true })
    expect(await hasMarkerRow(await second.connection(), 'durable')).toBe(true)
  })

  test.for([
    { durable: true, expected: 'on' },
    { durable: false, expected: 'off' },
  ])('With durable: $durable, fsync, synchronous_commit, full_page_writes and autovacuum are $expected', async ({ durable, expected }) => {
    const { connection } = await startDatabase(folder, home, durable)
    const names = `('fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum')`
    const rows = await queryOnce(connection, `select distinct setting from pg_settings where name in ${names}`)
    expect(rows).toEqual([{ setting: expected }])
  })

  test('The database has UTF-8 text, the same locale on every machine, and the time zone UTC', async () => {
    const { connection } = await startDatabase(folder, home)
    const [row] = await queryOnce(
      connection,
      `select current_setting('server_encoding') as encoding, datlocprovider as provider, datlocale as locale,
              current_setting('timezone') as zone, upper('é') as upper from pg_database where datname = 'postgres'`,
    )
    expect(row).toEqual({ encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8', zone: 'UTC', upper: 'É' })
  })

  test('A start that is killed during initdb does not block the next start', async () => {
    const fresh = join(await scratchFolder(), 'home')
    const first = await spawnOwner({ home: fresh })
    await until('initdb runs', async () => (await readdir(fresh).catch(() => [])).some((name) => name.includes('.init-')))
    await first.kill()
    expect(await stat(join(fresh, 'postgres')).catch(() => null)).toBeNull()
    const second = await spawnOwner({ home: fresh })
    expect(await queryOnce(await second.connection(), 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('startEmbedded: start, restart and stop', { timeout: SLOW_MS }, () => {
  test.for(['setpriv', 'pipe'] as const)(
    'A SIGKILL of the server also ends its Postgres, with the death signal %s',
    async (deathSignal) => {
      const surroundings = { ...(await surroundingsIn(folder)), deathSignal }
      const first = await spawnOwner({ home, surroundings })
      await insertMarkerRow(await first.connection(), `killed_${deathSignal}`)
      expect((await postgresOf(home)).length).toBeGreaterThan(1)
      await first.kill()
      await untilQuiet(home)
      expect(await postmasterPid(home)).toBeNull()

      const second = await spawnOwner({ home, surroundings })
      expect(await hasMarkerRow(await second.connection(), `killed_${deathSignal}`)).toBe(true)
    },
  )

  test('A start right after a SIGKILL waits for the old Postgres to exit and then uses its data', async () => {
    const first = await spawnOwner({ home })
    await insertMarkerRow(await first.connection(), 'taken_over')
    const pid = await until('a postmaster', () => postmasterPid(home))
    // A stopped process cannot act on the signal, which holds the moment between the end of the owner and the shutdown.
    process.kill(pid, 'SIGSTOP')
    onTestFinished(() => resume(pid))
    await first.kill()
    const second = await spawnOwner({ home })
    expect(await second.waitForLine('log')).toMatchObject({ log: expect.stringContaining('waiting'), pid, verdict: 'orphan' })
    resume(pid)
    expect(await hasMarkerRow(await second.connection(), 'taken_over')).toBe(true)
    expect(await postmasterPid(home)).not.toBe(pid)
  })

  test('A start waits for a postmaster that is a zombie, because its owner has not collected it yet', async () => {
    const first = await spawnOwner({ home, durable: true })
    await insertMarkerRow(await first.connection(), 'uncollected')
    const pid = await until('a postmaster', () => postmasterPid(home))
    first.child.kill('SIGSTOP')
    process.kill(pid, 'SIGKILL')
    const second = await spawnOwner({ home })
    expect(await second.waitForLine('log')).toMatchObject({ pid, verdict: 'zombie' })
    await first.kill()
    expect(await hasMarkerRow(await second.connection(), 'uncollected')).toBe(true)
  })

  test.for(['setpriv', 'pipe'] as const)(
    'A call of stop ends Postgres and its watcher and may be repeated, with the death signal %s',
    async (deathSignal) => {
      const database = await startWith({ home, durable: false }, { ...(await surroundingsIn(folder)), deathSignal })
      onTestFinished(() => database.stop())
      expect((await commandLines()).filter((line) => line.includes(home))).not.toEqual([])
      await Promise.all([database.stop(), database.stop()])
      await database.stop()
      expect(await postgresOf(home)).toEqual([])
      expect(await postmasterPid(home)).toBeNull()
      // The command line of the watcher, a shell, contains that of Postgres.
      await until('no watcher', async () => !(await commandLines()).some((line) => line.includes(home)))
    },
  )

  test('A Ctrl-C in the terminal of the server does not reach Postgres', async () => {
    const server = await spawnOwner({ home })
    const connection = await server.connection()
    const pid = await postmasterPid(home)
    const group = server.child.pid
    if (group === undefined) throw new Error('the owner has no pid')
    process.kill(-group, 'SIGINT')
    await server.waitForLine('interrupted')
    expect(await queryOnce(connection, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await postmasterPid(home)).toBe(pid)
    await server.stop()
    expect(await postgresOf(home)).toEqual([])
  })

  test('A killed Postgres is restarted, and the same connection pool can be used again', async () => {
    // Durable, because a test database that is killed may lose its last commits.
    const database = await startDatabase(folder, home, true)
    const pool = new Pool({ ...database.connection, max: 2 })
    pool.on('error', () => undefined)
    onTestFinished(() => pool.end())
    await pool.query('create table came_back as select 42 as answer')
    for (const _ of [1, 2]) {
      const pid = await until('a postmaster', () => postmasterPid(home))
      process.kill(pid, 'SIGKILL')
      await until('another postmaster', async () => ![null, pid].includes(await postmasterPid(home)))
      const answer = await until('an answer', () => pool.query('select answer from came_back').catch(() => null))
      expect(answer.rows).toEqual([{ answer: 42 }])
    }
    expect(database.logged.map(({ message }) => message)).toContain('Postgres runs again')
  })

  test('A stop during a restart leaves no process running', async () => {
    const database = await startDatabase(folder, home)
    process.kill(await until('a postmaster', () => postmasterPid(home)), 'SIGKILL')
    await until('the exit is logged', async () => database.logged.some(({ message }) => message.includes('exited unexpectedly')))
    await database.stop()
    await untilQuiet(home)
    expect(database.logged.map(({ message }) => message)).not.toContain('Postgres runs again')
  })

  test('The error for a Postgres that exits before it is ready contains the end of its log', async () => {
    const settings = join(home, 'postgres', 'postgresql.conf')
    const original = await readFile(settings)
    onTestFinished(() => writeFile(settings, original))
    await writeFile(settings, 'shared_buffers = a lot\n')
    await expect(startDatabase(folder, home)).rejects.toThrow(/exited before it was ready \(code 1\)[^]*syntax error/)
  })

  test('A log that has grown too long is moved aside at the start', async () => {
    const logFile = join(home, 'postgres.log')
    await writeFile(logFile, Buffer.alloc(5 * 1024 * 1024, 'x'))
    await startDatabase(folder, home)
    expect((await stat(`${logFile}.1`)).size).toBe(5 * 1024 * 1024)
    expect(await readFile(logFile, 'utf8')).toMatch(/^\d{4}-.*ready to accept connections\n$/s)
  })
})

describe('startEmbedded: one data folder for one server', { timeout: SLOW_MS }, () => {
  test('A second server on the same home is refused with a hint at DATABASE_URL, and the first continues', async () => {
    const first = await spawnOwner({ home })
    const connection = await first.connection()
    const second = await spawnOwner({ home })
    const { refused } = await second.waitForLine('refused')
    expect(refused).toMatch(/Another server is using the embedded database .* DATABASE_URL/)
    expect(await queryOnce(connection, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('Of two concurrent first starts one serves and the other is refused', async () => {
    const fresh = await scratchFolder()
    const outcomes = await Promise.allSettled([startDatabase(fresh), startDatabase(fresh)])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const refusal = outcomes.find((outcome) => outcome.status === 'rejected')
    expect(String(refusal?.reason)).toContain('DATABASE_URL')
    expect((await readdir(join(fresh, 'home'))).filter((name) => name.includes('.init-'))).toEqual([])
  })

  test('A lock file that names the process of another program is removed, and that process is not signalled', async () => {
    const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' })
    const ended = once(stranger, 'exit')
    onTestFinished(async () => {
      stranger.kill()
      await ended
    })
    const data = join(home, 'postgres')
    await writeFile(join(data, 'postmaster.pid'), `${stranger.pid}\n${data}\n1700000000\n5432\n/tmp\n\n  1 2\nready   \n`)
    const again = await startDatabase(folder, home)
    expect(await queryOnce(again.connection, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(again.logged).toContainEqual(expect.objectContaining({ facts: { pid: stranger.pid, verdict: 'stranger' } }))
    expect(stranger.exitCode).toBeNull()
  })
})

describe('startEmbedded: access', { timeout: SLOW_MS }, () => {
  test('Postgres does not listen on TCP, and other users can access neither log nor data nor socket', async () => {
    const { connection } = await startDatabase(folder, home)
    expect(await queryOnce(connection, 'show listen_addresses')).toEqual([{ listen_addresses: '' }])
    const modes = ['', 'postgres', 'socket', 'postgres.log'].map(async (name) => (await stat(join(home, name))).mode & 0o7)
    expect(await Promise.all(modes)).toEqual([0, 0, 0, 0])
    const rules = (await readFile(join(home, 'postgres', 'pg_hba.conf'), 'utf8')).split('\n')
    expect(rules.filter((line) => line.startsWith('host') && !line.endsWith('reject'))).toEqual([])
  })

  test.skipIf(!isRoot)('Another account cannot connect (needs root, to change the account)', async () => {
    const { connection } = await startDatabase(folder, home)
    const socket = `${connection.host}/.s.PGSQL.${connection.port}`
    const connectScript = `require('net').connect('${socket}', () => process.exit(1)).on('error', (e) => console.log(e.code))`
    // Account 1 is `daemon` on every system. The group of Postgres may enter the home, but not the socket folder.
    for (const gid of [1, NOBODY]) {
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', connectScript], { uid: 1, gid, cwd: '/' })
      expect(stdout.trim()).toBe('EACCES')
    }
  })

  test('A home whose path is too long for a socket works, with the socket in another folder', async () => {
    const fresh = await scratchFolder()
    const deep = join(fresh, ...Array<string>(5).fill('a-rather-long-name-of-a-folder'), 'home')
    let socket = join(fresh, 'socket')
    // For an ordinary user the socket is outside the scratch folder. This handler is registered first, so it runs after the stop.
    onTestFinished(() => rm(socket, { recursive: true, force: true }))
    const { connection } = await startDatabase(fresh, deep)
    socket = connection.host
    expect(connection.host.length).toBeLessThan(90)
    expect(await queryOnce(connection, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // The process has exited already.
  }
}

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
}
