import { describe, expect, onTestFinished, test } from 'vitest'
import { captureLog } from '../dev/testing/captureLog.ts'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { databaseEnvOf, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import { createLog } from '../platform/kernel/log.ts'
import { isStartProblem } from '../platform/kernel/startProblem.ts'
import { joinSecretRegister } from './secretRegister.ts'
import type { SecretRegister, SigningSettings } from './secretRegister.ts'

const SECRETS = { one: 'one secret, long enough, of server A 4711', two: 'two secret, long enough, of server B 0815' } as const
const log = createLog('silent', false)

async function openDatabase(): Promise<{ readonly database: TestDatabase; readonly store: Store }> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const pool = database.open()
  onTestFinished(() => pool.end())
  return { database, store: createStore(pool) }
}

const noKeys = { runKeyIds: () => Promise.resolve({ signing: null, verifying: [] }), sessionSecrets: null }

const join = (store: Store, secret: string, previousSecret: string | null = null, audience = 'paperclip-api'): Promise<SecretRegister> =>
  joinSecretRegister(store, { secret, previousSecret, issuer: 'paperclip', audience, ...noKeys }, log)

/** A server with the same secret of run tokens as the others. */
const joinWith = (store: Store, settings: Partial<SigningSettings>, serverLog = log): Promise<SecretRegister> =>
  joinSecretRegister(
    store,
    { secret: SECRETS.one, previousSecret: null, issuer: 'paperclip', audience: 'paperclip-api', ...noKeys, ...settings },
    serverLog,
  )

const keysOf = (signing: string | null, ...others: readonly string[]): Pick<SigningSettings, 'runKeyIds'> => ({
  runKeyIds: () => Promise.resolve({ signing, verifying: [...(signing === null ? [] : [signing]), ...others] }),
})

const rowsOf = async (database: TestDatabase): Promise<number> =>
  (await database.sql.query<{ count: number }>('select count(*)::int as count from server_secrets')).rows[0]?.count ?? -1

describe('the register of secrets', () => {
  test('A server with another secret, or the same for another audience, is refused while the first lives (K38)', async () => {
    const { database, store } = await openDatabase()
    await join(store, SECRETS.one)
    await expect(join(store, SECRETS.two)).rejects.toThrow(
      /^Another server on this database uses another secret.*PAPERCLIP_AGENT_JWT_SECRET.*in 30 s$/,
    )
    await expect(join(store, SECRETS.one, null, 'other')).rejects.toThrow(/audience/)
    await join(store, SECRETS.one)
    expect(await rowsOf(database)).toBe(2)
  })

  test('A secret is replaced server by server, and a server that does not know the new one is refused (K38)', async () => {
    const { store } = await openDatabase()
    const first = await join(store, SECRETS.one)
    await join(store, SECRETS.two, SECRETS.one)
    await first.renew()
    await first.leave()
    await expect(join(store, SECRETS.one)).rejects.toThrow(/another secret/)
    await join(store, SECRETS.one, SECRETS.two)
  })

  test('Of two servers with different secrets that start at once exactly one is refused (K38)', async () => {
    const { database, store } = await openDatabase()
    for (let round = 0; round < 10; round += 1) {
      const outcomes = await Promise.allSettled([join(store, SECRETS.one), join(store, SECRETS.two)])
      const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
      expect(refused).toHaveLength(1)
      expect(isStartProblem(refused[0])).toBe(true)
      for (const each of outcomes) if (each.status === 'fulfilled') await each.value.leave()
      expect(await rowsOf(database)).toBe(0)
    }
  })

  test('A server that leaves while it renews its registration leaves none behind', async () => {
    const { database, store } = await openDatabase()
    for (let round = 0; round < 20; round += 1) {
      const server = await join(store, SECRETS.one)
      await Promise.all([server.renew(), server.leave()])
      await server.renew()
      expect(await rowsOf(database)).toBe(0)
    }
  })

  test('A secret may be lost: after an orderly stop at once, after a crash when the registration has run out', async () => {
    const { database, store } = await openDatabase()
    const first = await join(store, SECRETS.one)
    await first.leave()
    const crashed = await join(store, SECRETS.two)
    await database.passTime('20 seconds')
    await crashed.renew()
    await database.passTime('20 seconds')
    await expect(join(store, SECRETS.one)).rejects.toThrow(/in 10 s$/)
    await database.passTime('11 seconds')
    await join(store, SECRETS.one)
    expect(await rowsOf(database)).toBe(1)
  })

  test(
    'The second process with another secret exits with code 1 and one line, which has neither secret (K38)',
    { timeout: 180_000 },
    async () => {
      const database = await cloneDatabase()
      onTestFinished(() => database.drop())
      const env = databaseEnvOf(database.connection, database.owner)
      const first = startServerProcess({ home: temporaryHome(), env })
      await first.url()
      const second = startServerProcess({ home: temporaryHome(), env: { ...env, PAPERCLIP_AGENT_JWT_SECRET: SECRETS.two } })
      expect(await second.exited).toEqual({ code: 1, signal: null })
      expect(second.lines.filter(({ level }) => level === 60)).toMatchObject([{ msg: expect.stringContaining('another secret') }])
      expect(JSON.stringify(second.lines)).not.toContain(SECRETS.two)
      expect(await first.stop()).toEqual({ code: 0, signal: null })
      expect(await rowsOf(database)).toBe(0)
    },
  )
})

