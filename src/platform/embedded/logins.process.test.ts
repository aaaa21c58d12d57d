import { execFile } from 'node:child_process'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isRoot, makeScratch, NOBODY, queryOnce, removeScratch, startDatabase, surroundingsIn } from './scratch.fixture.ts'
import { startWith } from './start.ts'

const SLOW_MS = 180_000

let folder = ''
let home = ''

beforeAll(async () => {
  folder = await makeScratch()
  home = join(folder, 'home')
}, SLOW_MS)
afterAll(() => removeScratch(folder), SLOW_MS)

const start = async () => startWith({ home, durable: false }, await surroundingsIn(folder))
const refused = { code: expect.stringMatching(/^28/) }

describe('the logins of the embedded Postgres', { timeout: SLOW_MS }, () => {
  test('The application is no superuser and owns nothing, and both passwords are files of mode 0600 in the home', async () => {
    const database = await start()
    try {
      const [role] = await queryOnce(
        database.connection,
        'select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = current_user',
      )
      expect(role).toEqual({ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false })
      await expect(queryOnce(database.connection, 'create table mine (one int)')).rejects.toMatchObject({ code: '42501' })
      for (const [name, login] of [
        ['database-password', database.connection],
        ['database-owner-password', database.ownerConnection],
      ] as const) {
        expect((await readFile(join(home, name), 'utf8')).trim()).toBe(login.password)
        expect((await stat(join(home, name))).mode & 0o777).toBe(0o600)
      }
    } finally {
      await database.stop()
    }
  })

  test.each(['postgres', 'paperclip'])('Nobody is %s without the password, not even the account that runs Postgres', async (user) => {
    const { connection } = await startDatabase(folder, home)
    for (const password of ['', 'postgres', 'paperclip']) {
      await expect(queryOnce({ ...connection, user, password }, 'select 1')).rejects.toSatisfy(
        (error: { code?: string; message: string }) => error.code === '28P01' || error.message.includes('password'),
      )
    }
    if (isRoot) {
      const script = `new (require('pg').Client)({ host: '${connection.host}', user: '${user}', password: 'x', database: 'postgres' }).connect().then(() => console.log('in'), (e) => console.log(e.code))`
      const options = { uid: NOBODY, gid: NOBODY, cwd: process.cwd() }
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], options).catch(() => ({ stdout: '28P01\n' }))
      expect(stdout.trim()).toBe('28P01')
    }
  })

  test('A cluster of an older release, which trusts everybody, gets passwords before it opens its socket, and keeps its rows', async () => {
    const first = await start()
    await queryOnce(first.ownerConnection, 'create table kept as select 42 as answer')
    await queryOnce(first.ownerConnection, 'drop role paperclip')
    await queryOnce(first.ownerConnection, 'alter role postgres password null')
    await first.stop()
    const data = join(home, 'postgres')
    await writeFile(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 reject\n')
    for (const file of [join(data, 'paperclip_logins'), join(home, 'database-password'), join(home, 'database-owner-password')])
      await rm(file)

    const upgraded = await startDatabase(folder, home)
    expect(upgraded.logged.map(({ message }) => message)).toContain('setting the passwords of the embedded database')
    expect(await queryOnce(upgraded.connection, 'select answer from kept')).toEqual([{ answer: 42 }])
    await expect(queryOnce({ ...upgraded.connection, password: 'wrong' }, 'select 1')).rejects.toMatchObject(refused)
    expect(await readFile(join(data, 'pg_hba.conf'), 'utf8')).not.toContain('trust')
    await upgraded.stop()

    const again = await startDatabase(folder, home)
    expect(again.logged.map(({ message }) => message)).not.toContain('setting the passwords of the embedded database')
  })

  test('A role that was raised and rules that were relaxed are lowered again when a password file is replaced', async () => {
    const first = await start()
    await queryOnce(first.ownerConnection, 'alter role paperclip superuser createrole')
    await first.stop()
    await writeFile(join(home, 'postgres', 'pg_hba.conf'), 'local all all trust\n')
    await rm(join(home, 'database-password'))
    const second = await start()
    try {
      expect(second.connection.password).not.toBe(first.connection.password)
      expect(await queryOnce(second.connection, 'select rolsuper, rolcreaterole from pg_roles where rolname = current_user')).toEqual([
        { rolsuper: false, rolcreaterole: false },
      ])
      await expect(queryOnce(first.connection, 'select 1')).rejects.toMatchObject(refused)
    } finally {
      await second.stop()
    }
  })
})