describe('the register of keys and of secrets of sessions', () => {
  test('A server that does not have the key with which another signs run tokens is refused, whatever it signs with itself (K38)', async () => {
    const { database, store } = await openDatabase()
    await joinWith(store, keysOf('key a'))
    for (const keys of [keysOf('key b'), keysOf(null), keysOf(null, 'key b')])
      await expect(joinWith(store, keys)).rejects.toThrow(
        /^Another server on this database signs run tokens with a key.*PAPERCLIP_AGENT_JWT_KEYS.*in 30 s$/,
      )
    await joinWith(store, keysOf('key b', 'key a'))
    expect(await rowsOf(database)).toBe(2)
  })

  test('Servers change to EdDSA one by one when all of them have the keys first, and the other way', async () => {
    const { store } = await openDatabase()
    const both = [await joinWith(store, keysOf(null, 'key a')), await joinWith(store, keysOf(null, 'key a'))]
    for (const server of both) {
      await server.leave()
      await joinWith(store, keysOf('key a'))
    }
    await joinWith(store, keysOf(null, 'key a'))
  })

  test('A rotation while servers run is seen in the register, and a server that missed it is refused', async () => {
    const { store } = await openDatabase()
    let ids = { signing: 'key a', verifying: ['key a'] }
    const server = await joinWith(store, { runKeyIds: () => Promise.resolve(ids) })
    ids = { signing: 'key b', verifying: ['key a', 'key b'] }
    await server.renew()
    await expect(joinWith(store, keysOf('key a'))).rejects.toThrow(/signs run tokens with a key/)
    await joinWith(store, keysOf('key a', 'key b'))
  })

  test('A server that signs sessions with another secret is refused with one sentence that has neither secret', async () => {
    const { database, store } = await openDatabase()
    await joinWith(store, { sessionSecrets: [SECRETS.one] })
    const refused = await joinWith(store, { sessionSecrets: [SECRETS.two] }).catch((error: unknown) => error)
    expect(isStartProblem(refused)).toBe(true)
    expect(String(refused)).toMatch(/Another server on this database signs sessions with another secret.*BETTER_AUTH_SECRET/)
    const { rows } = await database.sql.query('select * from server_secrets')
    for (const secret of Object.values(SECRETS)) expect(`${String(refused)}${JSON.stringify(rows)}`).not.toContain(secret)
  })

  test('The secret of sessions is replaced server by server with a list, and servers without sign-in do not matter', async () => {
    const { store } = await openDatabase()
    const old = await joinWith(store, { sessionSecrets: [SECRETS.one] })
    await joinWith(store, { sessionSecrets: null })
    const prepared = await joinWith(store, { sessionSecrets: [SECRETS.one, SECRETS.two] })
    await old.leave()
    await joinWith(store, { sessionSecrets: [SECRETS.two, SECRETS.one] })
    await prepared.renew()
    await prepared.leave()
    await expect(joinWith(store, { sessionSecrets: [SECRETS.one] })).rejects.toThrow(/signs sessions/)
    await joinWith(store, { sessionSecrets: [SECRETS.two] })
  })

  test('A server whose registration ran out while it was stopped says once what another one has different', async () => {
    const { database, store } = await openDatabase()
    const kept = captureLog()
    const stopped = await joinWith(store, { sessionSecrets: [SECRETS.one] }, kept.log)
    await database.passTime('31 seconds')
    await joinWith(store, { sessionSecrets: [SECRETS.two] })
    for (let count = 0; count < 4; count += 1) await stopped.renew()
    expect(kept.text().trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(kept.text())).toMatchObject({
      level: 50,
      difference: 'session_secret',
      msg: expect.stringContaining('uses another secret') as string,
    })
  })
})
